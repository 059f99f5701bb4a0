// A suite as a user writes it: an op, a layer and gradient checks of one's own, right ones and wrong ones.
#include <cmath>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/gradcheck/check_gradient.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/parameter.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/suite.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tg = tapegrad;

namespace {

/// Right, and all that it says is its formula and where to check it.
struct Cube : tg::Op<Cube> {
  static constexpr std::string_view name = "cube";
  static constexpr std::string_view math = R"(y = x^3;\quad \bar x = 3 x^2 \bar y)";
  tg::Tensor forward(const tg::Tensor& x) const { return x * x * x; }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const { return 3.0 * dy * tg::square(s.input(0)); }

  static tg::catalogue::Samples samples(tg::Generator& g) {
    using namespace tg::catalogue;
    return {{"plain", {uniform(g, {3, 4}, -2, 2)}}, {"far", {uniform(g, {2}, 50, 60)}}};
  }
};

/// Its rule gives a gradient of another shape, and its sample draws from the default generator.
struct Misshapen : tg::Op<Misshapen> {
  static constexpr std::string_view name = "misshapen";
  tg::Tensor forward(const tg::Tensor& x) const { return 2.0 * x; }
  tg::Tensor vjp(const tg::Saved&, const tg::Tensor&) const { return tg::ones({5}, {.dtype = tg::float64}); }

  static tg::catalogue::Samples samples(tg::Generator&) { return {{"drawn", {tg::rand({2}, {.dtype = tg::float64})}}}; }
};

/// Right, but refuses a cotangent of one output alone, if it is not 1: what gives one is a mistake that leaves the
/// others out.
struct Spread : tg::Op<Spread> {
  static constexpr std::string_view name = "spread";
  tg::Tensor forward(const tg::Tensor& x) const { return tg::expand(x * x, {3}); }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const {
    const double largest = tg::max(tg::abs(dy)).item();
    if (largest != 0.0 && largest != 1.0 && largest == tg::sum(tg::abs(dy)).item())
      throw std::domain_error("one output alone");
    return 2.0 * s.input(0) * tg::sum(dy, {0}, true);
  }

  static tg::catalogue::Samples samples(tg::Generator& g) { return {{"one", {tg::catalogue::uniform(g, {1}, 1, 2)}}}; }
};

struct Scale : tg::nn::Module {
  tg::nn::Parameter factor{tg::ones({3}, {.dtype = tg::float64})};
  TAPEGRAD_MODULE(factor)
  tg::Tensor operator()(const tg::Tensor& x) const { return x * factor; }
};
struct ScaleEntry {
  static tg::nn::catalogue::LayerSamples samples(tg::Generator& g) {
    return {tg::nn::catalogue::layer_sample("rows", Scale(), {tg::catalogue::uniform(g, {2, 3}, -2, 2)})};
  }
};

double energy(std::span<const double> x) { return std::sin(x[0]) * x[1] + x[2] * x[2]; }
std::vector<double> energy_gradient(std::span<const double> x) {
  return {std::cos(x[0]) * x[1], std::sin(x[0]), 2.0 * x[2]};
}
std::vector<double> doubled_gradient(std::span<const double> x) {
  std::vector<double> g = energy_gradient(x);
  for (double& v : g) v *= 2.0;
  return g;
}

const std::vector<double> kPoint = {0.3, -1.2, 0.7};

/// At a point that the default generator gives.
tg::GradcheckReport check_drawn(std::string_view name) {
  const tg::Tensor x = tg::rand({1}, {.dtype = tg::float64});
  return tg::gradcheck([](const tg::Tensor& t) { return tg::exp(t); }, x,
                       {.order = 1, .input_names = {std::string(name)}});
}

}  // namespace

int main(int argc, char** argv) {
  using tg::GradcheckOptions;
  return tg::suite::run_program(
      argc, argv,
      {.program = "own_suite",
       .ops = {tg::catalogue::make_entry<Cube>("own"), tg::catalogue::make_entry<Misshapen>("own"),
               tg::catalogue::make_entry<Spread>("own")},
       .layers = {tg::nn::catalogue::make_layer_entry<ScaleEntry>("own", "Scale")},
       .checks = {{"energy", [] { return tg::check_gradient(energy, energy_gradient, kPoint); }},
                  {"doubled", [] { return tg::check_gradient(energy, doubled_gradient, kPoint); }},
                  {"with options",
                   [](const GradcheckOptions& o) {
                     return tg::gradcheck([](const tg::Tensor& t) { return tg::sin(t); }, tg::tensor({0.5, 2.0}), o);
                   }},
                  {"kink",
                   [] {
                     return tg::gradcheck([](const tg::Tensor& t) { return tg::relu(t); }, tg::tensor({0.0, 1.0}),
                                          {.order = 1});
                   }},
                  {"axis",
                   [] {
                     const tg::Tensor x = tg::ones({2, 3}, {.dtype = tg::float64});
                     return tg::gradcheck([](const tg::Tensor& t) { return tg::softmax(t, 5); }, x);
                   }},
                  {"no exception", []() -> tg::GradcheckReport { throw 42; }},
                  {"drawn", [] { return check_drawn("drawn"); }},
                  {"drawn later", [] { return check_drawn("later"); }}}});
}
