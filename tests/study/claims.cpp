#include "norm_study/claims.hpp"

#include <boost/test/unit_test.hpp>

#include "console/interrupt.hpp"
#include "study/made_up_dictionary.hpp"
#include "tapegrad/base/error.hpp"

using namespace norm_study;

namespace {

/// A few steps on made-up words: what holds by construction holds here too.
Laboratory& laboratory() {
  static const TemporaryFolder folder;
  static const console::InterruptGuard fresh;  // forgets the signals that other tests have raised
  static Laboratory one({.quick = true,
                         .claim = {},
                         .seeds = 1,
                         .steps = 12,
                         .threads = 2,
                         .train_words = 60,
                         .test_words = 12,
                         .prompt = false},
                        Corpus(made_up_words(folder)));
  return one;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(claims)

BOOST_AUTO_TEST_CASE(what_holds_by_construction_holds) {
  for (const auto measure : {measure_axes, measure_modes, measure_padding, measure_company, measure_invariance}) {
    const Claim claim = measure(laboratory());
    BOOST_TEST((claim.verdict.outcome == Outcome::holds), claim.id + ": " + claim.verdict.detail);
    BOOST_TEST(!claim.measurements.rows.empty());
    BOOST_TEST(!claim.sentence.empty());
    BOOST_TEST(!claim.setup.empty());
  }
}

BOOST_AUTO_TEST_CASE(layer_norm_does_not_even_out_heads) {
  const Claim claim = measure_heads(laboratory());
  BOOST_TEST((claim.verdict.outcome == Outcome::fails), claim.verdict.detail);
}

BOOST_AUTO_TEST_CASE(short_trainings_are_not_judged) {
  for (const auto measure : {measure_ghost_batches, measure_bucketing, measure_accuracy}) {
    const Claim claim = measure(laboratory());
    BOOST_TEST((claim.verdict.outcome == Outcome::not_judged), claim.id + ": " + claim.verdict.detail);
    BOOST_TEST(!claim.measurements.rows.empty());
  }
}

BOOST_AUTO_TEST_CASE(networks_are_trained_once) {
  const auto options = laboratory().main_training(Norm::layer, 0);
  const auto twice = laboratory().trained({options, options}, "");
  BOOST_TEST(twice[0] == twice[1]);
  BOOST_TEST(laboratory().trained({options}, "")[0] == twice[0]);
}

BOOST_AUTO_TEST_CASE(commands_repeat_what_was_asked_for) {
  StudyOptions options;
  BOOST_TEST(command_text(options, "") == "./dev demo");
  options.seed = 4;
  options.steps = 30;
  options.full = true;
  BOOST_TEST(command_text(options, "") == "./dev demo --full --seed 4 --steps 30");
  BOOST_TEST(command_text(options, "3d") == "./dev demo --claim 3d --seed 4 --full --steps 30");
}

BOOST_AUTO_TEST_SUITE_END()
