#include "tapegrad/tape/parameter_support.hpp"

#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

ParameterRole parameter_role(const Tensor& x) {
  return x.defined() && x.impl()->leaf ? x.impl()->leaf->role.load() : ParameterRole::plain;
}

void set_parameter_role(const Tensor& x, ParameterRole role) {
  array_of(x);
  if (!x.impl()->leaf) x.impl()->leaf = Ref<LeafState>::adopt(new LeafState);
  x.impl()->leaf->role = role;
}

Tensor unrecorded_copy(const Tensor& x) { return wrap(contiguous_copy(array_of(x))); }

void overwrite(const Tensor& x, const Tensor& values, const char* writer) {
  const std::string op = std::string("[") + writer + "] ";
  if (x.shape() != values.shape())
    throw ShapeError(op + "expected a tensor of shape " + to_string(x.shape()) + ", got " + to_string(values.shape()));
  if (x.is_tracked())
    throw TapeError(op + "a tensor " + to_string(x.shape()) +
                    " that requires a gradient cannot be written while a tape records: use NoRecord");
  array_of(x).storage->written_by(writer);
  // A view of x's own elements, such as its transpose, would be read while it is written.
  const bool own = array_of(x).storage.get() == array_of(values).storage.get();
  array::assign(array_of(x), own ? contiguous_copy(array_of(values)) : array_of(values));
}

namespace {

array::Array converted(const array::Array& a, DType dtype) {
  array::Array other = array::Array::empty(a.shape, dtype);
  array::assign(other, a);
  return other;
}

}  // namespace

void convert_in_place(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return;
  if (is_recording())
    throw TapeError("[to] a parameter " + to_string(x.shape()) + " cannot change its dtype while a tape records");
  array::Array other = converted(array_of(x), dtype);
  other.storage->supersedes(*array_of(x).storage, "to");
  x.impl()->replace_array(std::move(other));
  if (x.has_grad()) x.impl()->leaf->grad = wrap(converted(array_of(x.impl()->leaf->grad), dtype));
}

}  // namespace tapegrad
