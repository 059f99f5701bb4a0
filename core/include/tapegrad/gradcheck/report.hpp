// What a gradient check found: a value to ask, to print (fmt), to keep (JSON, JUnit's XML) and to look at (HTML).
// docs/gradcheck.md tells the keys of the JSON.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/gradcheck/verdict.hpp"
#include "tapegrad/text/text_formatter.hpp"

namespace tapegrad {

/// The mistakes that a residual can be shown to be.
enum class GradcheckMistake : unsigned char {
  constant_factor,       ///< 1/N, 2, a sign
  missing_factor,        ///< the values of an input (gamma) are missing, or there once too often
  sign_of_input,         ///< wrong where an input is negative: |x| in place of x
  no_gradient,           ///< zero where the function depends on the input
  transposed,            ///< two axes of the input or the output exchanged, or their strides
  wrong_axis,            ///< the terms run along another axis, or one more
  shifted,               ///< elements reversed, moved along, exchanged by halves or repeated from another place
  exchanged_inputs,      ///< the gradients of two inputs of the same shape in each other's place
  missing_sum,           ///< one slice in place of the sum over a broadcast axis
  missing_accumulation,  ///< `=` where an input that is used more than once needs `+=`
  missing_coupling,      ///< each element by itself, without the terms between them
  extra_term,            ///< a term that the function does not have, or once more than it has it
  ignored_mask,          ///< a gradient where the function does not depend on the input
  stale_value,           ///< the derivative at another point
  detached_statistics,   ///< a mean, variance or root mean square treated as constant
  correction_factor,     ///< the terms of such statistics by another factor
  misplaced_epsilon,     ///< another eps than the function's, or at another place
  single_precision,      ///< computed in float32
  not_finite,            ///< NaN or infinite where the function and its differences are finite
  not_linear             ///< the gradient that comes in (dy) is ignored, or more than a factor
};
std::string_view to_string(GradcheckMistake mistake);

/// A mistake whose fit to the analytic and the numeric derivative explains (almost) the whole residual.
struct GradcheckDiagnosis {
  GradcheckMistake mistake;
  std::string text;    ///< what was fitted, and what it suggests
  double unexplained;  ///< the part of the residual that the fit leaves, by norm
};

/// One point of a sweep of steps: the Taylor remainder |f(x + t v) - f(x) - t <g, v>|, the larger of both sides'.
struct TaylorPoint {
  double step;
  double remainder;
  double noise;  ///< the part of it that may be rounding
};

/// One element of the Jacobian, or its product with a direction.
struct GradcheckElement {
  Verdict verdict = Verdict::ok;
  std::vector<std::int64_t> index = {};  ///< of the input's element; empty for a direction
  std::int64_t output = -1;              ///< element of the outputs, counted through; -1 for a random combination
  double analytic = 0.0;
  double numeric = 0.0;    ///< what it is compared with
  double tolerance = 0.0;  ///< from the estimated errors of both
  /// Of the input's element, to the last bit; NaN of a direction.
  double input_value = std::numeric_limits<double>::quiet_NaN();

  double absolute_error() const;
  /// Of the larger of both.
  double relative_error() const;
};

/// What was compared: the rules of reverse mode with differences, those of forward mode with reverse mode, or, where
/// nothing but a product J v is given, with differences; or, before either, calls of the function with each other.
enum class GradcheckMode : unsigned char { reverse, forward, call };
std::string_view to_string(GradcheckMode mode);

/// The worst disagreement of one input at one order, or what stands in the way of a comparison: an element, and what is
/// known of its input.
struct GradcheckFinding : GradcheckElement {
  int order = 1;
  GradcheckMode mode = GradcheckMode::reverse;
  bool with_differences = true;                 ///< `numeric` is by finite differences; else what reverse mode says
  int input = -1;                               ///< at order 2 the cotangents follow the inputs
  double slope_below = 0.0, slope_above = 0.0;  ///< at a kink
  std::string note = {};

  std::string input_name = {};           ///< its given name, else its number
  std::vector<std::int64_t> shape = {};  ///< of the input
  /// How many elements each output has, where there are several; else empty.
  std::vector<std::int64_t> output_sizes = {};
  /// Of the Taylor remainder as the step shrinks: 2 with a right derivative (more where the curvature vanishes), 1 with
  /// a wrong one; NaN where the remainder is below rounding at all steps, as for linear functions.
  double rate = std::numeric_limits<double>::quiet_NaN();
  double step = 0.0;                         ///< the smallest of the differences that gave `numeric`
  std::vector<TaylorPoint> sweep = {};       ///< of the worst element, by falling step
  std::vector<GradcheckElement> worst = {};  ///< the worst elements, worst first
  std::vector<double> element_errors = {};  ///< by element of the input, the largest relative error; for full Jacobians
  std::optional<GradcheckDiagnosis> diagnosis = {};
};

struct [[nodiscard]] GradcheckReport {
  std::vector<GradcheckFinding> findings;  ///< by order, mode and input that was compared
  std::vector<Allowance> allowed;
  std::int64_t comparisons = 0;
  std::int64_t calls = 0;  ///< of the function for differences, which nearly all are
  double seconds = 0.0;
  std::uint64_t seed = 0;

  Verdict verdict() const;
  /// Whether every finding is ok, a kink that the derivative fits, or allowed.
  bool ok() const;
  /// Whether this finding is one of those.
  bool passes(const GradcheckFinding& finding) const;
};

/// A table of 100 columns where the inputs' names allow it; below it, for each finding that is not simply ok, allowed
/// ones too, the worst elements, the diagnosis and how to reproduce it.
std::string to_string(const GradcheckReport& report);
/// The same as a JSON object. Numbers that JSON lacks (infinities, NaN) are strings.
[[nodiscard]] std::string to_json(const GradcheckReport& report);
/// A self-contained page: heat map of the relative error per element, remainder over step, worst elements.
[[nodiscard]] std::string to_html(const GradcheckReport& report, std::string_view title = "Gradient check");
/// The parts of that page, for pages of several reports: what it says below its heading, and a page in its style,
/// `more` styles added, around a body of HTML. The title is escaped.
[[nodiscard]] std::string html_body(const GradcheckReport& report);
[[nodiscard]] std::string html_page(std::string_view title, std::string_view body, std::string_view more = {});

/// A report of a suite, or why there is none, and what it goes by there.
struct NamedReport {
  std::string name;
  GradcheckReport report = {};
  std::optional<std::string> error = {};  ///< what the check has thrown; then the report does not count
};
/// The suite as JUnit's XML, as test servers read it: one test case per report, which fails where the report is not ok,
/// and is an error where there is one. What passes and has more to say (a note, a kink, an allowed verdict) says it as
/// the case's output.
[[nodiscard]] std::string to_junit(std::string_view suite, const std::vector<NamedReport>& reports);

}  // namespace tapegrad

template <>
struct fmt::formatter<tapegrad::GradcheckReport> : tapegrad::TextFormatter {
  fmt::appender format(const tapegrad::GradcheckReport& report, fmt::format_context& context) const {
    return write(to_string(report), context);
  }
};
