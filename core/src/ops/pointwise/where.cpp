#include <array>

#include "ops/pointwise/pointwise_calls.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

struct Where : Op<Where> {
  static constexpr std::string_view name = "where";
  static constexpr std::string_view math =
      R"(y = c \,?\, a : b;\quad \bar a = c \,?\, \bar y : 0,\ \bar b = c \,?\, 0 : \bar y)";
  static constexpr Names<3> input_names = {"condition", "a", "b"};
  static constexpr Keep keep = Keep::input(0);

  Tensor forward(const Tensor& condition, const Tensor& a, const Tensor& b) const {
    expect_bool(name, condition, "condition");
    expect_same_dtype(name, a, b);
    const Shape shape = broadcast_shapes(name, condition.shape(), broadcast_shapes(name, a.shape(), b.shape()));
    Tensor y = empty(shape, {.dtype = a.dtype()});
    kernels::choose_rows(size_of(a.dtype()), shape, operand(condition, shape), operand(a, shape), operand(b, shape),
                         array_of(y).data());
    return y;
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& condition = s.input(0);
    return {Tensor(), s.wants(1) ? where(condition, dy, 0) : Tensor(), s.wants(2) ? where(condition, 0, dy) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Tensor& condition = s.input(0);
    if (!dx[2].defined()) return where(condition, dx[1], 0);
    if (!dx[1].defined()) return where(condition, 0, dx[2]);
    return where(condition, dx[1], dx[2]);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = a_i \text{ if } c_i \text{ else } b_i)", "after broadcasting all three"},
            {"Cotangents", R"(\bar a_i = [c_i]\,\bar y_i,\quad \bar b_i = [\lnot c_i]\,\bar y_i)",
             "the operand that was not chosen gets an exact 0, even where the cotangent is inf or NaN"},
            {"A guarded branch", R"(y = c \,?\, f(x) : 0)",
             "f still runs everywhere: choose its argument too when its slope is infinite off the condition"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const Tensor condition = from_vector<bool>({true, false, true, false, false, true}, {2, 3});
    return {{"plain", {condition, uniform(g, {2, 3}, -2, 2), uniform(g, {2, 3}, -2, 2)}},
            {"broadcast condition",
             {from_vector<bool>({true, false}, {2, 1}), uniform(g, {3}, -2, 2), uniform(g, {2, 3}, -2, 2)}},
            {"scalar choice", {condition, uniform(g, {}, -2, 2), uniform(g, {4, 1, 3}, -2, 2)}},
            {"no elements", {from_vector<bool>({true}, {1}), uniform(g, {0}, -2, 2), uniform(g, {}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"condition", [] { (void)where(zeros({2}), zeros({2}), zeros({2})); },
             "[where] expected a bool condition, got float32 [2]"},
            {"dtypes", [] { (void)where(zeros({2}, {.dtype = boolean}), zeros({2}), arange(2)); },
             "[where] float32 [2] with int64 [2]"},
            {"shapes", [] { (void)where(zeros({4}, {.dtype = boolean}), zeros({3}), zeros({3})); },
             "[where] cannot broadcast [4] with [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512]",
            {uniform(g, {512, 512}, -1, 1) > 0, uniform(g, {512, 512}, -2, 2), uniform(g, {512, 512}, -2, 2)}};
  }
};

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) { return apply(Where{}, condition, a, b); }

TAPEGRAD_CATALOGUE(pointwise, where, Where)
}  // namespace tapegrad
