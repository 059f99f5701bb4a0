#include "word_maker/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "console/columns.hpp"
#include "console/interrupt.hpp"
#include "console/output_file.hpp"
#include "console/terminal.hpp"
#include "console/training_progress.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "word_maker/batches.hpp"
#include "word_maker/corpus.hpp"
#include "word_maker/demonstration.hpp"
#include "word_maker/kneser_ney.hpp"
#include "word_maker/printer.hpp"
#include "word_maker/training.hpp"
#include "word_maker/weights.hpp"

namespace word_maker {
namespace {

constexpr std::int64_t kReports = 10;       // lines of the table while it trains
constexpr std::int64_t kWordsInALine = 12;  // at most
constexpr std::int64_t kCharactersInALine = 120;

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
  constexpr std::size_t kFigures = 30, kLeast = 12;  // columns
  std::size_t room = std::max(console::terminal_at(stdout).width, kFigures + kLeast) - kFigures;
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

/// For a corpus, with weights that the seed draws.
Maker untrained(const Options& options, const Corpus& corpus) {
  tapegrad::manual_seed(options.seed);
  return {.kind = corpus.kind,
          .language = corpus.kind == Kind::words ? std::string(find_language(options.language).name) : std::string(),
          .vocabulary = corpus.vocabulary,
          .model = CharacterModel({.vocabulary = corpus.vocabulary.size(),
                                   .length = input_length(corpus, options.block),
                                   .embed = options.embed,
                                   .layers = options.layers,
                                   .heads = options.heads})};
}

/// On what is held out, after so many steps.
double measured(const Options& options, const Corpus& corpus, Maker& maker, std::int64_t steps) {
  const double bits = bits_per_character(maker.model, corpus);
  expect_finite_loss(bits, steps, options.lr);  // the last step may have been too far
  return bits;
}

/// Trains to the last step, or until it is interrupted, and prints the table's lines meanwhile. The steps that were
/// made.
std::int64_t train_and_report(const Options& options, const Corpus& corpus, double baseline, Maker& maker,
                              Printer& printer) {
  const std::int64_t batch = options.batch.value_or(corpus.kind == Kind::words ? kWordsInAStep : kWindowsInAStep);
  const std::int64_t interval = std::max<std::int64_t>(1, (options.steps + kReports - 1) / kReports);
  console::TrainingProgress progress("learning", options.steps);
  double smoothed = 0;
  return train(maker.model, corpus, {.steps = options.steps, .batch = batch, .lr = options.lr, .seed = options.seed},
               [&](const TrainingStep& step) {
                 smoothed = step.step == 1 ? step.loss : 0.95 * smoothed + 0.05 * step.loss;
                 progress.advance(1, step.sequences, smoothed);
                 if (console::interrupted()) return false;
                 if (step.step % interval == 0 && step.step < options.steps) {
                   progress.clear();
                   print_report(step.step, measured(options, corpus, maker, step.step), baseline, options, maker,
                                printer);
                 }
                 return true;
               });
}

/// What the training has come to.
void print_result(const Corpus& corpus, double bits, double baseline, std::chrono::duration<double> taken,
                  const Printer& printer) {
  const bool words = corpus.kind == Kind::words;
  const std::size_t held_out = words ? corpus.held_out.size() : corpus.held_out.front().size();
  fmt::print("\n{} on {} held-out {}: network {:.3f}, n-gram {:.3f} ({:+.1f} %), after {}\n",
             printer.strong("bits per character"), with_commas(held_out), words ? "words" : "characters", bits,
             baseline, 100 * (bits / baseline - 1), console::clock_text(taken.count()));
}

/// What the trained network makes up, and how many of the words are real.
void print_last_sample(const Options& options, const Corpus& corpus, Maker& maker) {
  Printer printer(corpus.vocabulary, corpus.known);
  print_sample(options, maker, printer);
  if (corpus.kind == Kind::words && printer.made() > 0)
    fmt::print("{}\n", printer.faint(fmt::format("{} of {} are real words, {} of them held out", printer.real(),
                                                 printer.made(), printer.unseen())));
}

}  // namespace

bool learn(const Options& options) {
  console::expect_output_file("save", options.save);
  const auto start = std::chrono::steady_clock::now();
  const Corpus corpus = read_corpus(options);
  const KneserNey counted(corpus.learnt, corpus.vocabulary.size());
  const double baseline = bits_per_character(counted, corpus.held_out);
  Maker maker = untrained(options, corpus);
  Printer printer(corpus.vocabulary, corpus.known);
  expect_usable(options, maker);
  print_introduction(options, corpus, maker, counted, printer);

  const console::InterruptGuard guard;
  const std::int64_t done = train_and_report(options, corpus, baseline, maker, printer);
  const double bits = measured(options, corpus, maker, done);
  print_report(done, bits, baseline, options, maker, printer);
  if (!options.save.empty()) save(options.save, maker);

  if (done < options.steps) fmt::print("\nstopped after step {} of {}\n", done, options.steps);
  print_result(corpus, bits, baseline, std::chrono::steady_clock::now() - start, printer);
  if (!options.save.empty()) fmt::print("weights: {}\n", options.save);
  if (options.sample > 0) fmt::print("\n");
  print_last_sample(options, corpus, maker);
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
      console::complain("word_maker", fmt::format("without the {} word list in {} real words are not marked",
                                                  maker.language, options.dictionaries));
    }
  }
  Printer printer(maker.vocabulary, corpus.known);
  print_sample(options, maker, printer);
  if (!corpus.known.empty() && options.sample > 0) print_legend(corpus, printer);
  print_logits(options, maker);
}

}  // namespace word_maker
