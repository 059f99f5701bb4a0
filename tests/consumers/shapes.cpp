// The smallest program that needs headers and the library behind them, and of fmt what its core header alone gives.
#include <fmt/core.h>
#include <tapegrad/base/shape.hpp>
#include <tapegrad/format.hpp>
#include <tapegrad/gradcheck/report.hpp>

int main() {
  const auto shape = tapegrad::broadcast_shapes("add", {16, 7, 40}, {40});
  const bool fits = fmt::format("{:>13}", shape) == "  [16, 7, 40]";
  return fits && !fmt::format("{}", tapegrad::GradcheckReport()).empty() ? 0 : 1;
}
