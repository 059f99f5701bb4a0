#include "word_maker/demonstration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "word_lists/letters.hpp"

namespace word_maker {
namespace {

/// The letters that every made-up word begins with, as tokens.
Sequence prefix_tokens(const Options& options, Kind kind, const Vocabulary& vocabulary) {
  std::u32string letters = word_lists::decode(options.prefix, word_lists::detect_encoding(options.prefix));
  if (kind == Kind::words) std::transform(letters.begin(), letters.end(), letters.begin(), word_lists::to_lower);
  return vocabulary.encode(letters);
}

std::vector<float> wanted_logits(const Options& options, Maker& maker) {
  const std::u32string word = word_lists::decode(options.logits, word_lists::detect_encoding(options.logits));
  return logits_along(maker.model, maker.vocabulary.encode(word));
}

}  // namespace

MakeUpOptions make_up_options(const Options& options, const Maker& maker, std::int64_t count, std::int64_t characters) {
  return {.count = count,
          .prefix = prefix_tokens(options, maker.kind, maker.vocabulary),
          .characters = characters,
          .sampling = options.sampling};
}

void expect_usable(const Options& options, Maker& maker) {
  tapegrad::Generator generator;
  make_up(maker.model, maker.kind, make_up_options(options, maker, 0, 0), generator);
  wanted_logits(options, maker);
}

void print_sample(const Options& options, Maker& maker, Printer& printer) {
  if (options.sample == 0) return;
  tapegrad::Generator generator(options.seed);
  const std::int64_t count = maker.kind == Kind::words ? options.sample : 1;
  const auto made =
      make_up(maker.model, maker.kind, make_up_options(options, maker, count, options.characters), generator);
  if (maker.kind == Kind::text) {
    fmt::print("{}\n", printer.piece(made.front()));
    return;
  }
  print_words(printer, made);
}

void print_logits(const Options& options, Maker& maker) {
  if (options.logits.empty()) return;
  std::uint64_t hash = 0xcbf29ce484222325U;
  const std::vector<float> logits = wanted_logits(options, maker);
  for (const float logit : logits) {
    const auto bits = std::bit_cast<std::uint32_t>(logit);
    for (unsigned byte = 0; byte < 4; ++byte) hash = (hash ^ (bits >> (8 * byte) & 0xffU)) * 0x100000001b3U;
  }
  fmt::print("logits of {}: [{}, {}] {:016x}\n", options.logits,
             logits.size() / static_cast<std::size_t>(maker.vocabulary.size()), maker.vocabulary.size(), hash);
}

}  // namespace word_maker
