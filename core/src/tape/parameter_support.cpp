#include "tapegrad/tape/parameter_support.hpp"

#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "tape/forward_mode.hpp"
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

bool sees_same_elements(const Tensor& a, const Tensor& b) {
  const array::Array &mine = array_of(a), &theirs = array_of(b);
  return mine.data() == theirs.data() && mine.dtype == theirs.dtype && mine.shape == theirs.shape &&
         mine.strides == theirs.strides;
}

void expect_writable(const Tensor& x, const char* writer) {
  if (x.is_tracked())
    throw TapeError(
        fmt::format("[{}] a tensor {} that requires a gradient cannot be written while a tape records: use "
                    "NoRecord, or detach() it first",
                    writer, to_string(x.shape())));
  expect_no_tangent(x, writer);
}

namespace {

void expect_overwritable(const Overwrite& write, const char* writer) {
  if (write.x.shape() != write.values.shape())
    throw ShapeError(fmt::format("[{}] expected a tensor of shape {}, got {}", writer, to_string(write.x.shape()),
                                 to_string(write.values.shape())));
  expect_writable(write.x, writer);
}

const void* memory_of(const Tensor& x) { return array_of(x).storage.get(); }

}  // namespace

void overwrite(const Tensor& x, const Tensor& values, const char* writer) {
  overwrite(std::vector<Overwrite>{{x, values}}, writer);
}

void overwrite(const std::vector<Overwrite>& writes, const char* writer) {
  std::unordered_set<const void*> written;
  for (const Overwrite& write : writes) {
    expect_overwritable(write, writer);
    written.insert(memory_of(write.x));
  }
  // Values in memory that will be written, another's or (as a transpose) x's own, are read before.
  std::vector<array::Array> values;
  for (const Overwrite& write : writes)
    values.push_back(written.contains(memory_of(write.values)) ? contiguous_copy(array_of(write.values))
                                                               : array_of(write.values));
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const array::Array& target = array_of(writes[i].x);
    target.storage->written_by(writer);
    array::assign(target, values[i]);
  }
}

namespace {

thread_local std::vector<const Substitutes*> active_substitutes;

}  // namespace

Substitutes::Substitutes(std::vector<Place> places) : originals_(std::move(places)) {
  std::erase_if(originals_, [](const Place& place) { return place.handle->impl() == place.value.impl(); });
  active_substitutes.push_back(this);
  for (Place& place : originals_) std::swap(*place.handle, place.value);
}

Substitutes::~Substitutes() {
  for (auto place = originals_.rbegin(); place != originals_.rend(); ++place) std::swap(*place->handle, place->value);
  std::erase(active_substitutes, this);
}

const Tensor& Substitutes::original(const Tensor& handle) {
  for (const Substitutes* substitutes : active_substitutes)  // the outermost has it
    for (const Place& place : substitutes->originals_)
      if (place.handle == &handle) return place.value;
  return handle;
}

void Substitutes::expect_original(const Tensor& handle, const char* writer) {
  if (&original(handle) != &handle)
    throw TapeError(
        fmt::format("[{}] a Substitution has another tensor in the place of the parameter {}, which would be written "
                    "instead: write when it has ended",
                    writer, to_string(handle.shape())));
}

std::vector<Substitutes::Place> Substitutes::current() {
  std::vector<Place> places;
  for (const Substitutes* substitutes : active_substitutes)
    for (const Place& place : substitutes->originals_) places.push_back({place.handle, *place.handle});
  return places;
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
