#include "tapegrad/nn/sequential.hpp"

#include <string>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

Tensor Sequential::operator()(const Tensor& x) {
  const Scope scope(path());
  Tensor h = x;
  for (AnyLayer& layer : layers_) h = layer(h);
  return h;
}

AnyLayer& Sequential::operator[](std::size_t i) {
  if (i >= layers_.size())
    throw IndexError("[Sequential] layer " + std::to_string(i) + " of " + std::to_string(layers_.size()));
  return layers_[i];
}

void Sequential::visit_members(MemberVisitor& visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i)
    if (Module* module = layers_[i].module()) visitor.module(std::to_string(i), *module);
}

}  // namespace tapegrad::nn
