#include <limits>

#include "ops/softmax/softmax_op.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"

namespace tapegrad {

struct LogSoftmax : SoftmaxOp<LogSoftmax> {
  static constexpr std::string_view name = "log_softmax";
  static constexpr std::string_view math =
      R"(y_i = x_i - \log \sum_k e^{x_k};\quad \bar x_i = \bar y_i - e^{y_i} \sum_k \bar y_k)";
  bool masked;

  explicit LogSoftmax(bool with_mask) : masked(with_mask) {}

  template <class T>
  static void forward_rows(const T* x, std::int64_t rows, std::int64_t n, const kernels::RowMask& mask, T* y) {
    kernels::log_softmax_forward(x, rows, n, mask, y);
  }
  template <class T>
  static void backward_rows(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx) {
    kernels::log_softmax_backward(y, dy, rows, n, dx);
  }

  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor taking_part = where(hidden(s.output()), 0.0, dy);
    return where(hidden(s.output()), 0.0, taking_part - exp(s.output()) * sum(taking_part, -1, true));
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Tensor taking_part = where(hidden(s.output()), 0.0, dx[0]);
    const Tensor expected = sum(taking_part * exp(s.output()), -1, true);
    return where(hidden(s.output()), 0.0, taking_part - expected);
  }
  /// What hidden entries are is meant: an anomaly tape lets it pass.
  void describe(AttributeVisitor& visitor) const {
    if (masked) visitor("hidden", -std::numeric_limits<double>::infinity());
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = x_i - m - \log \sum_k e^{x_k - m},\quad m = \max_k x_k)",
         "the logarithm of the softmax, without ever forming a probability that could round to 0"},
        {"Jacobian",
         R"(\frac{\partial y_i}{\partial x_j} = \delta_{ij} - \frac{e^{x_j}}{\sum_k e^{x_k}} = \delta_{ij} - e^{y_j})",
         "the slope of log-sum-exp is the softmax, which is $e^y$"},
        {"Cotangent", R"(\bar x_j = \sum_i \bar y_i (\delta_{ij} - e^{y_j}) = \bar y_j - e^{y_j} \sum_i \bar y_i)",
         "the Jacobian is not symmetric: backwards the cotangents are summed plainly"},
        {"Tangent", R"(\dot y_i = \dot x_i - \sum_j e^{y_j} \dot x_j)",
         "forwards the tangents are averaged with the probabilities"},
        {"Hidden entries", R"(y_i = -\infty \Rightarrow \bar x_i = 0,\ \bar y_i \text{ is not counted})",
         "their value is the constant -inf, whatever x is; with none left that is every value (PyTorch: NaN)"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    using catalogue::vector64;
    const double infinity = std::numeric_limits<double>::infinity();
    const auto along = [](int axis) { return catalogue::of([axis](const Tensor& x) { return log_softmax(x, axis); }); };
    // Hidden entries are -inf, which no difference can tell: 0 in their place.
    const auto masked =
        catalogue::of<2>([](const Tensor& x, const Tensor& k) { return where(k, log_softmax(x, -1, k), 0.0); });
    const Tensor rows =
        from_vector<bool>({true, true, false, true, false, true, false, false, false, false, false, false}, {3, 4});
    return {{"rows", {uniform(g, {3, 4}, -2, 2)}, along(-1)},
            {"first axis", {uniform(g, {3, 4}, -2, 2)}, along(0)},
            {"middle axis", {uniform(g, {2, 3, 4}, -2, 2)}, along(1)},
            {"one entry", {uniform(g, {3, 1}, -2, 2)}, along(-1)},
            {"tails",
             {vector64({30.0, 0.0, -40.0})},
             along(-1),
             {.order = 1, .reason = "the second order is 0 to rounding"}},
            {"saturated",
             {vector64({1000.0, 0.0, -1000.0})},
             along(-1),
             {.order = 1, .reason = "the second order is 0 to rounding"}},
            {"masked, one row all hidden", {uniform(g, {3, 4}, -2, 2), rows}, masked},
            {"some -inf",
             {vector64({-infinity, 0.5, 1.0})},
             along(-1),
             {.order = 0, .reason = "differences of infinities"}},
            {"no rows", {uniform(g, {0, 3}, -2, 2)}, along(-1)}};
  }
  static catalogue::ErrorSamples errors() { return softmax_errors(name, log_softmax); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[448, 64]", {catalogue::uniform(g, {448, 64}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return log_softmax(x);
            })};
  }

 private:
  static Tensor hidden(const Tensor& y) { return y == -std::numeric_limits<double>::infinity(); }
};

Tensor log_softmax(const Tensor& x, Axis axis, const Tensor& keep) {
  return along_axis(LogSoftmax(keep.defined()), x, axis, keep);
}

TAPEGRAD_CATALOGUE(softmax, log_softmax, LogSoftmax)

}  // namespace tapegrad
