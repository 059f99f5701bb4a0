#include "tapegrad/nn/identity.hpp"

#include <utility>

#include "expect_options.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

Tensor Identity::operator()(const Tensor& x) const {
  const Scope scope = entered();
  expect_defined("Identity", x);
  return x;
}

namespace {

struct IdentityEntry {
  static constexpr std::string_view math = R"(y = x)";
  static catalogue::LayerSamples samples(Generator& g) {
    return {catalogue::layer_sample("sequences", Identity(), {catalogue::uniform(g, {2, 3, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"moved away",
             [] {
               Identity layer;
               const Identity elsewhere = std::move(layer);
               (void)layer(ones({2}));  // NOLINT(bugprone-use-after-move): which is what is refused
             },
             "[Identity] the module has been moved away: call the one that it was moved into"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[256, 256]", Identity(), {catalogue::uniform(g, {256, 256}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(identity, Identity, IdentityEntry)

}  // namespace tapegrad::nn
