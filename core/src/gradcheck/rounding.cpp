#include "gradcheck/rounding.hpp"

#include <algorithm>
#include <cmath>

namespace tapegrad::checker {
namespace {

/// Outputs at order 2 are gradients, part by part, and the cotangents' after them.
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

}  // namespace

Rounding::Rounding(const Subject& subject, const Precision& precision, const Doubts& before, const Doubts& found)
    : subject_(subject),
      precision_(precision),
      found_(found),
      slack_(slack_of_outputs(subject, before)),
      output_size_(largest(subject.outputs)) {
  for (const Part& part : subject.parts) input_sizes_.push_back(std::max(1.0, largest(part.values)));
}

double Rounding::slack_of_sum(const Values& weights) const {
  double sum = 0.0;
  for (std::size_t o = 0; o < slack_.size(); ++o) sum += std::abs(weights[o]) * slack_[o];
  return sum;
}

Values Rounding::magnitude() const {
  Values magnitude = subject_.outputs;
  for (std::size_t o = 0; o < magnitude.size(); ++o)
    magnitude[o] = std::max({std::abs(magnitude[o]), 0.01 * output_size_, slack_at(o) / precision_.epsilon});
  return magnitude;
}

double Rounding::doubt_of(std::size_t part) const {
  const auto doubt = found_.find(subject_.parts[part].number);
  return doubt != found_.end() ? doubt->second : 0.0;
}

double Rounding::between_ways(double reach, std::size_t part) const {
  const double epsilon = precision_.derivative_epsilon;
  // Outputs that are all zero say nothing of the terms that have cancelled.
  const double natural = output_size_ > 0.0 ? natural_scale(part) : 1.0;
  return std::pow(epsilon, 0.7) * reach + 1e3 * epsilon * natural;
}

}  // namespace tapegrad::checker
