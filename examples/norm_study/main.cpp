#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "console/help.hpp"
#include "console/seed.hpp"
#include "console/terminal.hpp"
#include "norm_study/study.hpp"
#include "tapegrad/base/error.hpp"

int main(int argc, char** argv) {
  norm_study::StudyOptions options;
  CLI::App app{
      "Trains small transformers on the words of twelve languages and measures what is said of LayerNorm and "
      "BatchNorm.\n"
      "Without options: every claim of the default run, in about two minutes on two cores."};
  app.name("norm_study");
  app.formatter(std::make_shared<console::HelpFormatter>(console::terminal_at(stdout).width));
  auto* quick =
      app.add_flag("--quick", options.quick,
                   "the exact claims and a training of 300 steps, in about half a minute; so few get no verdict");
  app.add_flag(
         "--full", options.full,
         "twice as many seeds, true batch sizes, padded and deep training, high learning rates, other normalisations")
      ->excludes(quick);
  auto* claim = app.add_option("--claim", options.claim, "measure one claim alone; an unknown one lists all");
  app.add_option("--seeds", options.seeds, "networks of each kind")->check(CLI::Range(1, 1000));
  app.add_option("--steps", options.steps, "training steps of each network")->check(CLI::Range(1, 10'000'000));
  app.add_option("--seed", options.seed, "the first seed; the others follow it")
      ->check(CLI::Validator(console::seed_problem, "UINT64"))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "networks that train side by side; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--dict", options.dictionary, "folder of the word lists")->capture_default_str();
  app.add_option("--train-words", options.train_words, "training words of each language")
      ->check(CLI::Range(10, 1'000'000))
      ->capture_default_str();
  app.add_option("--test-words", options.test_words, "test words of each language")
      ->check(CLI::Range(10, 1'000'000))
      ->capture_default_str();
  app.add_option("--output", options.output, "folder of the report and the CSV files")->capture_default_str();
  bool prompt = false, no_prompt = false, long_run = false;
  app.add_flag("--long", long_run,
               "train two larger networks for 6000 steps of 128 words, about five minutes (claim 9 alone)")
      ->excludes(claim);
  auto* ask =
      app.add_flag("--prompt", prompt, "ask for words at the end; without this only after a whole run on a terminal");
  app.add_flag("--no-prompt", no_prompt, "end without asking for words")->excludes(ask);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 && console::wrote_all(stdout) ? norm_study::kSuccess : norm_study::kUsage;
  }
  if (prompt || no_prompt) options.prompt = prompt;
  if (long_run) options.claim = "9";
  try {
    const int status = norm_study::run_study(options);
    if (!console::wrote_all(stdout)) throw tapegrad::IoError("the output could not be written");
    return status;
  } catch (const tapegrad::IoError& error) {
    console::complain("norm_study", error.what());
    return norm_study::kUsage;
  } catch (const tapegrad::ValueError& error) {
    console::complain("norm_study", error.what());
    return norm_study::kUsage;
  } catch (const std::exception& error) {
    console::complain("norm_study", error.what());
    return norm_study::kFailure;
  }
}
