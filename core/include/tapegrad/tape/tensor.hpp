// Tensor: a handle to a strided view of shared storage, which may be a leaf that collects a gradient or lie on a Tape.
//
// Thread safety: distinct handles may be used from distinct threads; reading the same storage from several threads is
// safe, writing is not.
//
// Invariants:
// 1. a handle is one pointer wide and copying it copies no elements;
// 2. a tensor's shape, dtype and place on a tape never change (but a module's to() changes its parameters' dtype);
// 3. elements that a tape may have kept change only through mutable_data() or an optimiser's update, which move the
// storage's version: a sweep that would read them fails. The engine adds in place only to what nobody else holds.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tapegrad/array/print_options.hpp"
#include "tapegrad/base/axes.hpp"
#include "tapegrad/base/callable.hpp"
#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad {

class Tensor;
struct TensorImpl;

/// An index range along one axis, as in Python's start:stop:step. Negative start and stop count from the end; step
/// >= 1.
struct Slice {
  static constexpr std::int64_t kEnd = INT64_MAX;
  AnyInteger start = 0;
  AnyInteger stop = kEnd;
  AnyInteger step = 1;
};

/// Called with a complete gradient; what it returns (when defined) takes the gradient's place. It is not to write into
/// the one that it is given, whose elements may be others' too: the caller's cotangent, say.
using GradientHook = Callable<Tensor(const Tensor& gradient)>;
/// Which hook: no two of a process have the same.
enum class HookId : std::uint64_t {};

/// A call whose Tensor is dropped is a warning: no operation works in place.
class [[nodiscard]] Tensor {
 public:
  /// An undefined tensor: no elements, no shape. Stands for an absent optional input and for a zero cotangent.
  Tensor() = default;
  Tensor(const Tensor& other) noexcept : impl_(other.impl_) {
    if (impl_ != nullptr) retain(*impl_);
  }
  Tensor(Tensor&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
  ~Tensor() {
    if (impl_ != nullptr) release(*impl_);
  }
  /// Rebinds the handle. Only for lvalues: `x[i] = y` does not compile, because it would change nothing.
  Tensor& operator=(const Tensor& other) & noexcept;
  Tensor& operator=(Tensor&& other) & noexcept {
    TensorImpl* const taken = std::exchange(other.impl_, nullptr);
    if (const TensorImpl* const before = std::exchange(impl_, taken); before != nullptr) release(*before);
    return *this;
  }

  [[nodiscard]] bool defined() const { return impl_ != nullptr; }

  /// Unless noted, every member below throws ValueError for an undefined tensor; requires_grad(), is_tracked(),
  /// has_grad() and remove_hook() return false for one, and zero_grad() does nothing.
  const Shape& shape() const&;
  Shape shape() const&& { return shape(); }
  /// Strides in elements.
  const Shape& strides() const&;
  Shape strides() const&& { return strides(); }
  /// Size along an axis; negative ones count from the end. Throws IndexError.
  std::int64_t size(Axis axis) const;
  int dim() const;
  std::int64_t numel() const;
  DType dtype() const;
  [[nodiscard]] bool is_contiguous() const;

  /// The value of a one-element tensor, as double or, where its dtype has elements of type T, as T. Throws ShapeError
  /// for more or fewer elements, DTypeError for another T.
  double item() const;
  template <Element T>
  T item() const;
  /// All elements in row-major order. Throws DTypeError when T is not the dtype's element type (bool gives
  /// std::vector<bool>).
  template <Element T>
  [[nodiscard]] std::vector<T> to_vector() const;

  /// The elements of a contiguous tensor, to read while a tensor that has them lives: of a temporary they would be
  /// gone, so give it a name first (or take to_vector()). Throws DTypeError for another T, ShapeError when not
  /// contiguous.
  template <Element T>
  std::span<const T> data() const&;
  template <Element T>
  std::span<const T> data() const&& = delete;
  /// The same, to write; moves the storage's version. `writer` names who writes, for error messages, and must stay
  /// where it is as long as the program runs: a literal. Throws TapeError for a tensor that requires a gradient (or
  /// lies on the tape) while a tape records, and for one with a tangent.
  template <Element T>
  std::span<T> mutable_data(const char* writer = "mutable_data") &;
  template <Element T>
  std::span<T> mutable_data(const char* writer = "mutable_data") && = delete;

  /// Makes this a leaf that collects a gradient (or stops that); returns this handle. Like zero_grad(), set_grad() and
  /// what adds and removes hooks it is const because it changes the leaf that all handles share, not the handle: so it
  /// works on elements of a const list. Throws DTypeError for true unless floating, TapeError for a tensor that lies on
  /// a tape.
  const Tensor& set_requires_grad(bool requires_grad) const&;
  Tensor set_requires_grad(bool requires_grad) const&& { return set_requires_grad(requires_grad); }
  /// Whether this is a leaf that collects a gradient.
  [[nodiscard]] bool requires_grad() const;
  /// Whether an operation on this tensor would be recorded now.
  [[nodiscard]] bool is_tracked() const;
  /// The gradient that backward() accumulated. Throws TapeError when there is none: ask has_grad().
  Tensor grad() const;
  [[nodiscard]] bool has_grad() const;
  /// Forgets the gradient. Safe on a tensor without one.
  void zero_grad() const;
  /// Replaces the gradient; an undefined one forgets it, as zero_grad() does. Throws ShapeError or DTypeError unless
  /// shape and dtype are this tensor's.
  void set_grad(const Tensor& gradient) const;
  /// Registers a hook on a leaf: it fires once per backward(), when the gradient of that sweep is complete, before it
  /// is accumulated. Several fire in order of registration. Throws TapeError for a tensor that is no leaf, ValueError
  /// for an empty hook.
  HookId register_hook(GradientHook hook) const;
  /// Takes a hook of this leaf away: it fires no more, from the next gradient on. Whether it was there.
  bool remove_hook(HookId id) const;

  /// The same elements, off the tape: a view that is neither leaf nor recorded.
  Tensor detach() const;
  /// A contiguous copy (recorded: its gradient passes through).
  Tensor clone() const;
  /// This tensor when contiguous, else a clone.
  Tensor contiguous() const;
  /// Conversion (recorded between floating dtypes). This tensor itself when nothing changes.
  Tensor to(DType dtype) const;

  /// x[i] along the first dimension; negative i counts from the end. Throws IndexError.
  Tensor operator[](std::int64_t i) const;
  /// A view of a range of an axis.
  Tensor slice(Axis axis, Slice range) const;

  /// Views as methods; the free functions of the same names document them.
  Tensor reshape(const Shape& shape) const;
  Tensor transpose(Axis a, Axis b) const;
  Tensor permute(const Axes& order) const;
  Tensor expand(const Shape& shape) const;

  /// For the engine and for writers of ops in C++ sources; not part of the promise to users.
  TensorImpl* impl() const { return impl_; }
  static Tensor adopt(TensorImpl* impl) {
    Tensor t;
    t.impl_ = impl;
    return t;
  }

 private:
  static void retain(const TensorImpl& impl) noexcept;
  static void release(const TensorImpl& impl) noexcept;

  TensorImpl* impl_ = nullptr;
};

/// Which tensor this is, to compare and to hash: the same for all handles to one tensor, nullptr for an undefined one.
inline const void* identity_of(const Tensor& x) { return x.impl(); }

/// What fmt::print("{}", x) prints: NumPy's array2string(x, precision=4, separator=", ") to the letter, but that a
/// tensor without elements shows its shape. to_string(x, {.precision = 8}) shows more digits. Throws ValueError for a
/// precision outside [0, 100] and for other options below 0.
std::string to_string(const Tensor& x, const PrintOptions& options = {});
std::ostream& operator<<(std::ostream& stream, const Tensor& x);

}  // namespace tapegrad
