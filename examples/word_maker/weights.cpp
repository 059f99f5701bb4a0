#include "word_maker/weights.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "tapegrad/base/error.hpp"
#include "tapegrad/io/safetensors.hpp"
#include "word_lists/letters.hpp"

namespace word_maker {

namespace tg = tapegrad;

namespace {

constexpr const char* kMade = "word_maker";
constexpr std::int64_t kLargestSize = 1 << 16;  // a broken file must not ask for all memory there is

std::string kind_name(Kind kind) { return kind == Kind::words ? "words" : "text"; }

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
  const auto fail = [&](const std::string& reason) {
    throw tg::IoError(fmt::format("[load] {}: {}; expected weights that word_maker has saved", path, reason));
  };
  const auto text = [&](const char* key) -> const std::string& {
    const auto found = metadata.find(key);
    if (found == metadata.end()) fail(fmt::format("no \"{}\" in its metadata", key));
    return found->second;
  };
  const auto size = [&](const char* key) {
    const std::string& digits = text(key);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 1 || value > kLargestSize)
      fail(fmt::format("\"{}\" is \"{}\"", key, digits));
    return value;
  };
  if (text("made_by") != kMade) fail("made by another program");
  const std::string& kind = text("kind");
  if (kind != kind_name(Kind::words) && kind != kind_name(Kind::text)) fail(fmt::format("\"kind\" is \"{}\"", kind));
  Vocabulary vocabulary(word_lists::decode(text("alphabet"), word_lists::Encoding::utf8));
  const ModelSizes sizes{.vocabulary = vocabulary.size(),
                         .length = size("length"),
                         .embed = size("embed"),
                         .layers = size("layers"),
                         .heads = size("heads")};
  Maker maker{.kind = kind == kind_name(Kind::words) ? Kind::words : Kind::text,
              .language = text("language"),
              .vocabulary = std::move(vocabulary),
              .model = CharacterModel(sizes)};
  try {
    maker.model.load_state_dict(tg::load_safetensors(path));
  } catch (const tg::ValueError& error) {
    fail(error.what());
  }
  return maker;
}

}  // namespace word_maker
