#include "norm_study/claims.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "console/interrupt.hpp"
#include "study/made_up_dictionary.hpp"
#include "tapegrad/base/error.hpp"

using namespace norm_study;

namespace {

const StudyOptions& options() {
  static const StudyOptions few{.quick = true,
                                .claim = {},
                                .seeds = 1,
                                .steps = 12,
                                .threads = 2,
                                .train_words = 60,
                                .test_words = 12,
                                .prompt = false};
  return few;
}

/// A few steps on made-up words: what holds by construction holds here too.
Laboratory& laboratory() {
  static const TemporaryFolder folder;
  static const console::InterruptGuard fresh;  // forgets the signals that other tests have raised
  static Laboratory one(options(), Corpus(made_up_words(folder)));
  return one;
}

/// What a claim's measurements in the laboratory say, which are made once.
const Claim& measured(Claim (*measure)(Laboratory&)) {
  static std::map<Claim (*)(Laboratory&), Claim> claims;
  const auto known = claims.find(measure);
  return known != claims.end() ? known->second : claims.emplace(measure, measure(laboratory())).first->second;
}

/// A network of a step that reached this accuracy, in points.
Trained reached(double points, bool complete = true) {
  const TrainOptions training{.model = {.letters = 3, .layers = 1, .width = 4, .heads = 1, .ffn_width = 4}, .steps = 1};
  return {.options = training,
          .model = WordClassifier(training.model, 1),
          .steps_done = complete ? 1 : 0,
          .accuracy = points / 100,
          .curve = {}};
}

/// Runs of these accuracies.
class Reached {
 public:
  explicit Reached(const std::vector<double>& points) {
    for (const double p : points) networks_.push_back(reached(p));
  }
  Runs runs() const {
    Runs all;
    for (const Trained& network : networks_) all.push_back(&network);
    return all;
  }
  Trained& operator[](std::size_t i) { return networks_[i]; }

 private:
  std::vector<Trained> networks_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(claims)

BOOST_AUTO_TEST_CASE(what_holds_by_construction_holds) {
  for (const auto measure : {measure_axes, measure_modes, measure_padding, measure_company, measure_invariance}) {
    const Claim& claim = measured(measure);
    BOOST_TEST((claim.verdict.outcome == Outcome::holds), claim.id + ": " + claim.verdict.detail);
    BOOST_TEST(!claim.measurements.rows.empty());
    BOOST_TEST(!claim.sentence.empty());
    BOOST_TEST(!claim.setup.empty());
  }
}

BOOST_AUTO_TEST_CASE(layer_norm_does_not_even_out_heads) {
  const Claim& claim = measured(measure_heads);
  BOOST_TEST((claim.verdict.outcome == Outcome::fails), claim.verdict.detail);
  // What LayerNorm makes of a projected head depends on the projection.
  BOOST_TEST(!claim.verdict.by_construction);
  BOOST_TEST(claim.verdict.detail.find("side by side (by construction) 1 (wanted") != std::string::npos,
             claim.verdict.detail);
  const std::vector<std::string>& spreads = claim.measurements.rows.front();
  BOOST_TEST(spreads[1] == spreads[2]);  // each token's own factor is all that LayerNorm adds
}

BOOST_AUTO_TEST_CASE(trained_heads_are_shown_and_not_judged) {
  const Claim& claim = measured(measure_heads);
  BOOST_TEST(claim.verdict.detail.find("side by side") != std::string::npos);
  BOOST_TEST(claim.verdict.detail.find("after projection") != std::string::npos);
  BOOST_TEST(claim.verdict.detail.find("trained") == std::string::npos, claim.verdict.detail);
  BOOST_TEST(std::get<BarChart>(claim.charts[0]).categories.size() == 3U);
}

BOOST_AUTO_TEST_CASE(dependence_is_of_many_words_and_comes_with_its_square) {
  const Claim& claim = measured(measure_company);
  BOOST_TEST(claim.setup.find("the mean over 20 words") != std::string::npos, claim.setup);
  BOOST_TEST(claim.setup.find("untrained networks") != std::string::npos, claim.setup);
  // The word that is drawn is no random one. The made-up test words are 144.
  const std::string& title = std::get<StripPlot>(claim.charts[0]).title;
  BOOST_TEST(title.find("which BatchNorm moves most of 144 words") != std::string::npos, title);
  for (const auto& row : claim.measurements.rows) {
    const double rho = std::stod(row[1]), square = std::stod(row[2]);
    BOOST_TEST(rho > 0);
    BOOST_TEST(rho < 1);
    // The mean of squares is at least the square of the mean, and at most the mean; three decimals are printed.
    BOOST_TEST(square >= rho * rho - 0.002);
    BOOST_TEST(square <= rho);
    BOOST_TEST(row[3] == "0");
  }
}

BOOST_AUTO_TEST_CASE(growth_is_the_measured_ratio) {
  const Claim& claim = measured(measure_gradients);
  BOOST_REQUIRE(claim.measurements.rows.size() == 5U);
  for (const auto& row : claim.measurements.rows) {
    const double growth = std::stod(row[7]), ratio = std::stod(row[6]) / std::stod(row[1]);
    BOOST_TEST(std::abs(growth / ratio - 1) < 0.02, row[0] << ": " << row[7] << " and " << ratio);
  }
  BOOST_TEST(claim.sentence.find("range of the seeds") == std::string::npos, claim.sentence);  // there is one
  // BatchNorm is held to LayerNorm's bound: five checks, whichever way they end.
  BOOST_TEST(claim.title.find("LayerNorm and BatchNorm alike") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(short_trainings_are_not_judged) {
  for (const auto measure : {measure_ghost_batches, measure_bucketing, measure_accuracy}) {
    const Claim& claim = measured(measure);
    BOOST_TEST((claim.verdict.outcome == Outcome::not_judged), claim.id + ": " + claim.verdict.detail);
    BOOST_TEST(!claim.measurements.rows.empty());
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_short_for_a_verdict_is_a_number_of_steps) {
  const TemporaryFolder folder;
  const Corpus words(made_up_words(folder));
  const auto judges = [&](bool quick, std::optional<std::int64_t> steps) {
    StudyOptions asked = options();
    asked.quick = quick;
    asked.steps = steps;
    return Laboratory(asked, words).judges();
  };
  BOOST_TEST(judges(false, {}));
  BOOST_TEST(!judges(true, {}));
  BOOST_TEST(!judges(false, 60));
  BOOST_TEST(!judges(false, 300));  // as many as --quick makes
  BOOST_TEST(judges(false, 301));
}

BOOST_AUTO_TEST_CASE(a_treatment_is_judged_by_what_it_costs_beyond_the_other) {
  StudyOptions judging = options();
  judging.quick = false;
  judging.steps.reset();
  const TemporaryFolder folder;
  const Laboratory three(judging, Corpus(made_up_words(folder)));
  // LayerNorm is far ahead, but loses 5, 6 and 7 points to the treatment; BatchNorm loses 8, 10 and 12: 3, 4 and 5
  // more. Mean 4, deviation 1, half-width 4.303 / sqrt 3 = 2.484.
  const Reached layer_control({80, 81, 82}), layer_treated({75, 75, 75}), batch_control({50, 51, 52});
  Reached batch_treated({42, 41, 40});
  const auto treatment = [](const Reached& control, const Reached& treated) {
    return Treatment{.control = control.runs(), .treated = treated.runs()};
  };
  const auto verdict = [&] {
    return compare_losses(three, treatment(batch_control, batch_treated), treatment(layer_control, layer_treated), "x");
  };
  BOOST_TEST((verdict().outcome == Outcome::confirmed));
  BOOST_TEST(verdict().detail == "x: +4.0 [+1.5, +6.5] points, 3 seeds");
  // A seed that is not complete in all four is left out. 4 and 5: mean 4.5, half-width 12.706 * sqrt(0.5) / sqrt 2.
  batch_treated[0].steps_done = 0;
  BOOST_TEST(cell_text(verdict()) == "inconclusive, x: +4.5 [-1.9, +10.9] points, 2 seeds");
  // The plain difference, 25, 24 and 23 points of LayerNorm over BatchNorm, says something else.
  BOOST_TEST(compare(three, Reached({67, 65, 63}).runs(), Reached({42, 41, 40}).runs()).detail ==
             "+24.0 [+21.5, +26.5] points, 3 seeds");
  Claim claim;
  add_seeds(claim, "treated", batch_treated.runs());
  BOOST_TEST(claim.seeds.size() == 2U);
  BOOST_TEST(claim.seeds[1].accuracy == 0.4);
}

BOOST_AUTO_TEST_CASE(controls_and_treated_are_all_measured) {
  const Claim& bucketing = measured(measure_bucketing);
  BOOST_TEST(bucketing.seeds.size() == 8U);  // four normalisations, two orders
  for (const auto& row : bucketing.measurements.rows)
    for (std::size_t c = 0; c < 4; ++c) BOOST_TEST(!row[c].empty(), row[0]);
  const Claim& padded = measured(measure_padded_training);
  BOOST_TEST(padded.seeds.size() == 6U);  // three normalisations, padded and not
  BOOST_TEST(measured(measure_true_batches).seeds.size() == 15U);
  BOOST_TEST(measured(measure_learning_rates).seeds.size() == 9U);  // three normalisations, three rates
}

BOOST_AUTO_TEST_CASE(a_title_that_says_more_is_judged_by_a_difference_of_differences) {
  // Accuracies before and after as the claims' own rows tell them, one seed: no interval, but the mean is known.
  const auto reached = [](const Claim& claim, std::string_view condition, std::string_view norm) {
    for (const SeedResult& seed : claim.seeds)
      if (seed.condition == condition && seed.norm == norm) return 100 * seed.accuracy;
    throw tapegrad::ValueError("no such network");
  };
  const auto costs = [&](const Claim& claim, std::string_view control, std::string_view treated) {
    const auto loss = [&](std::string_view norm) {
      return reached(claim, control, norm) - reached(claim, treated, norm);
    };
    return fmt::format("{:+.1f} points", loss("BatchNorm") - loss("LayerNorm"));
  };
  const Claim &depth = measured(measure_convergence), &rates = measured(measure_learning_rates);
  BOOST_TEST(depth.verdict.detail.find(costs(depth, "2 layers", "8 layers")) != std::string::npos,
             depth.verdict.detail);
  BOOST_TEST(rates.verdict.detail.find(costs(rates, "learning rate 0.003, with warm-up",
                                             "learning rate 0.01, no warm-up")) != std::string::npos,
             rates.verdict.detail);
}

BOOST_AUTO_TEST_CASE(a_network_without_a_curve_is_not_one_with_a_curve) {
  TrainOptions plain = laboratory().training({.norm = Norm::layer}, 5, 0), measured = plain;
  measured.curve_points = 2;
  BOOST_TEST(laboratory().trained({plain}, "").front()->curve.empty());
  BOOST_TEST(laboratory().trained({measured}, "").front()->curve.size() == 2U);
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

BOOST_AUTO_TEST_CASE(each_run_has_a_seed_of_its_own) {
  const StudyOptions seventh{.quick = true,
                             .claim = {},
                             .seeds = 1,
                             .steps = 12,
                             .seed = 7,
                             .threads = 1,
                             .train_words = 60,
                             .test_words = 12,
                             .prompt = false};
  const TemporaryFolder folder;
  const Laboratory one(seventh, Corpus(made_up_words(folder)));
  BOOST_TEST(one.training({.norm = Norm::layer}, 5, 0).seed == 7U);
  BOOST_TEST(one.training({.norm = Norm::layer}, 5, 2).seed == 9U);
}

BOOST_AUTO_TEST_SUITE_END()
