// An operation of one's own, with a hand-written backward, checked: a verdict, not a boolean.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

struct Cube : tg::Op<Cube> {
  static constexpr std::string_view name = "cube";
  static constexpr std::string_view math = R"(y = x^3;\ \bar x = 3 x^2 \bar y)";
  tg::Tensor forward(const tg::Tensor& x) const { return x * x * x; }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const { return 3.0 * dy * tg::square(s.input(0)); }
};
tg::Tensor cube(const tg::Tensor& x) { return tg::apply(Cube{}, x); }

int main() {
  auto report = tg::gradcheck(cube, {tg::randn({3, 4}, {.dtype = tg::float64})});  // order 1 and 2
  fmt::print("{}\n", report);
  return report.ok() ? 0 : 1;
}
