// Terms that are missing, or there where they should not be: each element of the Jacobian is right, or zero on one
// side.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {
namespace {

/// Elements where exactly one side is zero, the other elements being equal.
struct Pattern {
  std::vector<std::pair<std::size_t, std::size_t>> dropped;  // analytic is zero
  std::vector<std::pair<std::size_t, std::size_t>> extra;    // numeric is zero
  std::vector<std::size_t> kept_in_row, kept_in_column;      // elements that both sides have
};

std::optional<Pattern> pattern_of(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  const Matrix& n = block.numeric;
  Pattern p;
  p.kept_in_row.assign(a.rows, 0);
  p.kept_in_column.assign(a.columns, 0);
  const double zero = residual.negligible();
  for (std::size_t r = 0; r < a.rows; ++r) {
    for (std::size_t c = 0; c < a.columns; ++c) {
      if (std::abs(a(r, c) - n(r, c)) <= 2.0 * zero) {
        if (std::abs(n(r, c)) <= 2.0 * zero) continue;
        ++p.kept_in_row[r];
        ++p.kept_in_column[c];
      } else if (std::abs(a(r, c)) <= zero) {
        p.dropped.emplace_back(r, c);
      } else if (std::abs(n(r, c)) <= zero) {
        p.extra.emplace_back(r, c);
      } else {
        return std::nullopt;
      }
    }
  }
  return p;
}

std::size_t count_if_kept(const std::vector<std::size_t>& kept) {
  return static_cast<std::size_t>(std::count_if(kept.begin(), kept.end(), [](std::size_t k) { return k > 0; }));
}

/// Each element of the input with its own output alone.
Diagnosis only_diagonal(const Block& block, const Residual& residual, const Pattern& p) {
  constexpr std::size_t kFew = 3;
  const Matrix& a = block.analytic;
  if (a.rows != a.columns || p.dropped.size() < a.rows || count_if_kept(p.kept_in_row) < kFew) return std::nullopt;
  for (std::size_t r = 0; r < a.rows; ++r)
    for (std::size_t c = 0; c < a.columns; ++c)
      if (r != c && std::abs(a(r, c)) > residual.negligible()) return std::nullopt;
  return GradcheckDiagnosis{
      GradcheckMistake::missing_coupling,
      fmt::format("analytic = numeric on the diagonal and zero in {} places beside it: only the diagonal of the "
                  "Jacobian is there, the terms between elements are missing",
                  p.dropped.size()),
      0.0};
}

/// Gradients of one slice of the outputs, along an axis that the input is broadcast over.
Diagnosis slice_for_sum(const Block& block, const Pattern& p) {
  if (!block.single_output) return std::nullopt;
  const Extents& in = block.input_shape;
  const Extents& out = block.output_shape;
  for (std::size_t d = 0; d < out.size(); ++d) {
    const std::size_t lead = out.size() - std::min(out.size(), in.size());
    const bool broadcast = out[d] > 1 && (d < lead || in[d - lead] == 1);
    if (!broadcast) continue;
    std::set<std::int64_t> kept, dropped;
    for (std::size_t r = 0; r < p.kept_in_row.size(); ++r)
      if (p.kept_in_row[r] > 0) kept.insert(unravel(static_cast<std::int64_t>(r), out)[d]);
    for (const auto& [r, c] : p.dropped) dropped.insert(unravel(static_cast<std::int64_t>(r), out)[d]);
    if (kept.size() != 1 || dropped.contains(*kept.begin())) continue;
    return GradcheckDiagnosis{
        GradcheckMistake::missing_sum,
        fmt::format("analytic = numeric for outputs with index {} along axis {}, and zero for all others: the sum over "
                    "the axis that the input is broadcast along is missing",
                    *kept.begin(), d),
        0.0};
  }
  return std::nullopt;
}

/// All that is missing is what whole outputs of several give, and those give nothing.
Diagnosis unused_outputs(const Block& block, const Pattern& p) {
  if (block.single_output || count_if_kept(p.kept_in_row) == 0) return std::nullopt;
  std::vector<std::size_t> unused;
  std::size_t begin = 0;
  for (std::size_t k = 0; k < block.output_shapes.size(); ++k) {
    const std::size_t end = begin + static_cast<std::size_t>(count_of(block.output_shapes[k]));
    const bool drops = std::any_of(p.dropped.begin(), p.dropped.end(),
                                   [&](const auto& place) { return place.first >= begin && place.first < end; });
    for (; begin < end; ++begin)
      if (drops && p.kept_in_row[begin] > 0) return std::nullopt;
    if (drops) unused.push_back(k);
  }
  return GradcheckDiagnosis{
      GradcheckMistake::no_gradient,
      fmt::format("analytic = numeric but for {0} {1}, of which it has nothing: the cotangent of {0} {1} is not used",
                  unused.size() == 1 ? "output" : "outputs", fmt::join(unused, ", ")),
      0.0};
}

/// One contribution in place of all to the input's elements that are used more than once.
Diagnosis overwritten(const Block& block, const Pattern& p) {
  std::set<std::size_t> columns;
  for (const auto& [r, c] : p.dropped) columns.insert(c);
  const bool one_each =
      std::all_of(columns.begin(), columns.end(), [&](std::size_t c) { return p.kept_in_column[c] == 1; });
  if (!one_each || block.analytic.rows < 2) return std::nullopt;
  return GradcheckDiagnosis{
      GradcheckMistake::missing_accumulation,
      fmt::format(
          "of the input's elements that several outputs read, {} have the gradient of one of these only, and all "
          "else agrees: assigned (=) where the gradient must be accumulated (+=)",
          columns.size()),
      0.0};
}

/// The axes along which two elements of a shape differ.
std::set<std::size_t> axes_between(const Extents& shape, std::size_t a, std::size_t b) {
  const Extents p = unravel(static_cast<std::int64_t>(a), shape);
  const Extents q = unravel(static_cast<std::int64_t>(b), shape);
  std::set<std::size_t> axes;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (p[d] != q[d]) axes.insert(d);
  return axes;
}

/// All axes along which the function couples different elements.
std::set<std::size_t> coupled_axes(const Block& block, double negligible) {
  const Matrix& n = block.numeric;
  std::set<std::size_t> axes;
  for (std::size_t r = 0; r < n.rows; ++r)
    for (std::size_t c = 0; c < n.columns; ++c)
      if (r != c && std::abs(n(r, c)) > negligible) axes.merge(axes_between(block.input_shape, r, c));
  return axes;
}

/// Whether a place where the function has no derivative may be one that a mask covers: an element or an output that
/// takes no part at all, or elements along axes that the function couples others along.
bool may_be_masked(const Block& block, const Pattern& p, const std::set<std::size_t>& coupled, std::size_t r,
                   std::size_t c) {
  if (p.kept_in_row[r] == 0 || p.kept_in_column[c] == 0) return true;
  if (!is_shaped_alike(block)) return false;
  const std::set<std::size_t> axes = axes_between(block.input_shape, r, c);
  return std::includes(coupled.begin(), coupled.end(), axes.begin(), axes.end());
}

/// Terms where the function has none, all else being equal: by a mask that is ignored, or a sum over an axis too many.
Diagnosis added_elements(const Block& block, const Residual& residual, const Pattern& p) {
  constexpr std::size_t kFew = 2;
  if (!p.dropped.empty() || p.extra.size() < kFew || count_if_kept(p.kept_in_column) == 0) return std::nullopt;
  std::set<std::size_t> coupled;
  if (is_shaped_alike(block)) coupled = coupled_axes(block, residual.negligible());
  if (std::all_of(p.extra.begin(), p.extra.end(),
                  [&](const auto& place) { return may_be_masked(block, p, coupled, place.first, place.second); }))
    return GradcheckDiagnosis{
        GradcheckMistake::ignored_mask,
        fmt::format("analytic has a gradient in {} of {} places where the function does not depend "
                    "on the input, and agrees everywhere else: a mask is ignored",
                    p.extra.size(), block.numeric.values.size()),
        0.0};
  if (!is_shaped_alike(block)) return std::nullopt;
  std::set<std::size_t> more;
  for (const auto& [r, c] : p.extra) {
    std::set<std::size_t> axes = axes_between(block.input_shape, r, c);
    std::erase_if(axes, [&](std::size_t d) { return coupled.contains(d); });
    if (axes.empty()) return std::nullopt;
    more.merge(axes);
  }
  return GradcheckDiagnosis{
      GradcheckMistake::wrong_axis,
      fmt::format("analytic has a gradient in {} places between elements that differ along {} {}, where the function "
                  "couples none, and agrees everywhere else: the rule reduces over {} {} too",
                  p.extra.size(), more.size() == 1 ? "axis" : "axes", fmt::join(more, ", "),
                  more.size() == 1 ? "axis" : "axes", fmt::join(more, ", ")),
      0.0};
}

/// Tells the elements of a shape that go without gradient by the place that they have in common, if there is one: the
/// first or the last ones, or all at an end of an axis.
std::string what_goes_without(const std::set<std::size_t>& elements, const Extents& shape, const std::string& of) {
  const auto all = static_cast<std::size_t>(count_of(shape));
  const std::size_t count = elements.size();
  const char* const go = count == 1 ? "goes" : "go";
  const auto told = [&](const std::string& which, bool last) {
    return fmt::format("{} {} without gradient, as where a loop {}", which, go,
                       last ? "ends too early" : "begins too late");
  };
  const auto end = [](bool last) { return last ? "last" : "first"; };
  const bool last = *elements.begin() == all - count;
  if (last || *elements.rbegin() == count - 1)
    return told(fmt::format("the {}{} of the {} elements of the {}", end(last),
                            count == 1 ? "" : fmt::format(" {}", count), all, of),
                last);
  const auto index_of = [&](std::size_t element, std::size_t axis) {
    return unravel(static_cast<std::int64_t>(element), shape)[axis];
  };
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::int64_t at = index_of(*elements.begin(), d);
    const bool at_last = at == shape[d] - 1;
    const bool is_all_there =
        count * static_cast<std::size_t>(shape[d]) == all &&
        std::all_of(elements.begin(), elements.end(), [&](std::size_t element) { return index_of(element, d) == at; });
    if (is_all_there && (at == 0 || at_last))
      return told(fmt::format("the {} elements of the {} at the {} index along axis {}", count, of, end(at_last), d),
                  at_last);
  }
  return fmt::format("{} of the {} {} without gradient, as by a mask too many",
                     count == 1 ? "one element" : fmt::format("{} elements", count), of, go);
}

Diagnosis masked(const Block& block, const Pattern& p) {
  constexpr std::size_t kFew = 2;
  const Matrix& n = block.numeric;
  const std::size_t kept = count_if_kept(p.kept_in_column);
  // One place is enough where several others agree.
  const bool drops = p.dropped.size() >= kFew ? kept > 0 : p.dropped.size() == 1 && kept > kFew;
  if (p.extra.empty() && drops) {
    // Whole elements of the input, or whole outputs, go without gradient.
    const bool columns = std::all_of(p.dropped.begin(), p.dropped.end(),
                                     [&](const auto& place) { return p.kept_in_column[place.second] == 0; });
    const bool rows = std::all_of(p.dropped.begin(), p.dropped.end(),
                                  [&](const auto& place) { return p.kept_in_row[place.first] == 0; });
    if (columns || (rows && n.rows > 1)) {
      std::set<std::size_t> without;
      for (const auto& [row, column] : p.dropped) without.insert(columns ? column : row);
      const Extents flat = {static_cast<std::int64_t>(n.rows)};
      const Extents& shape = columns ? block.input_shape : block.single_output ? block.output_shape : flat;
      return GradcheckDiagnosis{
          GradcheckMistake::no_gradient,
          fmt::format("analytic is zero in {} where the function depends on the input, and agrees everywhere else: {}",
                      p.dropped.size() == 1 ? "one place" : fmt::format("{} places", p.dropped.size()),
                      what_goes_without(without, shape,
                                        columns               ? "input"
                                        : block.single_output ? "output"
                                                              : "outputs")),
          0.0};
    }
  }
  const bool none_kept = kept == 0;
  const bool diagonal =
      n.rows == n.columns &&
      std::all_of(p.extra.begin(), p.extra.end(), [](const auto& place) { return place.first == place.second; }) &&
      std::all_of(p.dropped.begin(), p.dropped.end(), [](const auto& place) { return place.first == place.second; });
  // Where some elements are zero on both sides, it may as well be any other mask.
  const bool all_differ = p.extra.size() + p.dropped.size() == n.rows;
  if (none_kept && diagonal && all_differ && p.extra.size() >= kFew && p.dropped.size() >= kFew)
    return GradcheckDiagnosis{GradcheckMistake::ignored_mask,
                              fmt::format("analytic has a gradient at the {} elements where the function has none, and "
                                          "none at the {} where it has one: the mask is inverted",
                                          p.extra.size(), p.dropped.size()),
                              0.0};
  return std::nullopt;
}

/// Elements of the input, or outputs, are off in the function and others in the rule; what is on in both agrees.
Diagnosis another_mask(const Block& block, const Residual& residual, const Pattern& p) {
  constexpr std::size_t kFew = 2;
  const auto lines = [&](bool columns, const auto& places) {
    std::set<std::size_t> set;
    for (const auto& [r, c] : places) set.insert(columns ? c : r);
    return set;
  };
  for (const bool columns : {true, false}) {
    if (!columns && block.numeric.rows == 1) continue;
    const std::set<std::size_t> on = lines(columns, p.extra);
    const std::set<std::size_t> off = lines(columns, p.dropped);
    const auto is_whole = [&](const Matrix& zero, std::size_t line) {
      for (std::size_t k = 0; k < (columns ? zero.rows : zero.columns); ++k)
        if (std::abs(columns ? zero(k, line) : zero(line, k)) > residual.negligible()) return false;
      return true;
    };
    const std::vector<std::size_t>& kept = columns ? p.kept_in_column : p.kept_in_row;
    if (on.size() < kFew || off.size() < kFew || count_if_kept(kept) < kFew) continue;
    if (!std::all_of(on.begin(), on.end(), [&](std::size_t line) { return is_whole(block.numeric, line); })) continue;
    if (!std::all_of(off.begin(), off.end(), [&](std::size_t line) { return is_whole(block.analytic, line); }))
      continue;
    return GradcheckDiagnosis{
        GradcheckMistake::stale_value,
        fmt::format("analytic has a gradient at {0} {2} where the function has none, and none at {1} where it has one, "
                    "and agrees at {3}: the rule has another mask than the function's, drawn anew or left from "
                    "another call",
                    on.size(), off.size(), columns ? "elements of the input" : "outputs", count_if_kept(kept)),
        0.0};
  }
  return std::nullopt;
}

/// analytic - numeric as a multiple of `basis`: of what is missing, or there too much. Both texts are given the
/// factor's size.
Diagnosis multiple(const Block& block, const Residual& residual, Matrix basis,
                   const std::function<std::string(double)>& missing,
                   const std::function<std::string(double)>& too_much) {
  const double squares = dot(basis.values, basis.values);
  if (!(squares > 0.0)) return std::nullopt;
  const double factor = dot(residual.matrix().values, basis.values) / squares;
  for (double& v : basis.values) v *= factor;
  const double left = residual.left_by(basis);
  return factor < 0.0 ? residual.diagnose(GradcheckMistake::missing_accumulation, left, missing(-factor * block.unit))
                      : residual.diagnose(GradcheckMistake::extra_term, left, too_much(factor * block.unit));
}

/// A multiple of the identity: a path that carries the input past the rest.
Diagnosis missing_shortcut(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  if (a.rows != a.columns || !block.single_output) return std::nullopt;
  Matrix identity(a.rows, a.columns);
  for (std::size_t k = 0; k < a.rows; ++k) identity(k, k) = 1.0;
  bool excludes_itself = true;
  for (std::size_t k = 0; k < a.rows; ++k)
    excludes_itself = excludes_itself && std::abs(a(k, k)) <= residual.negligible();
  const auto missing = [excludes_itself](double factor) {
    return fmt::format(
        "numeric - analytic = {:.4g} × identity: the path that carries the input past the rest (a "
        "residual connection) is not accumulated (+=){}",
        factor, excludes_itself ? ", or a sum leaves out each element itself" : "");
  };
  const auto too_much = [](double factor) {
    return fmt::format(
        "analytic has {:.4g} × identity too much: as of a path that carries the input past the rest (a residual "
        "connection), and that the function does not have, or subtracts",
        factor);
  };
  return multiple(block, residual, identity, missing, too_much);
}

/// The input's own term in a product x g(x).
Diagnosis missing_own_term(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  if (a.rows != a.columns || !block.single_output) return std::nullopt;
  const Values& x = block.inputs[block.input].values;
  Matrix error(a.rows, a.columns);
  for (std::size_t k = 0; k < a.rows; ++k) {
    if (x[k] == 0.0) return std::nullopt;
    error(k, k) = -block.outputs[k] / block.unit / x[k];
  }
  return residual.diagnose(GradcheckMistake::missing_accumulation, residual.left_by(error),
                           "numeric - analytic = output / input on the diagonal: the output is a product with the "
                           "input itself, whose own term is not accumulated (+=)");
}

/// One of the two uses in x x^T, whose Jacobian is the other's with the output's axes exchanged.
Diagnosis missing_twin(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  const Extents& shape = block.output_shape;
  if (!block.single_output || shape.size() != 2 || shape[0] != shape[1]) return std::nullopt;
  Matrix error(a.rows, a.columns);
  const auto size = static_cast<std::size_t>(shape[0]);
  for (std::size_t r = 0; r < a.rows; ++r)
    for (std::size_t c = 0; c < a.columns; ++c) error(r, c) = -a((r % size) * size + r / size, c);
  return residual.diagnose(GradcheckMistake::missing_accumulation, residual.left_by(error),
                           "numeric - analytic = analytic with the output's axes exchanged: the input is used twice, "
                           "and only one use is accumulated (+=)");
}

Diagnosis missing_decay(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  if (a.rows != 1) return std::nullopt;
  Matrix decay(1, a.columns);
  decay.values = block.inputs[block.input].values;
  const auto missing = [](double factor) {
    return fmt::format("numeric - analytic = {:.4g} × input: the gradient of {:.4g} |x|^2 (weight decay) is missing",
                       factor, 0.5 * factor);
  };
  const auto too_much = [](double factor) {
    return fmt::format(
        "analytic - numeric = {:.4g} × input: analytic has the gradient of {:.4g} |x|^2 (weight decay) "
        "too much",
        factor, 0.5 * factor);
  };
  return multiple(block, residual, decay, missing, too_much);
}

}  // namespace

Diagnosis missing_elements(const Block& block, const Residual& residual) {
  const std::optional<Pattern> p = pattern_of(block, residual);
  if (!p) return std::nullopt;
  if (p->extra.empty() && !p->dropped.empty()) {
    if (Diagnosis found = unused_outputs(block, *p)) return found;
    if (Diagnosis found = only_diagonal(block, residual, *p)) return found;
    if (Diagnosis found = slice_for_sum(block, *p)) return found;
    if (Diagnosis found = overwritten(block, *p)) return found;
  }
  if (Diagnosis found = added_elements(block, residual, *p)) return found;
  if (Diagnosis found = masked(block, *p)) return found;
  return another_mask(block, residual, *p);
}

Diagnosis missing_branch(const Block& block, const Residual& residual) {
  constexpr std::size_t kFew = 3;
  if (block.analytic.columns < kFew) return std::nullopt;
  for (const auto hypothesis : {missing_shortcut, missing_own_term, missing_twin, missing_decay})
    if (Diagnosis found = hypothesis(block, residual)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
