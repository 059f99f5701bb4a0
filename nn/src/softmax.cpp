#include "tapegrad/nn/softmax.hpp"

#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

Tensor Softmax::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return softmax(x, axis_);
}

Tensor LogSoftmax::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return log_softmax(x, axis_);
}

namespace {

/// Over the last axis, and over the one in the middle.
template <class Layer>
catalogue::LayerSamples samples_of_softmax(Generator& g) {
  using namespace catalogue;
  return {layer_sample("rows", Layer(), {uniform(g, {2, 4}, -2, 2)}),
          layer_sample("channels", Layer(1), {uniform(g, {2, 3, 2}, -2, 2)})};
}

struct SoftmaxEntry {
  static constexpr std::string_view math = R"(y_i = e^{x_i} / \sum_j e^{x_j})";
  static catalogue::LayerSamples samples(Generator& g) { return samples_of_softmax<Softmax>(g); }
  static catalogue::ErrorSamples errors() {
    return {{"no such axis",
             [] {
               (void)Softmax(2)(ones({2, 3}));
             },
             "[softmax] axis 2 is out of range for rank 2: [2, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[256, 256]", Softmax(), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

struct LogSoftmaxEntry {
  static constexpr std::string_view math = R"(y_i = x_i - \log \sum_j e^{x_j})";
  static catalogue::LayerSamples samples(Generator& g) { return samples_of_softmax<LogSoftmax>(g); }
  static catalogue::ErrorSamples errors() {
    return {{"no such axis",
             [] {
               (void)LogSoftmax(2)(ones({2, 3}));
             },
             "[log_softmax] axis 2 is out of range for rank 2: [2, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[256, 256]", LogSoftmax(), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(softmax, Softmax, SoftmaxEntry)
TAPEGRAD_LAYER(softmax, LogSoftmax, LogSoftmaxEntry)

}  // namespace tapegrad::nn
