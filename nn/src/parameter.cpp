#include "tapegrad/nn/parameter.hpp"

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/engine/parameter_role.hpp"
#include "tapegrad/tape/engine/substitutes.hpp"

namespace tapegrad::nn {

OwnedTensor::OwnedTensor(const Tensor& value, const char* owner) {
  expect_defined(owner, value, "the value");
  tensor_ = engine::unrecorded_copy(value);
}

OwnedTensor::OwnedTensor(const OwnedTensor& other) {
  if (!other.defined()) return;
  tensor_ = engine::unrecorded_copy(other.tensor_);
  // A copy made while a Substitution lives has the values that the module computes with, and is trained as it is.
  const Tensor& original = engine::Substitutes::original(other.tensor_);
  if (original.requires_grad()) tensor_.set_requires_grad(true);
  // Whoever lists the original does not list the copy.
  if (engine::parameter_role(original) != engine::ParameterRole::plain)
    engine::set_parameter_role(tensor_, engine::ParameterRole::unnamed_parameter);
}

OwnedTensor& OwnedTensor::operator=(const OwnedTensor& other) & {
  if (this == &other) return *this;
  if (!defined()) return *this = OwnedTensor(other);
  if (!other.defined())
    throw ValueError("[assign] expected a tensor of shape " + to_string(shape()) + ", got an absent one");
  engine::Substitutes::expect_original(tensor_, "assign");
  engine::overwrite(tensor_, other.tensor_, "assign");
  return *this;
}

void OwnedTensor::assign(const Tensor& values) {
  if (!defined() || !values.defined()) throw ValueError("[assign] there is no tensor to assign to, or from");
  engine::Substitutes::expect_original(tensor_, "assign");
  engine::overwrite(tensor_, values, "assign");
}

void OwnedTensor::to(DType dtype) {
  if (!defined()) return;
  if (engine::parameter_role(tensor_) != engine::ParameterRole::plain) expect_dtype_of_parameters(dtype);
  engine::Substitutes::expect_original(tensor_, "to");
  engine::convert_in_place(tensor_, dtype);
}

Parameter::Parameter(const Tensor& value) : OwnedTensor(value, "Parameter") {
  set_requires_grad(true);
  engine::set_parameter_role(tensor(), engine::ParameterRole::unnamed_parameter);
}

void Parameter::set_requires_grad(bool requires_grad) { tensor().set_requires_grad(requires_grad); }

}  // namespace tapegrad::nn
