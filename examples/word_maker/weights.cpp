#include "word_maker/weights.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/io/safetensors.hpp"
#include "word_lists/letters.hpp"

namespace word_maker {

namespace tg = tapegrad;

namespace {

constexpr const char* kMade = "word_maker";
constexpr std::int64_t kLargestSize = 1 << 16;

std::string kind_name(Kind kind) { return kind == Kind::words ? "words" : "text"; }

/// Throws ValueError unless the weights are as large as the sizes say: a network of what a broken file's metadata says
/// might take all memory there is. A layer takes four times what the one weight does that is looked at here.
void expect_weights_for(const ModelSizes& sizes, const tg::NamedTensors& weights) {
  const auto expect = [&](const std::string& name, const tg::Shape& shape) {
    const tg::Tensor* weight = weights.find(name);
    if (weight == nullptr || weight->shape() != shape)
      throw tg::ValueError(fmt::format("{} is {} instead of {}", name,
                                       weight == nullptr ? "missing" : tg::to_string(weight->shape()),
                                       tg::to_string(shape)));
  };
  expect("embed.weight", {sizes.vocabulary, sizes.embed});
  expect("position.weight", {sizes.length, sizes.embed});
  for (std::int64_t l = 0; l < sizes.layers; ++l)
    expect(fmt::format("encoder.layers.{}.self_attn.in_proj_weight", l), {3 * sizes.embed, sizes.embed});
}

/// Throws ValueError where the two do not agree, or save() wrote neither.
Maker made_of(const std::map<std::string, std::string>& metadata, const tg::NamedTensors& weights) {
  const auto text = [&](const char* key) -> const std::string& {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw tg::ValueError(fmt::format("no \"{}\" in its metadata", key));
    return found->second;
  };
  const auto size = [&](const char* key) {
    const std::string& digits = text(key);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > kLargestSize)
      throw tg::ValueError(fmt::format("\"{}\" is \"{}\"", key, digits));
    return value;
  };
  if (text("made_by") != kMade) throw tg::ValueError("made by another program");
  const std::string& kind = text("kind");
  if (kind != kind_name(Kind::words) && kind != kind_name(Kind::text))
    throw tg::ValueError(fmt::format("\"kind\" is \"{}\"", kind));
  Vocabulary vocabulary(word_lists::decode(text("alphabet"), word_lists::Encoding::utf8));
  const ModelSizes sizes{.vocabulary = vocabulary.size(),
                         .length = size("length"),
                         .embed = size("embed"),
                         .layers = size("layers"),
                         .heads = size("heads")};
  expect_weights_for(sizes, weights);
  Maker maker{.kind = kind == kind_name(Kind::words) ? Kind::words : Kind::text,
              .language = text("language"),
              .vocabulary = std::move(vocabulary),
              .model = CharacterModel(sizes)};
  maker.model.load_state_dict(weights);
  return maker;
}

}  // namespace

void save(const std::string& path, const Maker& maker) {
  const ModelSizes& sizes = maker.model.sizes();
  tg::save_safetensors(path, maker.model.state_dict(),
                       {{"made_by", kMade},
                        {"kind", kind_name(maker.kind)},
                        {"language", maker.language},
                        {"alphabet", word_lists::to_utf8(maker.vocabulary.characters())},
                        {"length", std::to_string(sizes.length)},
                        {"embed", std::to_string(sizes.embed)},
                        {"layers", std::to_string(sizes.layers)},
                        {"heads", std::to_string(sizes.heads)}});
}

Maker load(const std::string& path) {
  const std::map<std::string, std::string> metadata = tg::load_safetensors_metadata(path);
  const tg::NamedTensors weights = tg::load_safetensors(path);
  try {
    return made_of(metadata, weights);
  } catch (const tg::Error& error) {
    throw tg::IoError(fmt::format("[load] {}: {}; expected weights that word_maker has saved", path, error.what()));
  }
}

}  // namespace word_maker
