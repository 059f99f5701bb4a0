// How far derivatives may differ that are both right: what rounding leaves of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "gradcheck/first_order.hpp"
#include "gradcheck/judge.hpp"
#include "gradcheck/precision.hpp"
#include "gradcheck/slope.hpp"
#include "gradcheck/streams.hpp"
#include "gradcheck/subject.hpp"

namespace tapegrad::checker {

/// A random cotangent, none of whose elements is small, and what the rule makes of it.
struct Trial {
  Values cotangent;
  std::vector<Values> gradients;  // by part
  std::vector<Values> unrest;  // likewise, of each element: what a factor before the cotangent changes beside a factor
};

/// Parts are given by their place among the subject's. An output's slack is how far it may be off zero where it is the
/// gradient of an input that has none but rounding.
class Rounding {
 public:
  /// `before`: what the order below has told; `found`: the doubts of this order, as they come to light.
  Rounding(Subject& subject, const Precision& precision, const FirstOrder& before, const Doubts& found,
           const Streams& streams);

  /// How far a part's derivatives may be off that are as large as `block`.
  double floor(std::size_t part, double block) const { return std::max(precision_.floor * block, coarseness_[part]); }
  /// What the tolerance of a derivative with respect to a part is in proportion to, at a slope: `around` is the size of
  /// the derivatives around it, `natural` that of the outputs per input, `slack` what its own output may be off.
  Scales scales(std::size_t part, double around, double natural, double slack, const Slope& slope) const;
  /// How far a part's derivatives, rounded more coarsely than the differences, are from the same rule's in their
  /// precision, for random cotangents, with a margin for others; at most a thousandth of the largest, or what rounding
  /// leaves of the terms that the outputs are sums of, per input. A sum of terms that cancel keeps the rounding of the
  /// terms. 0 where that cannot be told.
  double coarseness(std::size_t part) const { return coarseness_[part]; }
  /// By what share of the largest they differ, where that is more than rounding lets expect: whether the rule rounds so
  /// badly at this point or is wrong in its own precision alone, differences in the other do not tell. Else 0.
  double strayed(std::size_t part) const { return strayed_[part]; }

  /// An input's size, which counts as 1 at least: as where steps begin.
  double input_size(std::size_t part) const { return input_sizes_[part]; }
  /// The size of the outputs per size of an input.
  double natural_scale(std::size_t part) const { return output_size_ / input_size(part); }

  double slack_at(std::size_t output) const { return output < slack_.size() ? slack_[output] : 0.0; }
  /// Of a sum of outputs with these weights.
  double slack_of_sum(const Values& weights) const;

  /// What the rounding of each output is in proportion to. Outputs that are zero by cancellation carry the rounding of
  /// what cancelled, of which the others tell.
  Values magnitude() const;
  /// How far each output, a gradient, has been seen to round; empty where none has been looked at.
  const Values& unrest_of_outputs() const { return unrest_; }
  /// Of a sum of outputs with these weights.
  double unrest_of_sum(const Values& weights) const;

  /// Made, by ten sweeps, when it is first asked for.
  const Trial& trial();
  /// The size of the terms that a part's gradient rounds as, in the precision of the rule.
  double rounded_terms(std::size_t part) { return largest(trial().unrest[part]) / precision_.derivative_epsilon; }
  /// How far each element of the gradients rounds, by part, as the differences of the order above will see it.
  std::vector<Values> unrest_of_gradients();

  /// How far derivatives with respect to a part may differ that are made of rounding alone, of outputs with this slack.
  double alone(std::size_t part, double slack) const {
    return (found_.empty() ? 0.0 : doubt_of(part)) + slack / input_size(part) + coarseness_[part];
  }
  /// How far two ways to one derivative with respect to a part may differ whose terms sum up to `reach` in magnitude: a
  /// derivative by one element, or by a sum of elements with weights of this sum. As rounding leaves them, and as the
  /// rule has been seen to round, but no more than a small part of the terms or than is left where larger ones cancel.
  double between_ways(double reach, std::size_t part, double weights = 1.0);
  /// What may be left of a derivative that is zero because terms cancel, each as large as dx/dx = 1.
  double of_nothing() const { return 1e4 * precision_.derivative_epsilon; }

 private:
  /// What is left of a part's derivative that is measured well by itself: no more than where terms as large as the
  /// block cancel.
  double floor_alone(std::size_t part, double block) const {
    return std::min(floor(part, block), std::max(of_nothing() * block, coarseness_[part]));
  }
  /// What rounding leaves of a derivative beside outputs of this size per input. Where the derivative in question is
  /// rounded more coarsely than the differences, that counts only where they see none.
  double beside(double natural, const Slope& slope) const {
    const double fine = 100.0 * precision_.epsilon * natural;
    const bool none = std::abs(slope.value) <= 10.0 * slope.error + fine;
    return none ? 100.0 * precision_.coarser_epsilon * natural : fine;
  }
  double terms_per_input(std::size_t part) const { return terms_size_ / input_size(part); }
  /// What differences miss of outputs that are what is left of larger terms, in a tenfold estimate as all that they
  /// doubt: where over the widest step the terms move by less than they are rounded to, the outputs stand still, or
  /// move as if others did not.
  double hidden(std::size_t part) const {
    constexpr double kRounded = 4.0;
    const bool cancelled = terms_size_ > output_size_;
    return cancelled ? 10.0 * kRounded * precision_.epsilon * terms_per_input(part) / precision_.first_step : 0.0;
  }
  double doubt_of(std::size_t part) const;
  void measure_coarseness(double terms);  // `terms`: what outputs are sums of, in the precision of the rule

  Subject& subject_;
  const Precision& precision_;
  const Doubts& found_;
  Streams streams_;
  Values slack_;        // by output; empty where none has any
  Values unrest_;       // likewise: how far outputs that are gradients have been seen to round
  Values input_sizes_;  // by part
  Values coarseness_;   // likewise
  Values strayed_;      // likewise
  double output_size_;  // of the largest
  double terms_size_;   // of the largest term that an output is a sum of, as far as is known
  std::optional<Trial> trial_;
};

}  // namespace tapegrad::checker
