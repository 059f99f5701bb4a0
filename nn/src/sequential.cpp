#include "tapegrad/nn/sequential.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad::nn {

AnyLayer::AnyLayer(const AnyLayer& other) : held_(other.held_ == nullptr ? nullptr : other.held_->clone()) {}

AnyLayer& AnyLayer::operator=(const AnyLayer& other) {
  if (this == &other) return *this;
  if (held_ == nullptr || other.held_ == nullptr || !held_->assign(*other.held_)) *this = AnyLayer(other);
  return *this;
}

AnyLayer& AnyLayer::operator=(AnyLayer&& other) noexcept {
  AnyLayer moved(std::move(other));
  std::swap(held_, moved.held_);
  return *this;
}

Tensor AnyLayer::operator()(const Tensor& x) {
  if (held_ == nullptr) throw ValueError("[AnyLayer] the layer has been moved away");
  return held_->call(x);
}

Sequential& Sequential::operator=(const Sequential& other) {
  if (this == &other) return *this;
  Module::operator=(other);
  if (state_dict().empty()) {  // nobody holds what would be replaced; and `other` may be a layer of this
    layers_ = std::vector<AnyLayer>(other.layers_);
    return *this;
  }
  // Not vector's own: where it has to grow it copies all layers anew.
  const std::size_t common = std::min(layers_.size(), other.layers_.size());
  std::copy_n(other.layers_.begin(), common, layers_.begin());
  layers_.erase(layers_.begin() + static_cast<std::ptrdiff_t>(common), layers_.end());
  layers_.insert(layers_.end(), other.layers_.begin() + static_cast<std::ptrdiff_t>(common), other.layers_.end());
  return *this;
}

Tensor Sequential::operator()(const Tensor& x) {
  const Scope scope = layers_.empty() ? entered() : Scope(path());  // after a move others may have been appended
  Tensor h = x;
  for (AnyLayer& layer : layers_) h = layer(h);
  return h;
}

AnyLayer& Sequential::operator[](std::size_t i) { return const_cast<AnyLayer&>(std::as_const(*this)[i]); }

const AnyLayer& Sequential::operator[](std::size_t i) const {
  if (i >= layers_.size())
    throw IndexError("[Sequential] layer " + std::to_string(i) + " of " + std::to_string(layers_.size()));
  return layers_[i];
}

void Sequential::visit_members(MemberVisitor& visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (Module* module = layers_[i].module()) visitor.module(std::to_string(i), *module);
}

namespace {

struct SequentialEntry {
  static constexpr std::string_view math = R"(y = f_n(\cdots f_1(x)),\ f_1, \ldots, f_n \text{ the modules in order})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    const LinearOptions wide{.dtype = float64};
    return {
        layer_sample("layers and a function", Sequential(Linear(3, 4, wide), GELU(), Linear(4, 2, wide), tapegrad::exp),
                     {uniform(g, {2, 3}, -1, 1)}),
        layer_sample("nested, dropout",
                     Sequential(Linear(2, 4, wide), Sequential(Tanh(), Dropout(0.3)), Linear(4, 2, wide)),
                     {uniform(g, {3, 2}, -1, 1)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"no such layer",
             [] {
               Sequential one{Tanh()};
               one[1];
             },
             "[Sequential] layer 1 of 1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    const LinearOptions wide{.dtype = float64};
    return catalogue::layer_sample("[256, 64] to 256 to 64",
                                   Sequential(Linear(64, 256, wide), GELU(), Linear(256, 64, wide)),
                                   {catalogue::uniform(g, {256, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(sequential, Sequential, SequentialEntry)

}  // namespace tapegrad::nn
