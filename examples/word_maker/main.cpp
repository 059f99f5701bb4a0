// word_maker: learns how the words of a language are spelt, character by character, and makes words up.
//
//   word_maker                                  English words; the weights go to word_maker.safetensors
//   word_maker --language german --steps 3000
//   word_maker --text novel.txt                 running text instead of a word list
//   word_maker --load word_maker.safetensors --sample 20 --prefix trans --temperature 0.8
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "console/interrupt.hpp"
#include "console/progress.hpp"
#include "console/terminal.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "word_lists/letters.hpp"
#include "word_lists/word_list.hpp"
#include "word_maker/batches.hpp"
#include "word_maker/corpus.hpp"
#include "word_maker/kneser_ney.hpp"
#include "word_maker/sampling.hpp"
#include "word_maker/training.hpp"
#include "word_maker/weights.hpp"

namespace {

using namespace word_maker;

constexpr int kBadInput = 2, kInterrupted = 130;                   // 130: as a shell calls what SIGINT ended
constexpr std::int64_t kWordsInAStep = 128, kWindowsInAStep = 16;  // about as many characters
constexpr std::int64_t kReports = 10;                              // lines of the table while it trains
constexpr std::int64_t kWordsInALine = 12;                         // at most
constexpr std::int64_t kCharactersInALine = 120;

struct Options {
  std::string language = "english", text, dictionaries{word_lists::kWordListDirectory};
  std::string save = "word_maker.safetensors", load, logits, prefix;
  std::int64_t steps = 3000, embed = 96, layers = 3, heads = 4, block = 96;
  std::int64_t sample = 20, characters = 600, held_out = 2000;
  std::optional<std::int64_t> batch;
  double lr = 3e-3;
  std::uint64_t seed = 1;
  SamplingOptions sampling{.temperature = 0.8};
  bool no_colour = false;
};

/// Made-up words as the reader sees them. Real words are marked by a sign as well as by a colour.
class Printer {
 public:
  Printer(const Vocabulary& vocabulary, const std::unordered_map<std::string, bool>& known)
      : vocabulary_(vocabulary), known_(known), colour_(console::wants_colour(stdout)) {}

  struct Entry {
    std::string plain, painted;
  };
  Entry word(const Sequence& sequence) {
    const std::string letters = vocabulary_.decode(sequence);
    ++made_;
    const auto found = known_.find(letters);
    if (found == known_.end()) return {letters, letters};
    ++real_;
    if (!found->second) ++unseen_;
    const std::string marked = letters + (found->second ? "*" : "**");
    return {marked, paint(found->second ? "32" : "1;33", marked)};
  }
  std::string piece(const Sequence& sequence) const { return vocabulary_.decode(sequence); }
  std::string strong(const std::string& text) const { return paint("1", text); }
  std::string faint(const std::string& text) const { return paint("2", text); }
  std::int64_t made() const { return made_; }
  std::int64_t real() const { return real_; }
  std::int64_t unseen() const { return unseen_; }

 private:
  std::string paint(const char* code, const std::string& text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  const Vocabulary& vocabulary_;
  const std::unordered_map<std::string, bool>& known_;
  bool colour_;
  std::int64_t made_ = 0, real_ = 0, unseen_ = 0;
};

/// 12345678 -> "12,345,678"
std::string with_commas(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

/// Words in columns, as wide as the terminal is.
void print_words(Printer& printer, const std::vector<Sequence>& made) {
  std::vector<Printer::Entry> entries;
  std::size_t widest = 0;
  for (const Sequence& sequence : made) {
    entries.push_back(printer.word(sequence));
    widest = std::max(widest, console::display_width(entries.back().plain));
  }
  const std::size_t column = widest + 2;
  const std::size_t columns =
      std::max<std::size_t>(1, static_cast<std::size_t>(std::max(console::terminal_width(stdout) - 3, 1)) / column);
  const std::size_t rows = (entries.size() + columns - 1) / columns;
  for (std::size_t r = 0; r < rows; ++r) {
    std::string line = " ";
    for (std::size_t i = r; i < entries.size(); i += rows) {
      line += " " + entries[i].painted;
      if (i + rows < entries.size()) line += std::string(column - 1 - console::display_width(entries[i].plain), ' ');
    }
    fmt::print("{}\n", line);
  }
}

/// The letters that every made-up word begins with, as tokens.
Sequence prefix_tokens(const Options& options, Kind kind, const Vocabulary& vocabulary) {
  std::u32string letters = word_lists::decode(options.prefix, word_lists::detect_encoding(options.prefix));
  if (kind == Kind::words) std::transform(letters.begin(), letters.end(), letters.begin(), word_lists::to_lower);
  return vocabulary.encode(letters);
}

MakeUpOptions make_up_options(const Options& options, const Maker& maker, std::int64_t count, std::int64_t characters) {
  return {.count = count,
          .prefix = prefix_tokens(options, maker.kind, maker.vocabulary),
          .characters = characters,
          .sampling = options.sampling};
}

std::vector<float> wanted_logits(const Options& options, Maker& maker) {
  const std::u32string word = word_lists::decode(options.logits, word_lists::detect_encoding(options.logits));
  return logits_along(maker.model, maker.vocabulary.encode(word));
}

/// What cannot be begun with, or has no logits, is told before the training instead of after it.
void expect_usable(const Options& options, Maker& maker) {
  tapegrad::Generator generator;
  make_up(maker.model, maker.kind, make_up_options(options, maker, 0, 0), generator);
  wanted_logits(options, maker);
}

/// --sample words, or one piece of text of --characters.
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

/// FNV-1a of the logits' bits: equal networks give equal numbers.
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

void print_legend(const Corpus& corpus, const Printer& printer) {
  if (corpus.kind == Kind::text) return;
  const auto learnt = std::count_if(corpus.known.begin(), corpus.known.end(), [](const auto& w) { return w.second; });
  fmt::print("{}\n", printer.faint(fmt::format(
                         "* a real word of the list   ** a real word that was held out ({} learnt from, {} held out)",
                         with_commas(static_cast<std::size_t>(learnt)),
                         with_commas(corpus.known.size() - static_cast<std::size_t>(learnt)))));
}

void print_introduction(const Options& options, const Corpus& corpus, const Maker& maker, const KneserNey& counted,
                        const Printer& printer) {
  const bool words = corpus.kind == Kind::words;
  fmt::print("{}: {} {}, {} different characters\n", printer.strong("word_maker"), corpus.source,
             words ? fmt::format("({})", with_commas(corpus.known.size()))
                   : fmt::format("({} characters)",
                                 with_commas(corpus.learnt.front().size() + corpus.held_out.front().size())),
             corpus.vocabulary.characters().size());
  fmt::print("network: {} parameters, {} layers of width {}, {} heads; baseline: Kneser-Ney, order {}\n",
             with_commas(static_cast<std::size_t>(maker.model.parameter_count())), options.layers, options.embed,
             options.heads, counted.order());
  print_legend(corpus, printer);
  fmt::print("\n         bits per character\n  step     network   n-gram   made up\n");
  std::fflush(stdout);
}

/// One line of the table: bits per character, and what is made up by now.
void print_report(std::int64_t step, double bits, double baseline, const Options& options, Maker& maker,
                  Printer& printer) {
  tapegrad::Generator generator(options.seed);
  const bool words = maker.kind == Kind::words;
  const auto made = make_up(maker.model, maker.kind,
                            make_up_options(options, maker, words ? kWordsInALine : 1, kCharactersInALine), generator);
  std::string line = fmt::format(
      "{:6}   {}   {:6.3f}  ", step,
      bits < baseline ? printer.strong(fmt::format("{:9.3f}", bits)) : fmt::format("{:9.3f}", bits), baseline);
  auto room = static_cast<std::size_t>(std::max(console::terminal_width(stdout, 100) - 30, 12));
  if (words) {
    for (const Sequence& sequence : made) {
      const Printer::Entry entry = printer.word(sequence);
      const std::size_t width = console::display_width(entry.plain) + 1;
      if (width > room) break;
      room -= width;
      line += " " + entry.painted;
    }
  } else {
    std::string piece = printer.piece(made.front());
    std::replace_if(
        piece.begin(), piece.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    line += " " + console::fit(piece, room - 1);
  }
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

Corpus read_corpus(const Options& options) {
  if (!options.text.empty()) return read_text(options.text);
  return read_words(find_language(options.language),
                    {.directory = options.dictionaries, .held_out = static_cast<std::size_t>(options.held_out)});
}

/// An unwritable place is told before the training instead of after it.
void expect_writable(const std::string& path) {
  if (path.empty()) return;
  if (std::filesystem::is_directory(path)) throw tapegrad::IoError(fmt::format("[save] {} is a folder", path));
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::filesystem::path folder = parent.empty() ? "." : parent;
  if (!std::filesystem::is_directory(folder))
    throw tapegrad::IoError(fmt::format("[save] no folder {} for {}", folder.string(), path));
  if (access(folder.c_str(), W_OK) != 0)
    throw tapegrad::IoError(fmt::format("[save] cannot write in {}: {}", folder.string(), std::strerror(errno)));
}

/// Whether it came to its end.
bool learn(const Options& options) {
  expect_writable(options.save);
  const auto start = std::chrono::steady_clock::now();
  const Corpus corpus = read_corpus(options);
  const bool words = corpus.kind == Kind::words;
  const std::size_t held_out = words ? corpus.held_out.size() : corpus.held_out.front().size();
  const KneserNey counted(corpus.learnt, corpus.vocabulary.size());
  const double baseline = bits_per_character(counted, corpus.held_out);

  tapegrad::manual_seed(options.seed);
  Maker maker{.kind = corpus.kind,
              .language = words ? std::string(find_language(options.language).name) : std::string(),
              .vocabulary = corpus.vocabulary,
              .model = CharacterModel({.vocabulary = corpus.vocabulary.size(),
                                       .length = input_length(corpus, options.block),
                                       .embed = options.embed,
                                       .layers = options.layers,
                                       .heads = options.heads})};
  Printer printer(corpus.vocabulary, corpus.known);
  expect_usable(options, maker);
  print_introduction(options, corpus, maker, counted, printer);

  const std::int64_t batch = options.batch.value_or(words ? kWordsInAStep : kWindowsInAStep);
  const console::InterruptGuard guard;
  std::int64_t done = 0;
  {
    console::Progress progress("learning", options.steps);
    const std::int64_t interval = std::max<std::int64_t>(1, (options.steps + kReports - 1) / kReports);
    double smoothed = 0;
    done =
        train(maker.model, corpus, {.steps = options.steps, .batch = batch, .lr = options.lr, .seed = options.seed},
              [&](const TrainingStep& step) {
                smoothed = step.step == 1 ? step.loss : 0.95 * smoothed + 0.05 * step.loss;
                progress.advance(1, step.sequences, smoothed);
                if (console::interrupted()) return false;
                if (step.step % interval == 0 && step.step < options.steps) {
                  progress.clear();
                  print_report(step.step, bits_per_character(maker.model, corpus), baseline, options, maker, printer);
                }
                return true;
              });
  }
  const double bits = bits_per_character(maker.model, corpus);
  print_report(done, bits, baseline, options, maker, printer);
  if (!options.save.empty()) save(options.save, maker);

  if (done < options.steps) fmt::print("\nstopped after step {} of {}\n", done, options.steps);
  fmt::print("\n{} on {} held-out {}: network {:.3f}, n-gram {:.3f} ({:+.1f} %), after {}\n",
             printer.strong("bits per character"), with_commas(held_out), words ? "words" : "characters", bits,
             baseline, 100 * (bits / baseline - 1),
             console::clock_text(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  if (!options.save.empty()) fmt::print("weights: {}\n", options.save);
  if (options.sample > 0) fmt::print("\n");
  Printer last(corpus.vocabulary, corpus.known);
  print_sample(options, maker, last);
  if (words && last.made() > 0)
    fmt::print("{}\n", last.faint(fmt::format("{} of {} are real words, {} of them held out", last.real(), last.made(),
                                              last.unseen())));
  print_logits(options, maker);
  return done == options.steps;
}

void use(const Options& options) {
  Maker maker = load(options.load);
  Corpus corpus;
  if (!maker.language.empty()) {
    try {
      corpus = read_words(find_language(maker.language), {.directory = options.dictionaries});
    } catch (const tapegrad::IoError&) {
      fmt::print(stderr, "word_maker: without the {} word list in {} real words are not marked\n", maker.language,
                 options.dictionaries);
    }
  }
  Printer printer(maker.vocabulary, corpus.known);
  print_sample(options, maker, printer);
  if (!corpus.known.empty() && options.sample > 0) print_legend(corpus, printer);
  print_logits(options, maker);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Learns how the words of a language are spelt, character by character, and makes words up.",
               "word_maker");
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
  option("--seed", options.seed, "Of weights, batches and made-up words", "Other");
  app.add_flag("--no-colour,--no-color", options.no_colour, "Plain text (as NO_COLOR=1 does)")->group("Other");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  for (const auto& [name, value] :
       {std::pair("--lr", options.lr), std::pair("--temperature", options.sampling.temperature)})
    if (!std::isfinite(value)) {
      fmt::print(stderr, "{}: expected a finite number, got {}\n", name, value);
      return kBadInput;
    }
  if (options.no_colour) setenv("NO_COLOR", "1", 1);
  try {
    if (!options.load.empty()) {
      use(options);
    } else if (!learn(options)) {
      return kInterrupted;
    }
    if (!console::wrote_all(stdout)) throw tapegrad::IoError("the output could not be written");
  } catch (const tapegrad::Error& error) {
    fmt::print(stderr, "word_maker: {}\n", error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "word_maker: {}\n", error.what());
    return 1;
  }
  return 0;
}
