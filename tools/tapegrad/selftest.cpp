#include "tapegrad/selftest.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "suite/measured.hpp"
#include "suite/sample_checks.hpp"
#include "suite/tensors.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/gradcheck.hpp"

namespace tapegrad::program {
namespace {

using catalogue::Call;
using catalogue::Sample;
using suite::carries_gradient;

/// What differences can judge, and neither so large nor so odd that it cannot be wrapped.
bool suits(const Sample& sample, std::int64_t most_elements) {
  if (sample.options.order == 0 || sample.options.kink) return false;
  std::int64_t elements = 0;
  for (const Tensor& x : sample.inputs) {
    if (!carries_gradient(x)) continue;
    if (x.dtype() != float64 || x.numel() == 0) return false;
    elements += x.numel();
  }
  if (elements == 0 || elements > most_elements) return false;
  const std::vector<Tensor> ys = sample.call(sample.inputs);
  return !ys.empty() && ys.size() <= 3 && std::any_of(ys.begin(), ys.end(), carries_gradient) &&
         std::all_of(ys.begin(), ys.end(), [](const Tensor& y) { return !carries_gradient(y) || y.numel() > 0; });
}

GradcheckReport look(const Call& call, const Sample& sample, GradcheckOptions options, std::uint64_t seed) {
  options.seed = seed;
  default_generator().set_state(suite::default_numbers(seed));
  return gradcheck(call, sample.inputs, options);
}

class Detective {
 public:
  Detective(const suite::Entry& entry, const Sample& sample, std::uint64_t seed, DetectionResult& result)
      : entry_(entry), sample_(sample), seed_(seed), result_(result) {}

  /// The mistakes to plant, once the right rule has been looked at.
  std::vector<Mutant> mutants() {
    const Jacobian right = jacobian_of(rule_of(sample_.call), sample_.call, sample_.inputs);
    if (!right.finite() || right.largest() == 0.0) return {};
    ++result_.samples;
    innocent(with_reverse_rule(sample_.call, rule_of(sample_.call)), "the right reverse rule");
    innocent(with_forward_rule(sample_.call, rule_of(sample_.call)), "the right forward rule");
    return mutants_of(sample_);
  }

  void examine(const Mutant& mutant) {
    BugTally& tally = result_.bugs[mutant.bug];
    ++tally.planted;
    const Sample sample(sample_.name, mutant.inputs, mutant.right, sample_.options);
    const double difference = distance(jacobian_of(rule_of(mutant.right), mutant.right, mutant.inputs),
                                       jacobian_of(mutant.rule, mutant.right, mutant.inputs));
    if (difference <= kSameFunction) {
      ++tally.same;
      return;
    }
    if (difference <= kBeyondDifferences) {
      ++tally.beyond;
      return;
    }
    const Call reverse = with_reverse_rule(mutant.right, mutant.rule);
    // What is wrong at order 1 is wrong at orders 1 and 2: the second is computed only where the first saw nothing.
    constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max() / 2;
    const std::array<std::pair<const Call&, GradcheckOptions>, 3> ways = {
        {{reverse, {.order = 1}},
         {reverse, {.order = 1, .forward_mode = false, .budget = kNoLimit}},
         {reverse, {.order = 1, .forward_mode = false, .budget = 0}}}};
    for (std::size_t mode = 0; mode < ways.size(); ++mode) {
      GradcheckReport report = look(ways[mode].first, sample, ways[mode].second, seed_);
      if (mode == kDefaultMode && sample.options.order > 1 && passes(report, sample))
        report = look(reverse, sample, {}, seed_);
      count(mutant, mode, report, sample);
    }
    count(mutant, kForwardMode, look(with_forward_rule(mutant.right, mutant.rule), sample, {.order = 1}, seed_),
          sample);
  }

 private:
  bool passes(const GradcheckReport& report, const Sample& sample) const {
    return suite::passes(report, sample, {.seed = seed_});
  }

  void innocent(const Call& call, std::string_view where) {
    const GradcheckReport report = look(call, sample_, {.order = sample_.options.order}, seed_);
    if (!passes(report, sample_))
      result_.suspected.push_back(
          {std::string(entry_.name), sample_.name, std::string(where), kScale, kDefaultMode, to_string(report)});
  }

  void count(const Mutant& mutant, std::size_t mode, const GradcheckReport& report, const Sample& sample) {
    Detection& detection = result_.bugs[mutant.bug].modes[mode];
    ++detection.tried;
    if (!passes(report, sample)) {
      ++detection.found;
    } else {
      result_.missed.push_back(
          {std::string(entry_.name), sample.name, mutant.where, mutant.bug, mode, to_string(report)});
    }
  }

  const suite::Entry& entry_;
  const Sample& sample_;
  std::uint64_t seed_;
  DetectionResult& result_;
};

}  // namespace

BugTally& BugTally::operator+=(const BugTally& other) {
  planted += other.planted;
  same += other.same;
  beyond += other.beyond;
  for (std::size_t m = 0; m < modes.size(); ++m) {
    modes[m].tried += other.modes[m].tried;
    modes[m].found += other.modes[m].found;
  }
  return *this;
}

DetectionResult& DetectionResult::operator+=(DetectionResult other) {
  for (std::size_t b = 0; b < bugs.size(); ++b) bugs[b] += other.bugs[b];
  samples += other.samples;
  std::move(other.missed.begin(), other.missed.end(), std::back_inserter(missed));
  std::move(other.suspected.begin(), other.suspected.end(), std::back_inserter(suspected));
  std::move(other.threw.begin(), other.threw.end(), std::back_inserter(threw));
  return *this;
}

bool DetectionResult::passed() const {
  return suspected.empty() && threw.empty() &&
         std::none_of(missed.begin(), missed.end(), [](const Missed& m) { return must_find(m.mode); });
}

DetectionResult detect(const suite::Entry& entry, std::uint64_t seed, std::int64_t most_elements) {
  DetectionResult result;
  if (entry.differentiable == suite::Differentiable::never) return result;
  suite::EntryResult threw{.kind = entry.kind, .family = entry.family, .name = entry.name, .checks = {}};
  const auto note = [&threw](suite::CheckResult check) {
    if (check.threw) threw.checks.push_back(std::move(check));
  };
  const RandomNumbers numbers(suite::default_numbers(seed));
  Generator g(seed);
  catalogue::Samples samples;
  note(suite::measured("samples", "", [&](suite::CheckResult&) { samples = entry.samples(g); }));
  for (const Sample& sample : samples) {
    default_generator().set_state(suite::default_numbers(seed));
    Detective detective(entry, sample, seed, result);
    std::vector<Mutant> mutants;
    const auto stage = [&](std::string_view name, const auto& work) {
      suite::CheckResult check = suite::measured(name, sample.name, [&](suite::CheckResult&) { work(); });
      check.of_samples = true;
      note(std::move(check));
    };
    stage("planted mistakes", [&] {
      if (suits(sample, most_elements)) mutants = detective.mutants();
    });
    stage(kPlantedRule, [&] {
      for (const Mutant& mutant : mutants) detective.examine(mutant);
    });
  }
  if (!threw.checks.empty()) result.threw.push_back(std::move(threw));
  return result;
}

}  // namespace tapegrad::program
