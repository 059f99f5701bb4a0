#include "gradcheck/rounding.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <span>
#include <utility>

#include "gradcheck/directions.hpp"
#include "gradcheck/noise.hpp"

namespace tapegrad::checker {
namespace {

/// Outputs at order 2 are the gradients of the inputs, part by part; the cotangents, which follow among the parts, have
/// none.
Values slack_of_outputs(const Subject& subject, const Doubts& doubts) {
  Values slack;
  if (doubts.empty()) return slack;
  for (const Part& part : subject.parts) {
    if (slack.size() == subject.outputs.size()) break;  // the cotangents
    const auto doubt = doubts.find(part.number);
    slack.insert(slack.end(), part.values.size(), doubt != doubts.end() ? doubt->second : 0.0);
  }
  return slack;
}

/// The same, by part.
Values known_unrest(const Subject& subject, const Unrests& unrests) {
  Values unrest;
  for (const Part& part : subject.parts) {
    const auto known = unrests.find(part.number);
    if (known == unrests.end()) break;  // the cotangents
    unrest.insert(unrest.end(), known->second.begin(), known->second.end());
  }
  return unrest;
}

/// The weights of a fourth divided difference of values at t, in which nothing is left of a cubic. Of length 1: it
/// scatters as far as independent noise in the values.
constexpr std::size_t kWindow = 5;
using Window = std::array<double, kWindow>;
Window fourth_difference(std::span<const double, kWindow> t) {
  Window weights{};
  for (std::size_t j = 0; j < kWindow; ++j) {
    weights[j] = 1.0;
    for (std::size_t m = 0; m < kWindow; ++m)
      if (m != j) weights[j] /= t[j] - t[m];
  }
  const double length = norm(weights);
  for (double& each : weights) each /= length;
  return weights;
}

/// Adds the squares of the gradients' weighted sums, by part and element.
void add_squares(std::vector<Values>& squares, const std::deque<std::vector<Values>>& gradients,
                 const Window& weights) {
  for (std::size_t i = 0; i < squares.size(); ++i) {
    for (std::size_t j = 0; j < squares[i].size(); ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < kWindow; ++k) sum += weights[k] * gradients[k][i][j];
      squares[i][j] += sum * sum;
    }
  }
}

/// How long each element of a gradient keeps its value while it should grow with a factor before the cotangent.
class Stillness {
 public:
  void add(const std::vector<Values>& gradient, double factor) {
    if (last_.empty()) {
      last_ = gradient;
      for (const Values& part : gradient) {
        since_.emplace_back(part.size(), factor);
        rounding_.emplace_back(part.size(), 0.0);
      }
      return;
    }
    for (std::size_t i = 0; i < last_.size(); ++i)
      for (std::size_t j = 0; j < last_[i].size(); ++j) {
        if (gradient[i][j] == last_[i][j]) {
          const double missing = std::abs(last_[i][j]) * (factor / since_[i][j] - 1.0);
          rounding_[i][j] = std::max(rounding_[i][j], 0.5 * missing);
        } else {
          last_[i][j] = gradient[i][j];
          since_[i][j] = factor;
        }
      }
  }
  void raise(std::vector<Values>& unrest) const {
    for (std::size_t i = 0; i < unrest.size(); ++i)
      for (std::size_t j = 0; j < unrest[i].size(); ++j) unrest[i][j] = std::fmax(unrest[i][j], rounding_[i][j]);
  }

 private:
  std::vector<Values> last_, since_, rounding_;  // by part: the value, the factor it began at, what it shows
};

/// How far gradients scatter beside a straight line while a factor before the cotangent grows. They may be what is left
/// of terms that cancel, far larger than themselves and than all outputs: the square of a normalised row. The factor
/// rounds every term anew, if it goes far enough: near 1 the terms of a rest of 1e-12 lose the same digits each time,
/// and at equal steps they may. Of a rule that is not linear, but smooth, a fourth difference shows next to nothing.
/// A gradient of a few roundings may stand still meanwhile, where it should grow: then half of what it should have
/// grown by is rounding.
template <class Sweep>
std::vector<Values> unrest_at(const Values& cotangent, Generator generator, const Sweep& sweep) {
  constexpr std::size_t kSweeps = 9;
  constexpr double kSpacing = 1.0 / 192.0;
  std::array<double, kSweeps> factors{};
  std::deque<std::vector<Values>> gradients;  // the last ones
  std::vector<Values> unrest;
  Stillness stillness;
  for (std::size_t k = 0; k < kSweeps; ++k) {
    factors[k] = 1.0 + kSpacing * (static_cast<double>(k) + 0.5 * generator.uniform());
    Values scaled = cotangent;
    for (double& each : scaled) each *= factors[k];
    gradients.push_back(sweep(scaled));
    stillness.add(gradients.back(), factors[k]);
    if (k == 0)
      for (const Values& gradient : gradients.front()) unrest.emplace_back(gradient.size(), 0.0);
    if (gradients.size() < kWindow) continue;
    const std::span<const double, kWindow> last(factors.data() + (k + 1 - kWindow), kWindow);
    add_squares(unrest, gradients, fourth_difference(last));
    gradients.pop_front();
  }
  for (Values& part : unrest)
    for (double& each : part) each = std::fmax(0.0, std::sqrt(each / (kSweeps + 1 - kWindow)));  // 0 for NaN
  stillness.raise(unrest);
  return unrest;
}

/// Random numbers from 1 on, of either sign: of smaller ones the rounding beside larger ones would not show.
Values ones_and_more(std::size_t count, Generator& generator) {
  Values values = normal_values(count, generator);
  for (double& v : values) v += std::copysign(1.0, v);
  return values;
}

/// Sum of |weights| times values, of which there may be none.
double weighed(const Values& weights, const Values& values) {
  double sum = 0.0;
  for (std::size_t o = 0; o < values.size(); ++o) sum += std::abs(weights[o]) * values[o];
  return sum;
}

/// The size of the terms that outputs are sums of. Where gradients are smaller than the order below lets expect, terms
/// may have cancelled, each as large as dx/dx = 1 or as what they round in proportion to.
double terms_of_outputs(double size, double expected, double rounded) {
  return std::max({size, std::min(expected, 1.0), kSafety * rounded});
}

}  // namespace

Rounding::Rounding(Subject& subject, const Precision& precision, const FirstOrder& before, const Doubts& found,
                   const Streams& streams)
    : subject_(subject),
      precision_(precision),
      found_(found),
      streams_(streams),
      slack_(slack_of_outputs(subject, before.doubts)),
      unrest_(known_unrest(subject, before.unrests)),
      coarseness_(subject.parts.size(), 0.0),
      strayed_(subject.parts.size(), 0.0),
      output_size_(largest(subject.outputs)),
      terms_size_(terms_of_outputs(output_size_, before.natural, largest(unrest_) / precision.epsilon)) {
  for (const Part& part : subject.parts) input_sizes_.push_back(std::max(1.0, largest(part.values)));
  if (precision.epsilon < precision.derivative_epsilon && all_finite(subject.outputs))
    measure_coarseness(std::max(terms_size_, terms_of_outputs(output_size_, before.natural, before.rounded)));
}

Scales Rounding::scales(std::size_t part, double around, double natural, double slack, const Slope& slope) const {
  // Where it is 0 and no step has moved the function, terms may have cancelled, each as large as dx/dx = 1:
  // log(1 + exp(-50)).
  const double per_input = natural > 0.0 || !slope.still ? natural : 1.0;
  const double apart = beside(per_input, slope) + slack + hidden(part) + precision_.least_derivative;
  return {.block = std::max(around, std::abs(slope.value)),
          .natural = per_input,
          .floor = floor(part, around) + apart,
          .alone = floor_alone(part, around) + apart,
          .rough = precision_.rough,
          .fair = precision_.fair,
          .nothing = of_nothing()};
}

double Rounding::slack_of_sum(const Values& weights) const { return weighed(weights, slack_); }

Values Rounding::magnitude() const {
  Values magnitude = subject_.outputs;
  for (std::size_t o = 0; o < magnitude.size(); ++o)
    magnitude[o] = std::max({std::abs(magnitude[o]), 0.01 * output_size_, slack_at(o) / precision_.epsilon});
  return magnitude;
}

double Rounding::unrest_of_sum(const Values& weights) const { return weighed(weights, unrest_); }

double Rounding::doubt_of(std::size_t part) const {
  const auto doubt = found_.find(subject_.parts[part].number);
  return doubt != found_.end() ? doubt->second : 0.0;
}

const Trial& Rounding::trial() {
  if (trial_) return *trial_;
  Generator generator = streams_.of(Purpose::trial);
  Trial trial{.cotangent = ones_and_more(subject_.outputs.size(), generator), .gradients = {}, .unrest = {}};
  trial.gradients = subject_.pull_back(trial.cotangent);
  trial.unrest = unrest_at(trial.cotangent, generator, [this](const Values& u) { return subject_.pull_back(u); });
  return trial_.emplace(std::move(trial));
}

std::vector<Values> Rounding::unrest_of_gradients() {
  const Values& cotangent = trial().cotangent;
  if (precision_.epsilon < precision_.derivative_epsilon && !subject_.fine_pull_back(cotangent).empty())
    return unrest_at(cotangent, streams_.of(Purpose::trial),
                     [this](const Values& u) { return subject_.fine_pull_back(u); });
  return trial().unrest;
}

double Rounding::between_ways(double reach, std::size_t part, double weights) {
  const double epsilon = precision_.derivative_epsilon;
  // Outputs that are all zero say nothing of the terms that have cancelled.
  const double natural = output_size_ > 0.0 ? natural_scale(part) : 1.0;
  // What is large beside its slopes, as logits of a saturated softmax are, rounds by its own size.
  const double rounded = std::max(1e3 * epsilon * natural, 32.0 * epsilon * output_size_);
  const double most = std::max(std::pow(epsilon, 0.3) * reach, weights * of_nothing() * terms_per_input(part));
  return std::pow(epsilon, 0.7) * reach + rounded + weights * hidden(part) +
         std::min(8.0 * weights * largest(trial().unrest[part]), most);
}

void Rounding::measure_coarseness(double terms) {
  constexpr int kCotangents = 8;
  constexpr double kMargin = 8.0;
  constexpr double kExpected = 2e-4;  // of the largest: some thousand roundings of float32
  Generator generator = streams_.of(Purpose::coarseness);
  for (int k = 0; k < kCotangents; ++k) {
    const Values u = normal_values(subject_.outputs.size(), generator);
    const std::vector<Values> fine = subject_.fine_pull_back(u);
    const std::vector<Values> coarse = subject_.pull_back(u);
    for (std::size_t i = 0; i < fine.size(); ++i) {
      double error = 0.0;
      for (std::size_t j = 0; j < fine[i].size(); ++j) error = std::fmax(error, std::abs(coarse[i][j] - fine[i][j]));
      const double reach = largest(fine[i]);
      const double rounded = 100.0 * precision_.derivative_epsilon * terms / input_size(i);
      coarseness_[i] = std::max(coarseness_[i], std::min(std::max(1e-3 * reach, rounded), kMargin * error));
      if (error > std::max(kExpected * reach, rounded)) strayed_[i] = std::max(strayed_[i], error / reach);
    }
  }
}

}  // namespace tapegrad::checker
