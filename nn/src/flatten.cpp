#include "tapegrad/nn/flatten.hpp"

#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

Tensor Flatten::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return flatten(x, first_, last_);
}

namespace {

struct FlattenEntry {
  static constexpr std::string_view math = R"(y_{n\,(c L + l)} = x_{n c l},\ L \text{ the size of the last dimension})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("all but the batch", Flatten(), {uniform(g, {2, 3, 2}, -2, 2)}),
            layer_sample("the first two", Flatten(0, 1), {uniform(g, {2, 3, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"no such axis", [] { (void)Flatten()(ones({3})); }, "[flatten] axis 1 is out of range for rank 1: [3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", Flatten(), {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(flatten, Flatten, FlattenEntry)

}  // namespace tapegrad::nn
