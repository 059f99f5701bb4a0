// Parameter and Buffer: owners of a module's tensors.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>
#include <vector>

#include "tapegrad/base/axes.hpp"
#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn {

// Argument-dependent lookup of -w or 2 * w, whose operands are all Parameters, searches this namespace.
using tapegrad::operator+;
using tapegrad::operator-;
using tapegrad::operator*;
using tapegrad::operator/;
using tapegrad::operator==;
using tapegrad::operator!=;
using tapegrad::operator<;
using tapegrad::operator<=;
using tapegrad::operator>;
using tapegrad::operator>=;
// std::cout << w likewise.
using tapegrad::operator<<;

/// An owner of a tensor, where a Tensor is a handle:
/// 1. copying clones the elements: copies are independent;
/// 2. copy assignment writes into the existing storage, so that whoever holds a handle (an optimiser) sees the new
///    values; dtypes are converted, another shape throws ShapeError, an absent tensor ValueError;
/// 3. moving keeps identity: the handle moves, and what was moved from is empty;
/// 4. identity (the leaf, its hooks, its gradient) survives to(dtype).
///
/// Default-constructed it is empty: an absent bias. Handles to it may be used from several threads as any Tensor's;
/// writing (assignment, to) must not overlap with any other use.
class OwnedTensor {
 public:
  operator const Tensor&() const { return tensor_; }
  const Tensor& tensor() const& { return tensor_; }
  Tensor tensor() const&& { return tensor_; }
  const Tensor* operator->() const { return &tensor_; }
  bool defined() const { return tensor_.defined(); }
  const Shape& shape() const& { return tensor_.shape(); }
  Shape shape() const&& { return tensor_.shape(); }
  DType dtype() const { return tensor_.dtype(); }
  /// The same as Tensor's members; -> gives all the others.
  std::int64_t size(Axis axis) const { return tensor_.size(axis); }
  int dim() const { return tensor_.dim(); }
  std::int64_t numel() const { return tensor_.numel(); }
  double item() const { return tensor_.item(); }
  template <Element T>
  T item() const {
    return tensor_.item<T>();
  }
  template <Element T>
  [[nodiscard]] std::vector<T> to_vector() const {
    return tensor_.to_vector<T>();
  }
  Tensor detach() const { return tensor_.detach(); }
  Tensor clone() const { return tensor_.clone(); }
  Tensor operator[](std::int64_t i) const { return tensor_[i]; }
  Tensor slice(Axis axis, Slice range) const { return tensor_.slice(axis, range); }
  Tensor reshape(const Shape& shape) const { return tensor_.reshape(shape); }
  Tensor transpose(Axis a, Axis b) const { return tensor_.transpose(a, b); }
  Tensor permute(const Axes& order) const { return tensor_.permute(order); }
  Tensor expand(const Shape& shape) const { return tensor_.expand(shape); }

  /// Converts the elements in place, where ->to(dtype) gives another tensor. Throws DTypeError for a Parameter unless
  /// the dtype is floating, TapeError while a tape records, or while a Substitution has another tensor here.
  void to(DType dtype);
  /// Writes values into the existing storage, as copy assignment does: weights set by hand, a moving average. Throws
  /// ShapeError for another shape, ValueError for an absent tensor, TapeError while a tape records and this is trained,
  /// or while a Substitution has another tensor here.
  void assign(const Tensor& values);

 protected:
  OwnedTensor() = default;
  OwnedTensor(const Tensor& value, const char* owner);
  OwnedTensor(const OwnedTensor& other);
  OwnedTensor(OwnedTensor&& other) noexcept = default;
  OwnedTensor& operator=(const OwnedTensor& other) &;
  OwnedTensor& operator=(OwnedTensor&& other) & noexcept = default;
  ~OwnedTensor() = default;

 private:
  friend class Substitution;
  Tensor tensor_;
};

/// A tensor that is trained: a leaf that collects a gradient.
class Parameter : public OwnedTensor {
 public:
  Parameter() = default;
  /// A trained copy of `value`'s elements. Throws DTypeError unless they are floating, ValueError for
  /// an undefined tensor.
  explicit Parameter(const Tensor& value);
  template <std::same_as<Tensor> T>
  void operator=(const T&) = delete;  // say w.assign(values): it writes where an optimiser sees it

  Tensor grad() const { return tensor().grad(); }
  bool has_grad() const { return tensor().has_grad(); }
  void zero_grad() { tensor().zero_grad(); }
  void set_grad(const Tensor& gradient) { tensor().set_grad(gradient); }
  HookId register_hook(GradientHook hook) { return tensor().register_hook(std::move(hook)); }
  bool remove_hook(HookId id) { return tensor().remove_hook(id); }
  bool requires_grad() const { return tensor().requires_grad(); }
  /// False freezes it: it is a constant to every tape until this is set to true again. A gradient that it already has
  /// stays, and an optimiser's next step uses it, unless zero_grad() is called.
  void set_requires_grad(bool requires_grad);
};

/// A tensor that belongs to a module's state without being trained, such as a running mean.
class Buffer : public OwnedTensor {
 public:
  Buffer() = default;
  /// A copy of `value`'s elements. Throws ValueError for an undefined tensor.
  explicit Buffer(const Tensor& value) : OwnedTensor(value, "Buffer") {}
  template <std::same_as<Tensor> T>
  void operator=(const T&) = delete;  // say b.assign(values): it writes where whoever holds a handle sees it
};

}  // namespace tapegrad::nn
