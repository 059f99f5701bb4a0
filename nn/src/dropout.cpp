#include "tapegrad/nn/dropout.hpp"

#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/ops/engine/dropout_options.hpp"

namespace tapegrad::nn {

Dropout::Dropout(double p) : p_(p) { engine::expect_dropout("Dropout", "p", p); }

Tensor Dropout::operator()(const Tensor& x) const {
  if (!is_training() || p_ == 0.0) return x;
  const Scope scope(path());  // there is nothing to be moved away
  return dropout(x, p_);
}

namespace {

struct DropoutEntry {
  static constexpr std::string_view math =
      R"(y_i = \frac{b_i}{1 - p} x_i,\ b_i \sim \mathrm{Bernoulli}(1 - p),\ p \text{ the probability to drop})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("two in five", Dropout(0.4), {uniform(g, {5, 4}, -2, 2)}),
            layer_sample("none", Dropout(0.0), {uniform(g, {2, 3}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"probability", [] { Dropout(1.0); }, "[Dropout] expected p in [0, 1), got 1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[256, 256]", Dropout(0.1), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(dropout, Dropout, DropoutEntry)

}  // namespace tapegrad::nn
