// One function at one point, compared with its derivatives: what all kinds of comparison share, and the kinds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "gradcheck/block.hpp"
#include "gradcheck/cotangents.hpp"
#include "gradcheck/first_order.hpp"
#include "gradcheck/judge.hpp"
#include "gradcheck/plain_differences.hpp"
#include "gradcheck/precision.hpp"
#include "gradcheck/rounding.hpp"
#include "gradcheck/slope.hpp"
#include "gradcheck/streams.hpp"
#include "gradcheck/subject.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// What the comparisons of a part say of its gradient as a whole.
struct Evidence {
  bool compared = false;     // there was anything to compare
  bool significant = false;  // a derivative differs from zero by more than its tolerance
  bool apparent = false;     // the same by steps for an input of size 1
  double steepest = 0.0;     // the largest derivative by either way
  double doubt = 0.0;        // the largest tolerance

  /// `nearer`: by steps of the input's own size.
  void add(const Judgement& judgement, const Slope& slope, bool nearer) {
    significant = significant || judgement.significant;
    apparent = apparent || (judgement.significant && !nearer);
    steepest = std::max(steepest, slope.divergence != 0.0 ? kInfinity : std::abs(slope.value));
    if (std::isfinite(slope.error)) doubt = std::max(doubt, judgement.tolerance);
  }
};

/// Keeps the largest error, relative to the larger value; elements that are tiny beside `scale` are measured by it.
void note_error(double& error, double analytic, double numeric, double scale);

struct Comparison {
  Comparison(Subject& function, int of_order, const GradcheckOptions& with, GradcheckReport& into,
             const FirstOrder& before);
  Comparison(const Comparison&) = delete;
  Comparison& operator=(const Comparison&) = delete;

  /// A finding about a part, with nothing found so far.
  GradcheckFinding finding_of(std::size_t part) const;
  /// Adds a finding about a part to the report.
  void file(GradcheckFinding finding, std::size_t part);
  /// At order 1 a gradient that is zero to rounding, and to a doubt by differences, proves nothing. (At order 2 it is
  /// what linear functions have.)
  void judge_vacuity(GradcheckFinding& finding, std::size_t part, const Evidence& evidence);
  /// Of what is wrong at an element that is infinite or NaN: says why its slope is 0.
  void note_no_number(GradcheckFinding& finding, std::size_t part) const;
  /// Outputs that are not finite have no derivative to compare: says how many. Where the inputs are finite, the
  /// function does not exist where one is NaN, so that what passes of the others is no proof at order 1. (At order 2
  /// the outputs are gradients, by cotangents of infinite outputs too, and order 1 has judged them.)
  void judge_what_was_left_out(GradcheckFinding& finding) const;
  /// What agrees with differences of a higher precision than the rule's is no proof where the rule, in its own, strays
  /// further from what it gives in theirs than rounding lets expect.
  void judge_precision(GradcheckFinding& finding, std::size_t part) const;
  /// Where results of other shapes beside the point leave a slope on one side only, or none: says so.
  void note_other_shapes(GradcheckFinding& finding) const;
  /// The rows of the Jacobian as claimed, by part: J^T of the unit cotangents. Computed once.
  const std::vector<Matrix>& claimed_rows();

  /// Tells the order above how its outputs, the gradients of this one, round.
  void tell_rounding();

  /// Whether something is wrong with the derivatives by a part that were compared with differences.
  bool is_wrong(std::size_t part) const;
  /// Whether the rule gives another gradient each time: what it makes of cotangents is not to be seen then.
  bool sweeps_differ() const;
  /// How a part's gradient fails to be linear in the cotangent; nothing where that is not to be seen.
  std::optional<GradcheckDiagnosis> diagnose_cotangent(std::size_t part);
  /// Files a part whose gradients for multiples of a cotangent are not as many times `gradient`, each element within as
  /// many of its tolerances; `beside` says what the number beside the gradient is.
  void expect_multiples(std::size_t part, const std::vector<Multiple>& multiples, const Values& gradient,
                        const Values& tolerances, std::string_view beside);
  /// What is wrong with a part: what it makes of the cotangent, else what explains the block.
  /// `exchanged`: what products have shown of its place among the inputs.
  std::optional<GradcheckDiagnosis> diagnose_part(std::size_t part, const Matrix& measured, double error,
                                                  std::optional<GradcheckDiagnosis> exchanged = std::nullopt);

  Subject& subject;
  int order;
  const GradcheckOptions& options;
  GradcheckReport& report;
  const Kinks& jumps;  // of the order below
  FirstOrder found;
  Precision precision;
  Streams streams;
  Rounding rounding;
  PlainDifferences differences;
  std::vector<Matrix> claimed;          // by part, where all rows were computed
  std::vector<Matrix> numeric;          // by part, where all elements were compared
  std::optional<CotangentProbe> probe;  // once something was wrong
  std::set<std::size_t> not_linear;     // the parts whose gradient is not linear in the cotangent, as far as is known
};

void compare_jacobian(Comparison& comparison);  // every element, and that the rule is linear in the cotangent
void compare_products(Comparison& comparison);  // with random directions
void compare_modes(Comparison& comparison);     // the forward rule with the reverse rule
void compare_beside(Comparison& comparison);    // where the rule is right at the point: at another, by one product

/// A product <u, J d> as differences along d have measured it.
struct MeasuredProduct {
  Values u, d;
  double value = 0.0;
  double tolerance = 0.0;
};

/// After products have shown that something is wrong with a part, `worst` among them: where, and what, when plain
/// differences by every element cost no more than a diagnosis may, and add up to the product. `exchanged`: with another
/// input, if the products show that.
void locate(Comparison& comparison, std::size_t part, const MeasuredProduct& worst,
            const std::optional<GradcheckDiagnosis>& exchanged, GradcheckFinding& finding);

}  // namespace tapegrad::checker
