#include "ops/pointwise/logical.hpp"

namespace tapegrad {

struct LogicalNot : Op<LogicalNot> {
  static constexpr std::string_view name = "logical_not";
  static constexpr std::string_view math = R"(y = \lnot x)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;

  Tensor forward(const Tensor& x) const {
    expect_bool(name, x);
    return equal(x, number_like(0, x));
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \lnot x)", "x compared with false; no gradient"}};
  }
  static catalogue::Samples samples(Generator&) {
    return {{"table", {from_vector<bool>({true, false}, {2})}}, {"no elements", {from_vector<bool>({}, {0, 4})}}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"numbers", [] { (void)logical_not(zeros({2})); }, "[logical_not] expected a bool tensor, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -1, 1) > 0}};
  }
};

Tensor logical_not(const Tensor& x) { return apply(LogicalNot{}, x); }

TAPEGRAD_CATALOGUE(pointwise, logical_not, LogicalNot)
}  // namespace tapegrad
