// word_maker: learns how the words of a language are spelt, character by character, and makes words up.
//
//   word_maker                                  English words; the weights go to word_maker.safetensors
//   word_maker --language german --steps 3000
//   word_maker --text novel.txt                 running text instead of a word list
//   word_maker --load word_maker.safetensors --sample 20 --prefix trans --temperature 0.8
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

#include "console/help.hpp"
#include "console/seed.hpp"
#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"
#include "word_maker/commands.hpp"

namespace {

using namespace word_maker;

constexpr int kBadInput = 2, kInterrupted = 130;  // 130: as a shell calls what SIGINT ended

void add_options(CLI::App& app, Options& options) {
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 30);
  const auto not_negative = CLI::Range(std::int64_t{0}, std::int64_t{1} << 30);
  const auto option = [&](const char* name, auto& value, const char* text, const char* group) {
    return app.add_option(name, value, text)->capture_default_str()->group(group);
  };
  const char* data = "What is learnt";
  auto* language = option("--language", options.language, "Language of a word list: english, german, ...", data);
  option("--dict", options.dictionaries, "Folder of the word lists", data);
  auto* text = option("--text", options.text, "A text file instead of a word list", data)->excludes(language);
  auto* held_out = option("--held-out", options.held_out, "Words measured on, at most", data)->check(positive);
  auto* block = option("--block", options.block, "Characters that the network sees of running text", data)
                    ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 14));

  const char* network = "Network and training";
  auto* embed = option("--embed", options.embed, "Width", network)->check(CLI::Range(1, 4096));
  auto* layers = option("--layers", options.layers, "Layers", network)->check(CLI::Range(1, 64));
  auto* heads =
      option("--heads", options.heads, "Attention heads; they divide the width", network)->check(CLI::Range(1, 256));
  auto* steps = option("--steps", options.steps, "Steps", network)->check(positive);
  auto* batch =
      app.add_option("--batch", options.batch,
                     fmt::format("Words ({}) or windows of text ({}) in a step", kWordsInAStep, kWindowsInAStep))
          ->check(CLI::Range(1, 65536))
          ->group(network);
  auto* lr = option("--lr", options.lr, "Learning rate at its highest", network)->check(CLI::PositiveNumber);
  auto* keep = option("--save", options.save, "File for the weights; \"\" keeps none", network);

  const char* sampling = "Making up";
  auto* load = app.add_option("--load", options.load, "Use these weights instead of learning")->group(sampling);
  for (CLI::Option* of_learning : {language, text, held_out, block, embed, layers, heads, steps, batch, lr, keep})
    load->excludes(of_learning);
  option("--sample", options.sample, "Words to make up at the end", sampling)->check(not_negative);
  option("--characters", options.characters, "Length of made-up text", sampling)->check(positive);
  option("--temperature", options.sampling.temperature, "Below 1 plays safe, 0 always takes the likeliest", sampling)
      ->check(CLI::Range(0.0, 100.0));
  option("--top-k", options.sampling.top_k, "Draw among so many likeliest characters; 0 is all", sampling)
      ->check(not_negative);
  app.add_option("--prefix", options.prefix, "What made-up words begin with")->group(sampling);
  app.add_option("--logits", options.logits, "Print a checksum of the logits along this word")->group(sampling);
  option("--seed", options.seed, "Of weights, batches and made-up words", "Other")
      ->check(CLI::Validator(console::seed_problem, "UINT64"));
  app.add_flag("--no-colour,--no-color", options.no_colour, "Plain text (as NO_COLOR=1 does)")->group("Other");
}

/// Whether both are finite; says which is not.
bool expect_finite(const Options& options) {
  for (const auto& [name, value] :
       {std::pair("--lr", options.lr), std::pair("--temperature", options.sampling.temperature)}) {
    if (std::isfinite(value)) continue;
    fmt::print(stderr, "{}: expected a finite number, got {}\n", name, value);
    return false;
  }
  return true;
}

/// The exit status.
int run(const Options& options) {
  try {
    if (!options.load.empty()) {
      use(options);
    } else if (!learn(options)) {
      return kInterrupted;
    }
    if (!console::wrote_all(stdout)) throw tapegrad::IoError("the output could not be written");
  } catch (const tapegrad::Error& error) {
    console::complain("word_maker", error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    console::complain("word_maker", error.what());
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Learns how the words of a language are spelt, character by character, and makes words up.",
               "word_maker");
  app.formatter(std::make_shared<console::HelpFormatter>(console::terminal_at(stdout).width));
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 && console::wrote_all(stdout) ? 0 : kBadInput;
  }
  if (!expect_finite(options)) return kBadInput;
  if (options.no_colour) setenv("NO_COLOR", "1", 1);
  return run(options);
}
