// The smallest suite: an op and a gradient of one's own, and none of tapegrad's.
#include <span>
#include <string_view>
#include <tapegrad/gradcheck/check_gradient.hpp>
#include <tapegrad/suite.hpp>
#include <vector>

namespace tg = tapegrad;

struct Cube : tg::Op<Cube> {
  static constexpr std::string_view name = "cube";
  tg::Tensor forward(const tg::Tensor& x) const { return x * x * x; }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const { return 3.0 * dy * s.input(0) * s.input(0); }
  static tg::catalogue::Samples samples(tg::Generator& g) {
    return {{"plain", {tg::catalogue::uniform(g, {3, 4}, -2, 2)}}};
  }
};

double energy(std::span<const double> x) { return 0.5 * x[0] * x[0] + x[0] * x[1]; }
std::vector<double> energy_gradient(std::span<const double> x) { return {x[0] + x[1], x[0]}; }

int main(int argc, char** argv) {
  const std::vector<double> x = {0.5, -2.0};
  return tg::suite::run_program(
      argc, argv,
      {.program = "my_suite",
       .ops = {tg::catalogue::make_entry<Cube>("own")},
       .checks = {{"energy", [&] { return tg::check_gradient(energy, energy_gradient, x); }}}});
}
