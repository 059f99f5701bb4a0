// Storage and strided views of it. Knows nothing of gradients.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "array/allocator.hpp"
#include "array/round_up.hpp"
#include "base/ref.hpp"
#include "tapegrad/array/print_options.hpp"
#include "tapegrad/base/dtype.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad::array {

/// Elements in memory with a version: each acquisition for writing moves it and names the writer.
///
/// The block may have room for an object in front: what describes a small tensor lies there, and one allocation serves
/// both. Such an object is an owner of the storage like any other, so the block lives until neither is needed.
class Storage {
 public:
  /// Room for `bytes` bytes, uninitialised, aligned to 64, behind `front` bytes for an object.
  static Ref<Storage> make(std::size_t bytes, std::size_t front = 0) {
    static_assert(sizeof(Storage) <= kHeader);
    // The elements begin at a multiple of the alignment, and this ends where they begin.
    const std::size_t before = round_up(front + kHeader, kAlignment) - kHeader;
    const std::size_t total = before + kHeader + bytes;
    auto* const block = static_cast<std::byte*>(allocate(total));
    return Ref<Storage>::adopt(new (block + before) Storage(total, before));
  }

  std::byte* data() { return reinterpret_cast<std::byte*>(this) + kHeader; }
  /// Bytes of the elements.
  std::size_t bytes() const { return bytes_ - front_ - kHeader; }
  /// The room in front, aligned to 64.
  void* front() { return reinterpret_cast<std::byte*>(this) - front_; }
  std::uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  const char* last_writer() const { return writer_; }
  void written_by(const char* writer) {
    version_.fetch_add(1, std::memory_order_relaxed);
    writer_ = writer;
  }
  /// Takes the place of another, as a writing would: what was saved of that one differs in version.
  void supersedes(const Storage& other, const char* writer) {
    version_.store(other.version() + 1, std::memory_order_relaxed);
    writer_ = writer;
  }
  bool unique() const { return owners_.load(std::memory_order_acquire) == 1; }

  void retain() const { add_owner(owners_); }
  void release() const {
    if (drop_owner(owners_)) destroy();
  }

 private:
  static constexpr std::size_t kHeader = 32;
  Storage(std::size_t bytes, std::size_t front) : bytes_(bytes), front_(static_cast<std::uint32_t>(front)) {}
  void destroy() const {
    const std::size_t total = bytes_;
    void* const block = const_cast<Storage*>(this)->front();
    this->~Storage();
    deallocate(block, total);
  }

  mutable std::atomic<std::int32_t> owners_{1};
  std::atomic<std::uint32_t> version_{0};
  std::size_t bytes_;    // of the whole block
  std::uint32_t front_;  // from the block's begin to this
  const char* writer_ = "construction";
};

inline constexpr std::int64_t kMostElements = std::numeric_limits<std::int64_t>::max() / 16;

[[noreturn]] void throw_too_many_elements(const Shape& shape);
[[noreturn]] void throw_no_memory(const Shape& shape, DType dtype);

/// Bytes of an array without elements: none. Throws as bytes_of().
std::size_t bytes_of_none(const Shape& shape);

/// Bytes of an array's elements. Throws ShapeError for a negative size or too many elements.
inline std::size_t bytes_of(const Shape& shape, DType dtype) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) {
    if (size <= 0) [[unlikely]]
      return bytes_of_none(shape);
    if (__builtin_mul_overflow(n, size, &n)) throw_too_many_elements(shape);
  }
  if (n > kMostElements) throw_too_many_elements(shape);
  return static_cast<std::size_t>(n) * size_of(dtype);
}

/// Storage for the elements of an array, `bytes` bytes, behind `front` bytes for an object. Throws Error when the
/// system has no memory for them.
inline Ref<Storage> storage_for(std::size_t bytes, const Shape& shape, DType dtype, std::size_t front = 0) {
  try {
    return Storage::make(bytes, front);
  } catch (const std::bad_alloc&) {
    throw_no_memory(shape, dtype);
  }
}

/// A strided view: element (i0, i1, ...) lies sum of i_d * strides[d] elements from the first.
struct Array {
  Ref<Storage> storage;
  std::byte* elements = nullptr;  // the first, in the storage
  Shape shape;
  Shape strides;
  DType dtype = DType::float32;
  bool contiguous = true;  // row-major without gaps (or no elements)

  Array() = default;
  /// Uninitialised elements in storage of its own. Throws as bytes_of() and storage_for().
  Array(const Shape& sizes, DType type);
  /// Contiguous elements from the storage's begin on. REQUIRES: it has room for them.
  Array(Ref<Storage> room, const Shape& sizes, DType type)
      : storage(std::move(room)),
        elements(storage->data()),
        shape(sizes),
        strides(contiguous_strides(sizes)),
        dtype(type) {}
  static Array empty(const Shape& shape, DType dtype) { return Array(shape, dtype); }
  /// A view of the same storage, that begins so many elements from this one's first.
  Array view(const Shape& new_shape, const Shape& new_strides, std::int64_t start = 0) const;
  std::byte* data() const { return elements; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data());
  }
};

bool is_contiguous(const Shape& shape, const Shape& strides);

/// The strides that make `shape` a view of an array (old_shape, old_strides) without a copy; false when there are none.
bool view_strides(const Shape& old_shape, const Shape& old_strides, const Shape& shape, Shape& strides);

/// A contiguous copy.
Array copy(const Array& a);
/// Writes `source`, broadcast to the target's shape and converted to its dtype, into `target` (any strides).
void assign(const Array& target, const Array& source);
/// Sets every element; the value is converted to the dtype.
void fill(const Array& target, double value);

/// NumPy's way of printing: nested brackets, aligned columns, large arrays shortened with dots. Throws ValueError for
/// options out of their range.
std::string to_string(const Array& a, const PrintOptions& options = {});

}  // namespace tapegrad::array
