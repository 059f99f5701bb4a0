#include "tapegrad/tape/engine/parameter_role.hpp"

#include "tape/tensor_impl.hpp"

namespace tapegrad::engine {

ParameterRole parameter_role(const Tensor& x) {
  return x.defined() && x.impl()->leaf ? x.impl()->leaf->role.load() : ParameterRole::plain;
}

void set_parameter_role(const Tensor& x, ParameterRole role) {
  array_of(x);
  if (!x.impl()->leaf) x.impl()->leaf = Ref<LeafState>::adopt(new LeafState);
  x.impl()->leaf->role = role;
}

}  // namespace tapegrad::engine
