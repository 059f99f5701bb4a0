// What a Tensor handle points to. For sources of the tape floor and of ops.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "array/array.hpp"
#include "base/ref.hpp"
#include "tape/hooks.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/parameter_role.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// What makes a tensor a leaf: shared by its aliases, so that identity survives detours through views and tangents.
struct LeafState {
  using Role = engine::ParameterRole;

  std::atomic<bool> requires_grad{false};
  std::atomic<Role> role{Role::plain};
  std::atomic<bool> in_backward{false};  // held by the one sweep that may write `grad`
  Tensor grad;
  Hooks hooks;

  void retain() const { add_owner(owners); }
  void release() const {
    if (drop_owner(owners)) delete this;
  }
  mutable std::atomic<std::int32_t> owners{1};
};

/// Where a tensor was recorded. Serial 0: nowhere.
struct TapePlace {
  std::uint64_t serial = 0;
  std::uint32_t generation = 0;
  std::uint32_t era = 0;  // of its node: another one may stand in its place since
  std::uint32_t node = 0;
  std::uint32_t output = 0;
};

struct Tangent {
  std::uint64_t level;
  Tensor value;
};

struct TensorImpl {
  explicit TensorImpl(array::Array a) : array(std::move(a)) {}
  /// For one in front of its storage.
  TensorImpl(Ref<array::Storage> behind, const Shape& shape, DType dtype)
      : before_storage(true), array(std::move(behind), shape, dtype) {}

  mutable std::atomic<std::int32_t> owners{1};
  bool before_storage = false;  // it lies in front of its first storage, in one block
  TapePlace place;
  Ref<LeafState> leaf;
  std::unique_ptr<std::vector<Tangent>> tangents;
  array::Array array;
  Ref<array::Storage> first;  // before_storage, and the array was replaced

  /// Puts other elements in the place of these.
  void replace_array(array::Array other);

  void retain() const { add_owner(owners); }
  void release() const {
    if (drop_owner(owners)) destroy();
  }
  bool unique() const { return owners.load(std::memory_order_acquire) == 1; }

  static void* operator new(std::size_t size);
  static void operator delete(void* block, std::size_t size);

 private:
  void destroy() const;
  void destroy_with_others() const;
};

/// A new tensor with uninitialised elements; when they are few, one block holds it and them. Throws as
/// array::storage_for().
Tensor make_tensor(const Shape& shape, DType dtype);

/// A new tensor around an array: neither leaf nor recorded.
Tensor wrap(array::Array a);

/// An alias: same elements, place and leaf, its own tangents.
Tensor alias(const Tensor& x);

/// Another handle of a defined tensor, without a call.
inline Tensor share(const Tensor& x) {
  x.impl()->retain();
  return Tensor::adopt(x.impl());
}

/// What an undefined tensor throws where it should have elements: the engine says it again in the name of the op that
/// was running.
struct UndefinedTensor : ValueError {
  UndefinedTensor(const std::string& message, const Tensor& x) : ValueError(message), found(&x) {}
  const Tensor* found;  ///< the handle: its address alone, for it may be gone
};
[[noreturn]] void throw_undefined(const char* op, const Tensor& x);

/// The array of a defined tensor. Throws UndefinedTensor "[op] an undefined tensor has no elements" for an undefined
/// one.
inline const array::Array& array_of(const Tensor& x, const char* op = "tensor") {
  if (!x.defined()) throw_undefined(op, x);
  return x.impl()->array;
}

/// Tensors of other dtypes, and undefined ones, are constants.
inline bool carries_gradient(const Tensor& x) { return x.defined() && is_floating(x.dtype()); }

/// Its elements in row-major order, in memory of their own: in blocks and by several threads, unlike array::copy.
array::Array contiguous_copy(const array::Array& a);

/// The contiguous array of x: its own, or a copy.
array::Array contiguous_array(const Tensor& x);

/// Whether this is the only handle, and its elements, which lie together, are nobody else's.
inline bool is_sole_owner(const Tensor& x) {
  const TensorImpl& impl = *x.impl();
  return impl.unique() && impl.array.contiguous && impl.array.storage->unique();
}

/// Whether the elements may be written in place besides: they are no leaf's, and no tape or transform knows of them.
inline bool is_exclusive(const Tensor& x) {
  const TensorImpl& impl = *x.impl();
  return is_sole_owner(x) && !impl.leaf && impl.tangents == nullptr && impl.place.serial == 0;
}

}  // namespace tapegrad
