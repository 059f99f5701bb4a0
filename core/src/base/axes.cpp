#include "tapegrad/base/axes.hpp"

#include <fmt/format.h>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

Shape Axes::in_order(std::string_view op, const Shape& shape) const {
  Shape in_order;
  std::uint32_t seen = 0;
  for (const Axis axis : axes_) {
    const int d = normalize_axis(op, axis, shape);
    const std::uint32_t bit = std::uint32_t{1} << d;
    if ((seen & bit) != 0)
      throw ShapeError(fmt::format("[{}] axis {} is given twice: {}", op, axis.value(), to_string(shape)));
    seen |= bit;
    in_order.push_back(d);
  }
  return in_order;
}

std::uint32_t Axes::set(std::string_view op, const Shape& shape) const {
  if (axes_.empty()) return (std::uint32_t{1} << shape.rank()) - 1;
  std::uint32_t set = 0;
  for (const std::int64_t d : in_order(op, shape)) set |= std::uint32_t{1} << d;
  return set;
}

}  // namespace tapegrad
