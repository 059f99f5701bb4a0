#include "tapegrad/tape/engine/overwrite.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <unordered_set>
#include <utility>

#include "tape/expect.hpp"
#include "tape/forward_mode.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::engine {

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
  if (array_of(write.x, writer).shape != array_of(write.values, writer).shape)
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

array::Array converted(const array::Array& a, DType dtype) {
  array::Array other = array::Array::empty(a.shape, dtype);
  array::assign(other, a);
  return other;
}

}  // namespace

void convert_in_place(const Tensor& x, DType dtype) {
  expect_dtype("to", dtype);
  if (x.dtype() == dtype) return;
  if (is_recording())
    throw TapeError("[to] a parameter " + to_string(x.shape()) + " cannot change its dtype while a tape records");
  array::Array other = converted(array_of(x), dtype);
  other.storage->supersedes(*array_of(x).storage, "to");
  x.impl()->replace_array(std::move(other));
  if (x.has_grad()) x.impl()->leaf->grad = wrap(converted(array_of(x.impl()->leaf->grad), dtype));
}

}  // namespace tapegrad::engine
