// The function under check, as the checker sees it: parts of numbers in, numbers out, and the derivatives in question.
#pragma once

#include <limits>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradcheck/values.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// One input that the function is differentiated by.
struct Part {
  int number = 0;  // among all inputs of the function, for the report
  std::string name;
  Extents shape;
  Values values;
  bool single = false;  // the function sees its elements rounded to float32
};

class Subject {
 public:
  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  /// All outputs, one after the other, with the values of one part replaced. NaN where the function throws, and where
  /// its results have other shapes than at the point.
  virtual Values call_with(std::size_t part, const Values& values) = 0;
  /// The same with the values of all parts replaced.
  virtual Values call_at(const std::vector<Values>& by_part) = 0;
  /// J^T u by part, as the function's author says.
  virtual std::vector<Values> pull_back(const Values& u) = 0;
  /// The same in the precision of the differences, for where that is higher than the derivatives' own: what rounding
  /// leaves of them shows. Empty where it cannot be had.
  virtual std::vector<Values> fine_pull_back(const Values& /*u*/) { return {}; }
  /// Whether the rule can be asked at other points than the one: a gradient that was computed before says nothing of
  /// those. Then J^T u there; empty where the function or the rule refuses.
  virtual bool has_other_points() const { return false; }
  virtual std::vector<Values> pull_back_at(const std::vector<Values>& /*by_part*/, const Values& /*u*/) { return {}; }
  /// Whether there is a forward rule besides; then J v for a v of one part.
  virtual bool has_push_forward() const { return false; }
  virtual Values push_forward(std::size_t /*part*/, const Values& /*v*/) { return {}; }

  GradcheckMode rule_mode = GradcheckMode::reverse;  // of the derivatives that are compared with differences
  std::vector<Part> parts;
  Values outputs;                                                 // at the point
  std::vector<Extents> output_shapes;                             // of the single outputs, in order
  std::optional<std::vector<Extents>> other_shapes;               // that a call has given beside the point, the last
  double value_epsilon = std::numeric_limits<double>::epsilon();  // relative rounding of the values
  double derivative_epsilon = std::numeric_limits<double>::epsilon();  // and of the derivatives in question

 protected:
  /// What `call` gives; nothing where it throws: a function may refuse what lies outside its domain, by whatever it
  /// throws. Memory that has run out is no refusal.
  template <class Call>
  static std::optional<std::invoke_result_t<const Call&>> unless_refused(const Call& call) {
    try {
      return call();
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      return std::nullopt;
    }
  }
  /// Likewise of a call's outputs, which are not finite where it refuses.
  template <class Call>
  Values values_unless_refused(const Call& call) const {
    std::optional<Values> y = unless_refused(call);
    return y ? *std::move(y) : not_finite();
  }
  Values not_finite() const { return Values(outputs.size(), std::numeric_limits<double>::quiet_NaN()); }
  /// What a call has given, whose results have these shapes. Where those are others than at the point, as where a mask
  /// selects what is returned, no place means what it means there.
  Values comparable(Values y, std::vector<Extents> shapes) {
    if (shapes == output_shapes) return y;
    other_shapes = std::move(shapes);
    return not_finite();
  }
  /// Files what stands in the way of a comparison of one order, whatever the input.
  static void file(GradcheckReport& report, int order, GradcheckMode mode, Verdict verdict, std::string note) {
    GradcheckFinding& finding = report.findings.emplace_back();
    finding.order = order;
    finding.mode = mode;
    finding.verdict = verdict;
    finding.note = std::move(note);
  }
};

}  // namespace tapegrad::checker
