// A list of axes, as a caller gives it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "tapegrad/base/shape.hpp"

namespace tapegrad {

/// Axes in an order: sum(x, 1), sum(x, kTime), sum(x, {0, -1}), flip(x, std::vector<std::int64_t>{0}). Whatever an Axis
/// is made from may stand alone or in a list; reductions take no axes, as in sum(x), for all of them.
class Axes {
 public:
  Axes() = default;
  template <std::convertible_to<Axis> T>
  Axes(T axis) : axes_{axis} {}
  Axes(std::initializer_list<Axis> axes) : axes_(axes) {}
  template <std::convertible_to<Axis> T>
  Axes(const std::vector<T>& axes) : axes_(axes.begin(), axes.end()) {}

  std::size_t size() const { return axes_.size(); }
  Axis operator[](std::size_t i) const { return axes_[i]; }

  /// The axes of a shape in the order in which they were given, counted from the front. Throws IndexError "[op] axis 2
  /// is out of range for rank 2: [3, 4]", ShapeError "[op] axis -1 is given twice: [3, 4]".
  Shape in_order(std::string_view op, const Shape& shape) const;
  /// Bit d for axis d of a shape; every axis when none was given. Throws as in_order().
  std::uint32_t set(std::string_view op, const Shape& shape) const;

 private:
  std::vector<Axis> axes_;
};

}  // namespace tapegrad
