// Factors: a constant, none at all, or the values of an input, or their signs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {
namespace {

/// A number that a constant factor may come from, and the mistake that would leave it in analytic / numeric.
struct Origin {
  double factor;
  std::string text;
};

/// A size and all that has it.
using Sizes = std::map<std::int64_t, std::string>;

/// An input in a sentence. One that was given no name goes by its number.
std::string said_of(const std::string& name) {
  const bool is_number =
      std::all_of(name.begin(), name.end(), [](char character) { return character >= '0' && character <= '9'; });
  return is_number ? "input " + name : fmt::format("'{}'", name);
}

Sizes sizes_of(const Block& block) {
  Sizes sizes;
  const auto add = [&sizes](std::int64_t count, const std::string& of) {
    if (count < 2) return;
    std::string& names = sizes[count];
    names += names.empty() ? of : " or " + of;
  };
  const auto add_shape = [&add](const Extents& shape, const std::string& of) {
    if (shape.size() != 1) add(count_of(shape), fmt::format("the number of elements of {}", of));
    for (std::size_t d = 0; d < shape.size(); ++d) add(shape[d], fmt::format("the size of axis {} of {}", d, of));
  };
  add_shape(block.input_shape, "the input");
  if (block.single_output) add_shape(block.output_shape, "the output");
  for (std::size_t k = 0; k < block.inputs.size(); ++k)
    if (k != block.input) add_shape(block.inputs[k].shape, said_of(block.inputs[k].name));
  return sizes;
}

std::vector<Origin> origins(const Block& block) {
  std::vector<Origin> list = {
      {-1.0, "the sign is wrong"},
      {2.0, "a factor 2 too much"},
      {0.5, "a factor 2 is missing, as of a square, or one of two equal uses of the input (+=)"},
      {-2.0, "the sign is wrong, and a factor 2 too much"},
      {-0.5, "the sign is wrong, and a factor 2 is missing"}};
  for (const auto& [count, of] : sizes_of(block)) {
    const auto n = static_cast<double>(count);
    list.push_back({n, fmt::format("{} is {}: the 1/N of a mean is missing", count, of)});
    list.push_back(
        {1.0 / n, fmt::format("1/{} is one over {}: divided by N once too often (a mean for a sum)", count, of)});
    list.push_back({n / (n - 1.0), fmt::format("{}/{}: divided by N - 1 where the function divides by N = {}, {}",
                                               count, count - 1, count, of)});
    list.push_back({(n - 1.0) / n, fmt::format("{}/{}: divided by N = {}, {}, where the function divides by N - 1",
                                               count - 1, count, count, of)});
    list.push_back({std::sqrt(n), fmt::format("the square root of {}, {}, too much", count, of)});
    list.push_back({1.0 / std::sqrt(n), fmt::format("the square root of {}, {}, is missing", count, of)});
  }
  return list;
}

/// All that a factor may come from; empty where it has no meaning.
std::string meaning(const Block& block, double factor, double precision) {
  std::string text;
  for (const Origin& origin : origins(block))
    if (std::abs(factor / origin.factor - 1.0) < precision) text += (text.empty() ? "" : "; or ") + origin.text;
  return text;
}

/// What a whole number, or one over it, may come from where it is no size that the check knows; empty for others.
std::string guess(double factor, double precision) {
  constexpr double kMost = 1e6;
  constexpr double kClear = 0.025;  // of one: less, and every number is nearly whole
  const double number = std::round(factor < 1.0 ? 1.0 / factor : factor);
  if (!(number > 2.0 && number < kMost && number * precision < kClear)) return {};
  if (std::abs(factor / number - 1.0) < precision)
    return fmt::format(
        "{} is no size of input or output: the 1/N of a mean over what the function holds may be missing", number);
  if (std::abs(factor * number - 1.0) < precision)
    return fmt::format("{} is no size of input or output: what the function holds as many of may be divided by twice",
                       number);
  return {};
}

/// A factor that is nearly 1 by what it differs from it.
std::string factor_text(double factor) {
  constexpr double kNearly = 5e-4;
  const double more = factor - 1.0;
  if (std::abs(more) >= kNearly) return fmt::format("{:.4g}", factor);
  return fmt::format("(1 {} {:.3g})", more < 0.0 ? '-' : '+', std::abs(more));
}

/// Whether b is a multiple of a, as far as both are known: a unit that is wrong may make it very small.
bool are_in_proportion(const Values& a, const Values& b) {
  const double product = dot(a, b);
  return product * product > (1.0 - 1e-9) * dot(a, a) * dot(b, b) && dot(a, a) > 0.0;
}

/// The elements of `values`, of shape `from`, for each element of shape `to`; empty when the shapes do not broadcast or
/// all are equal.
Values broadcast(const Values& values, const Extents& from, const Extents& to) {
  if (from.size() > to.size()) return {};
  const std::size_t lead = to.size() - from.size();
  for (std::size_t d = 0; d < from.size(); ++d)
    if (from[d] != 1 && from[d] != to[lead + d]) return {};
  Values result(static_cast<std::size_t>(count_of(to)));
  for (std::size_t k = 0; k < result.size(); ++k) {
    const Extents at = unravel(static_cast<std::int64_t>(k), to);
    Extents source(from.size());
    for (std::size_t d = 0; d < from.size(); ++d) source[d] = from[d] == 1 ? 0 : at[lead + d];
    result[k] = values[static_cast<std::size_t>(ravel(source, from))];
  }
  const bool constant = std::all_of(result.begin(), result.end(), [&](double v) { return v == result.front(); });
  return constant ? Values() : result;
}

/// m with its columns, or its rows, multiplied by `factors`.
Matrix scaled(const Matrix& m, const Values& factors, bool by_column) {
  Matrix result = m;
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t c = 0; c < m.columns; ++c) result(r, c) *= factors[by_column ? c : r];
  return result;
}

Diagnosis factor(const Block& block, const Residual& residual, const NamedValues& source, const Side& side) {
  const Values factors = broadcast(source.values, source.shape, side.shape);
  const Matrix& a = block.analytic;
  const Matrix& n = block.numeric;
  if (factors.size() != (side.is_input ? a.columns : a.rows)) return std::nullopt;
  const std::string whose = fmt::format("{}, broadcast over the {}'s elements", source.name, side.name);
  if (Diagnosis found =
          residual.diagnose(GradcheckMistake::missing_factor, residual.share(n, scaled(a, factors, side.is_input)),
                            fmt::format("analytic × values of {} = numeric", whose),
                            fmt::format(": the factor {} is missing", source.name)))
    return found;
  return residual.diagnose(GradcheckMistake::missing_factor, scaled(n, factors, side.is_input),
                           fmt::format("analytic = numeric × values of {}", whose),
                           fmt::format(": the factor {} is there once too often", source.name));
}

/// How many rows or columns have an element that is not negligible, by sign of the line.
struct ClearLines {
  std::size_t positive = 0, negative = 0;
};

ClearLines count_clear_lines(const Matrix& m, const Values& signs, bool by_column, double negligible) {
  ClearLines count;
  for (std::size_t line = 0; line < signs.size(); ++line) {
    bool clear = false;
    for (std::size_t k = 0; k < (by_column ? m.rows : m.columns); ++k)
      clear = clear || std::abs(by_column ? m(k, line) : m(line, k)) > negligible;
    if (clear) ++(signs[line] < 0.0 ? count.negative : count.positive);
  }
  return count;
}

Diagnosis sign(const Block& block, const Residual& residual, const NamedValues& source, const Side& side) {
  const Matrix& n = block.numeric;
  Values signs = source.values;
  for (double& v : signs) v = v < 0.0 ? -1.0 : 1.0;
  signs = broadcast(signs, source.shape, side.shape);
  if (signs.size() != (side.is_input ? n.columns : n.rows)) return std::nullopt;
  const auto [positive, negative] = count_clear_lines(n, signs, side.is_input, residual.negligible());
  if (!are_enough(positive, negative)) return std::nullopt;
  return residual.diagnose(
      GradcheckMistake::sign_of_input, scaled(n, signs, side.is_input),
      fmt::format("analytic = numeric × the sign of {}, broadcast over the {}'s elements", source.name, side.name),
      fmt::format(": the sign is wrong at the {} of {} where that is negative, as with |x| in place of x, or without a "
                  "factor sign(x)",
                  negative, positive + negative));
}

/// All whose values may be factors: the inputs, and the single output.
std::vector<NamedValues> sources_of(const Block& block) {
  std::vector<NamedValues> sources;
  for (const NamedValues& input : block.inputs)
    sources.push_back({fmt::format("input '{}'", input.name), input.shape, input.values});
  if (block.single_output) sources.push_back({"the output", block.output_shape, block.outputs});
  return sources;
}

}  // namespace

Diagnosis sign_of_input(const Block& block, const Residual& residual) {
  for (const NamedValues& source : sources_of(block))
    for (const Side& side : sides(block))
      if (Diagnosis found = sign(block, residual, source, side)) return found;
  return std::nullopt;
}

Diagnosis constant_factor(const Block& block, const Residual& residual) {
  const Matrix& a = block.analytic;
  const Matrix& n = block.numeric;
  const std::size_t elements = count_clear(n, residual.negligible_beside(largest(n.values)));
  if (elements == 0) return std::nullopt;
  constexpr std::size_t kFew = 3;
  const bool is_multiple = elements >= kFew && are_in_proportion(a.values, n.values);
  if (count_clear(a, residual.negligible()) == 0 && !is_multiple)
    return GradcheckDiagnosis{GradcheckMistake::no_gradient,
                              fmt::format("analytic is zero, numeric is not in {} {}: no gradient reaches this input",
                                          elements, elements == 1 ? "place" : "places"),
                              0.0};
  const double factor = dot(a.values, n.values) / dot(n.values, n.values);
  Matrix predicted = n;
  for (double& v : predicted.values) v *= factor;
  const double left = residual.unexplained(predicted);
  if (!residual.allows(left)) return std::nullopt;
  // The factor is known as well as the differences are.
  const double precision = 1e-5 + 4.0 * block.numeric_error / std::sqrt(dot(n.values, n.values));
  std::string origin = meaning(block, factor, precision);
  // Any number fits one element; one without a meaning shows nothing.
  if (elements < kFew && origin.empty()) return std::nullopt;
  if (origin.empty()) origin = guess(factor, precision);
  return fitted(GradcheckMistake::constant_factor,
                fmt::format("analytic = {} × numeric on {}", factor_text(factor),
                            elements == 1 ? "the only element" : fmt::format("all {} elements", elements)),
                left, origin.empty() ? "" : "; " + origin);
}

Diagnosis factor_of_input(const Block& block, const Residual& residual) {
  constexpr std::size_t kFew = 3;
  if (count_clear(block.numeric, residual.negligible()) < kFew) return std::nullopt;
  for (const NamedValues& source : sources_of(block))
    for (const Side& side : sides(block))
      if (Diagnosis found = factor(block, residual, source, side)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
