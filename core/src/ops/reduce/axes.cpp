#include <fmt/format.h>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

Axes::Axes(Axis axis) : axes_{axis} {}
Axes::Axes(std::initializer_list<Axis> axes) : axes_(axes) {}
Axes::Axes(const std::vector<int>& axes) : axes_(axes.begin(), axes.end()) {}

std::uint32_t Axes::set(std::string_view op, const Shape& shape) const {
  if (axes_.empty()) return (std::uint32_t{1} << shape.rank()) - 1;
  std::uint32_t axes = 0;
  for (const Axis axis : axes_) {
    const std::uint32_t bit = std::uint32_t{1} << normalize_axis(op, axis, shape);
    if ((axes & bit) != 0)
      throw ShapeError(fmt::format("[{}] axis {} is given twice: {}", op, axis.value(), to_string(shape)));
    axes |= bit;
  }
  return axes;
}

}  // namespace tapegrad
