#include "tapegrad/ops/softmax.hpp"

#include <limits>

#include "ops/softmax/softmax_op.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

struct Softmax : SoftmaxOp<Softmax> {
  static constexpr std::string_view name = "softmax";
  static constexpr std::string_view math =
      R"(y_i = \frac{e^{x_i}}{\sum_k e^{x_k}};\quad \bar x_i = y_i \left(\bar y_i - \sum_k \bar y_k y_k\right))";

  template <class T>
  static void forward_rows(const T* x, std::int64_t rows, std::int64_t n, const kernels::RowMask& mask, T* y) {
    kernels::softmax_forward(x, rows, n, mask, y);
  }
  template <class T>
  static void backward_rows(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx) {
    kernels::softmax_backward(y, dy, rows, n, dx);
  }

  Tensor vjp(const Saved& s, const Tensor& dy) const { return times_jacobian(s.output(), dy); }
  Tensor jvp(const Saved& s, Tangents dx) const { return times_jacobian(s.output(), dx[0]); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = \frac{e^{x_i - m}}{Z},\quad Z = \sum_k e^{x_k - m},\quad m = \max_k x_k)",
         "numerator and denominator share the factor $e^{-m}$: no term overflows, and the largest is 1"},
        {"Numerator and denominator",
         R"(\frac{\partial e^{x_i - m}}{\partial x_j} = \delta_{ij} e^{x_i - m},\quad \frac{\partial Z}{\partial x_j} = e^{x_j - m})",
         "m cancels in y, so it is treated as a constant"},
        {"Jacobian",
         R"(\frac{\partial y_i}{\partial x_j} = \frac{\delta_{ij} e^{x_i - m}}{Z} - \frac{e^{x_i - m} e^{x_j - m}}{Z^2} = y_i (\delta_{ij} - y_j))",
         "quotient rule; it is symmetric, so the reverse and the forward rule are one"},
        {"Cotangent",
         R"(\bar x_j = \sum_i \bar y_i\, y_i (\delta_{ij} - y_j) = y_j \left(\bar y_j - \sum_i \bar y_i y_i\right))",
         "one sum per row instead of an n by n matrix; only the output is kept"},
        {"A check by hand", R"(\sum_j \bar x_j = 0)",
         "adding a constant to a row changes nothing: what one entry gains the others lose"},
        {"Masked entries", R"(y_j = 0 \Rightarrow \bar x_j = 0)",
         "an entry that takes no part is one with $x = -\\infty$; with none left y is set to 0, and so is its "
         "gradient (PyTorch: NaN, both); what the cotangent holds at $y = 0$ is not looked at, be it infinite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::full64;
    using catalogue::uniform;
    using catalogue::vector64;
    const double infinity = std::numeric_limits<double>::infinity();
    const auto along = [](int axis) { return catalogue::of([axis](const Tensor& x) { return softmax(x, axis); }); };
    const auto masked = catalogue::of<2>([](const Tensor& x, const Tensor& k) { return softmax(x, -1, k); });
    const Tensor rows =
        from_vector<bool>({true, true, false, true, false, true, false, false, false, false, false, false}, {3, 4});
    return {
        {"rows", {uniform(g, {3, 4}, -2, 2)}, along(-1)},
        {"first axis", {uniform(g, {3, 4}, -2, 2)}, along(0)},
        {"middle axis", {uniform(g, {2, 3, 4}, -2, 2)}, along(1)},
        {"one row", {uniform(g, {5}, -2, 2)}, along(0)},
        {"one entry", {uniform(g, {3, 1}, -2, 2)}, along(-1)},
        {"large offset",
         {1e4 + uniform(g, {2, 3}, -2, 2)},
         along(-1),
         {.order = 0, .reason = "the step that suits the offset is too long for the differences within a row"}},
        {"saturated",
         {vector64({1000.0, 0.0, -1000.0})},
         along(-1),
         {.order = 0, .reason = "the slope is 0 to rounding"}},
        {"masked, one row all hidden", {uniform(g, {3, 4}, -2, 2), rows}, masked},
        {"mask of columns", {uniform(g, {2, 3, 4}, -2, 2), from_vector<bool>({true, false, true, true}, {4})}, masked},
        {"mask of sequences",
         {uniform(g, {2, 3, 2}, -2, 2), from_vector<bool>({true, false, true, true}, {2, 1, 2})},
         masked},
        {"mask of whole rows", {uniform(g, {2, 3}, -2, 2), from_vector<bool>({true, false}, {2, 1})}, masked},
        {"some -inf",
         {vector64({-infinity, 0.5, 1.0})},
         along(-1),
         {.order = 0, .reason = "differences of infinities"}},
        {"all -inf", {full64({2, 3}, -infinity)}, along(-1), {.order = 0, .reason = "differences of infinities"}},
        {"no rows", {uniform(g, {0, 3}, -2, 2)}, along(-1)},
        {"empty rows", {uniform(g, {3, 0}, -2, 2)}, along(-1)}};
  }
  static catalogue::ErrorSamples errors() { return softmax_errors(name, softmax); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[448, 64]", {catalogue::uniform(g, {448, 64}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return softmax(x);
            })};
  }

 private:
  /// What entries without weight have in v adds 0, as it would were it finite.
  static Tensor times_jacobian(const Tensor& y, const Tensor& v) {
    const Tensor hidden = y == 0.0;
    const Tensor taking_part = where(hidden, 0.0, v);
    return where(hidden, 0.0, y * (taking_part - sum(taking_part * y, -1, true)));
  }
};

Tensor softmax(const Tensor& x, Axis axis, const Tensor& keep) { return along_axis(Softmax{}, x, axis, keep); }

TAPEGRAD_CATALOGUE(softmax, softmax, Softmax)

}  // namespace tapegrad
