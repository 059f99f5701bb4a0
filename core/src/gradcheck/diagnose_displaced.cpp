// Right values at wrong places: axes exchanged, elements reversed, moved, repeated or in another order.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/places.hpp"

namespace tapegrad::checker {
namespace {

Places exchanged(const Extents& shape, std::size_t a, std::size_t b) {
  return places(shape, shape, [&](Extents& at) { std::swap(at[a], at[b]); });
}

/// All orders of a shape's axes but the first; none of many axes.
std::vector<Places> orders_of(const Extents& shape) {
  std::vector<Places> orders;
  if (shape.size() > kMostAxes) return orders;
  Places axes = in_order(shape.size());
  while (std::next_permutation(axes.begin(), axes.end())) orders.push_back(axes);
  return orders;
}

/// The elements one after the other where the axes run in another order.
Places in_order_of(const Places& axes, const Extents& shape) {
  Extents permuted;
  for (const std::size_t d : axes) permuted.push_back(shape[d]);
  return places(permuted, shape, [&axes](Extents& at) {
    const Extents of = at;
    for (std::size_t d = 0; d < axes.size(); ++d) at[axes[d]] = of[d];
  });
}

/// The two halves of an even axis in each other's place.
Places exchanged_halves(const Extents& shape, std::size_t axis) {
  const std::int64_t size = shape[axis];
  return places(shape, shape, [&](Extents& at) { at[axis] = (at[axis] + size / 2) % size; });
}

/// Where the elements of matrices lie whose rows and columns have these strides; none where one lies outside.
Places with_strides(const Extents& shape, std::int64_t of_row, std::int64_t of_column) {
  const std::int64_t rows = shape[shape.size() - 2], columns = shape.back(), size = rows * columns;
  if ((rows - 1) * of_row + (columns - 1) * of_column >= size) return {};
  Places to(static_cast<std::size_t>(count_of(shape)));
  for (std::size_t k = 0; k < to.size(); ++k) {
    const auto element = static_cast<std::int64_t>(k);
    const std::int64_t at = element % size;
    to[k] = static_cast<std::size_t>(element - at + at / columns * of_row + at % columns * of_column);
  }
  return to;
}

/// A copy of elements: what each `to` is the sum of.
struct Copy {
  std::string how;
  std::vector<std::pair<std::size_t, std::size_t>> to_from;
};

/// The ways to copy elements that meet at some of these places and leave others out; none of no places.
std::vector<Copy> copies_by(const Places& place) {
  if (place.empty()) return {};
  Copy read{"read from", {}}, added{"added up at", {}}, written{"written, over each other, to", {}};
  Places last(place.size());
  for (std::size_t k = 0; k < place.size(); ++k) {
    read.to_from.emplace_back(k, place[k]);
    added.to_from.emplace_back(place[k], k);
    last[place[k]] = k;
  }
  for (std::size_t k = 0; k < place.size(); ++k)
    if (last[place[k]] == k) written.to_from.emplace_back(place[k], k);
  return {read, added, written};
}

/// m after its rule has copied the input's gradient, or the cotangent before.
Matrix copied(const Matrix& m, const Copy& copy, bool input) {
  Matrix result(m.rows, m.columns);
  for (const auto& [to, from] : copy.to_from) {
    if (input)
      for (std::size_t r = 0; r < m.rows; ++r) result(r, to) += m(r, from);
    else
      for (std::size_t c = 0; c < m.columns; ++c) result(from, c) += m(to, c);
  }
  return result;
}

/// Two axes of two are transposed.
std::string order_text(const std::string& of, const Places& axes) {
  return axes.size() == 2
             ? fmt::format(
                   "analytic = numeric with the {}'s elements laid out column by column: transposed, or of an "
                   "array whose first axis runs fastest",
                   of)
             : fmt::format(
                   "analytic = numeric with the {}'s elements laid out in the order of axes {}: a reshape in "
                   "place of a permutation, or an array in another layout",
                   of, fmt::join(axes, ", "));
}

/// m with the elements of the input, or of the output, taken from elsewhere.
Matrix taken(const Matrix& m, const Side& side, const Places& from) {
  return side.is_input ? taken(m, in_order(m.rows), from) : taken(m, from, in_order(m.columns));
}

class Displacement {
 public:
  Displacement(const Block& block, const Residual& residual) : block_(block), residual_(residual) {}

  Diagnosis find() const {
    if (Diagnosis found = exchanged_axes()) return found;
    if (Diagnosis found = laid_out_otherwise()) return found;
    if (Diagnosis found = by_other_strides()) return found;
    if (Diagnosis found = moved_elements()) return found;
    return with_halves_exchanged();
  }

 private:
  Diagnosis test(GradcheckMistake mistake, const Side& side, const Places& from, const std::string& text) const {
    return residual_.diagnose(mistake, taken(block_.numeric, side, from), text);
  }

  Diagnosis exchanged_axes() const {
    // A reduction whose gradient is spread along the wrong axis shows as an exchange of the input's axes.
    const bool reduces =
        block_.single_output && block_.numeric.rows < block_.numeric.columns && block_.numeric.rows > 1;
    for (const Side& side : sides(block_)) {
      const bool as_reduction = side.is_input && reduces;
      for (std::size_t a = 0; a < side.shape.size(); ++a) {
        for (std::size_t b = a + 1; b < side.shape.size(); ++b) {
          if (side.shape[a] != side.shape[b]) continue;
          const Places from = exchanged(side.shape, a, b);
          if (Diagnosis found =
                  test(as_reduction ? GradcheckMistake::wrong_axis : GradcheckMistake::transposed, side, from,
                       fmt::format("analytic = numeric with axes {} and {} of the {} exchanged: {}", a, b, side.name,
                                   as_reduction    ? "reduced along the wrong axis, or transposed"
                                   : side.is_input ? "a transpose too few or too many"
                                                   : "the cotangent is transposed")))
            return found;
          if (!side.is_input || !is_shaped_alike(block_)) continue;
          if (Diagnosis found = residual_.diagnose(
                  GradcheckMistake::wrong_axis, taken(block_.numeric, from, from),
                  fmt::format("analytic = numeric with axes {} and {} exchanged in input and output: the rule runs "
                              "along the wrong axis",
                              a, b)))
            return found;
        }
      }
    }
    return std::nullopt;
  }

  /// Column by column where rows were expected: the whole Jacobian, which is transposed then where it is square; or the
  /// input's gradient, or the cotangent, in the order of other axes.
  Diagnosis laid_out_otherwise() const {
    const Matrix& m = block_.numeric;
    if (m.rows > 1 && m.columns > 1) {
      Matrix predicted(m.rows, m.columns);
      for (std::size_t k = 0; k < m.values.size(); ++k) predicted.values[k] = m(k % m.rows, k / m.rows);
      if (Diagnosis found = residual_.diagnose(GradcheckMistake::transposed, predicted,
                                               m.rows == m.columns ? "analytic = numeric transposed: J in place of J^T"
                                                                   : "analytic = numeric laid out column by column"))
        return found;
    }
    for (const Side& side : sides(block_))
      for (const Places& axes : orders_of(side.shape))
        if (Diagnosis found =
                test(GradcheckMistake::transposed, side, in_order_of(axes, side.shape), order_text(side.name, axes)))
          return found;
    return std::nullopt;
  }

  /// Matrices that are not square, by strides of the other axis: (1, columns), or (rows, 1), in place of (columns, 1).
  Diagnosis by_other_strides() const {
    for (const Side& side : sides(block_)) {
      const Extents& shape = side.shape;
      if (shape.size() < 2) continue;
      const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
      if (rows == columns || rows < 2 || columns < 2) continue;
      for (const auto& [of_row, of_column, why] :
           {std::tuple{std::int64_t{1}, columns, "the strides of the axes are exchanged, not their sizes"},
            std::tuple{rows, std::int64_t{1}, "a row is taken to be as long as a column"}})
        for (const Copy& copy : copies_by(with_strides(shape, of_row, of_column)))
          if (Diagnosis found = residual_.diagnose(
                  GradcheckMistake::transposed, copied(block_.numeric, copy, side.is_input),
                  fmt::format("analytic = numeric with the {}'s elements {} places {} r + {} c of row r and "
                              "column c, in place of {} r + c: {}",
                              side.name, copy.how, of_row, of_column, columns, why)))
            return found;
    }
    return std::nullopt;
  }

  /// Of a gated unit, whose output has half the size of an axis of the input: the one half taken for the other.
  Diagnosis with_halves_exchanged() const {
    const Extents& in = block_.input_shape;
    const Extents& out = block_.output_shape;
    if (!block_.single_output || !block_.numeric_at || in.size() != out.size()) return std::nullopt;
    const auto [of_in, of_out] = std::mismatch(in.begin(), in.end(), out.begin());
    if (of_in == in.end() || *of_in != 2 * *of_out || !std::equal(of_in + 1, in.end(), of_out + 1)) return std::nullopt;
    const auto axis = static_cast<std::size_t>(of_in - in.begin());
    const Places halves = exchanged_halves(in, axis);
    Values values;
    for (const std::size_t place : halves) values.push_back(block_.inputs[block_.input].values[place]);
    const std::optional<Matrix> there = block_.numeric_at(block_.input, values);
    if (!there) return std::nullopt;
    if (Diagnosis found = residual_.diagnose(
            GradcheckMistake::shifted, taken(*there, sides(block_).front(), halves),
            fmt::format("analytic is the derivative of the function whose input has its two halves along axis {} "
                        "exchanged: the rule takes the gate for what is gated",
                        axis)))
      return found;
    return residual_.diagnose(
        GradcheckMistake::shifted, *there,
        fmt::format("analytic is the derivative where the two halves of the input along axis {} are "
                    "exchanged: the saved values of the gate and of what is gated stand for each other",
                    axis));
  }

  Diagnosis moved_elements() const {
    for (const Side& side : sides(block_)) {
      const Extents& shape = side.shape;
      const auto try_move = [&](const std::string& how, const auto& move) {
        return test(GradcheckMistake::shifted, side, places(shape, shape, move),
                    fmt::format("analytic = numeric with the elements of the {} {}", side.name, how));
      };
      for (std::size_t d = 0; d < shape.size(); ++d) {
        const std::int64_t size = shape[d];
        if (size < 2) continue;
        if (Diagnosis found = try_move(fmt::format("in reverse order along axis {}", d),
                                       [&](Extents& at) { at[d] = size - 1 - at[d]; }))
          return found;
        for (const std::int64_t by : {std::int64_t{1}, size - 1})
          if (Diagnosis found = try_move(fmt::format("off by one along axis {}", d),
                                         [&](Extents& at) { at[d] = (at[d] + by) % size; }))
            return found;
        if (size % 2 == 0)
          if (Diagnosis found =
                  test(GradcheckMistake::shifted, side, exchanged_halves(shape, d),
                       fmt::format("analytic = numeric with the two halves of the {} along axis {} exchanged",
                                   side.name, d)))
            return found;
        constexpr std::int64_t kMost = 32;
        for (std::int64_t i = 0; side.is_input && i < std::min(size, kMost); ++i)
          if (Diagnosis found =
                  try_move(fmt::format("all taken from index {} along axis {}", i, d), [&](Extents& at) { at[d] = i; }))
            return found;
      }
    }
    return std::nullopt;
  }

  const Block& block_;
  const Residual& residual_;
};

/// For each row of a matrix that of another that it equals, its own first; nothing where there is none or several.
std::optional<Places> matching_rows(const Matrix& of, const Matrix& among, double tolerance) {
  const auto equal = [&](std::size_t r, std::size_t s) {
    const auto a = row_of(of, r), b = row_of(among, s);
    return std::equal(a.begin(), a.end(), b.begin(), [&](double x, double y) { return std::abs(x - y) <= tolerance; });
  };
  Places from;
  std::vector<bool> taken_already(among.rows, false);
  for (std::size_t r = 0; r < of.rows; ++r) {
    std::optional<std::size_t> found;
    for (std::size_t s = 0; s < among.rows && !equal(r, r); ++s)
      if (equal(r, s) && std::exchange(found, s)) return std::nullopt;
    if (!found && !equal(r, r)) return std::nullopt;
    from.push_back(found.value_or(r));
    if (taken_already[from.back()]) return std::nullopt;
    taken_already[from.back()] = true;
  }
  return from;
}

/// The elements of the input, or of the output, in whatever other order, as of a sort or an index.
Diagnosis in_another_order(const Block& block, const Residual& residual) {
  constexpr std::size_t kLeast = 4, kMost = 128;
  const Matrix& n = block.numeric;
  for (const Side& side : sides(block)) {
    const std::size_t count = side.is_input ? n.columns : n.rows;
    if (count < kLeast || count > kMost) continue;
    const std::optional<Places> from = matching_rows(side.is_input ? transposed(block.analytic) : block.analytic,
                                                     side.is_input ? transposed(n) : n, 2.0 * residual.negligible());
    if (!from) continue;
    std::size_t first = 0;
    while (first + 1 < count && (*from)[first] == first) ++first;
    const auto place = [&](std::size_t k) {
      return fmt::format("[{}]", fmt::join(unravel(static_cast<std::int64_t>(k), side.shape), ", "));
    };
    if (Diagnosis found = residual.diagnose(
            GradcheckMistake::shifted, taken(n, side, *from),
            fmt::format("analytic = numeric with the elements of the {} in another order, {} in the place of {} first",
                        side.name, place((*from)[first]), place(first)),
            ": an order, as of a sort or an index, is not undone, or undone twice"))
      return found;
  }
  return std::nullopt;
}

}  // namespace

Diagnosis displaced_elements(const Block& block, const Residual& residual) {
  constexpr std::size_t kFew = 3;  // any value has a place among two
  if (count_clear(block.numeric, residual.negligible()) < kFew) return std::nullopt;
  if (Diagnosis found = Displacement(block, residual).find()) return found;
  return in_another_order(block, residual);
}

}  // namespace tapegrad::checker
