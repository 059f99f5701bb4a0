#include "ops/scan/running_extremum.hpp"

namespace tapegrad {

/// Two outputs: values, which carry the gradient, and int64 indices, which do not.
struct CumMin : RunningExtremumOp<CumMin> {
  static constexpr std::string_view name = "cummin";
  static constexpr std::string_view math =
      R"(y_i = x_{k_i},\ k_i = \mathrm{argmin}_{j \le i}\, x_j;\quad \bar x_j = \sum_i \bar y_i [k_i = j])";
  using RunningExtremumOp::RunningExtremumOp;

  std::array<Tensor, 2> forward(const Tensor& x) const { return run(x, kernels::Extremum::smallest); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = x_{k_i},\quad k_i = \mathrm{argmin}_{j \le i}\, x_j)",
             "of ties the first (in PyTorch the last); a NaN stands from its place on"},
            {"Cotangent", R"(\bar x_j = \sum_i \bar y_i [k_i = j])",
             "the indices are locally constant, so y is a gather: its adjoint scatters"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::running_extremum_samples(g, cummin); }
  static catalogue::ErrorSamples errors() { return catalogue::running_extremum_errors(name, cummin); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::running_extremum_benchmark(g, cummin); }
};

ValuesAndIndices cummin(const Tensor& x, Axis axis) { return named(apply(CumMin(axis_of(CumMin::name, axis, x)), x)); }

TAPEGRAD_CATALOGUE(scan, cummin, CumMin)

}  // namespace tapegrad
