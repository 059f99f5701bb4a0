// Shapes, strides and the broadcasting rule: small vector-like values, stored inline.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tapegrad {

/// The largest number of dimensions of a tensor.
inline constexpr int kMaxRank = 8;

/// A std::int64_t that is given as any integer type: a list in braces takes no std::size_t for one, as a container's
/// size is. Throws ValueError for a value above INT64_MAX. To compute with it is to compute with the std::int64_t that
/// it becomes; where both of two must be of one type, that is written: std::min<std::int64_t>(range.stop, x.size(0)).
class AnyInteger {
 public:  // no template: lists of sizes are everywhere
  constexpr AnyInteger(int value = 0) : value_(value) {}
  constexpr AnyInteger(long value) : value_(value) {}
  constexpr AnyInteger(long long value) : value_(value) {}
  constexpr AnyInteger(unsigned value) : value_(value) {}
  constexpr AnyInteger(unsigned long value) : AnyInteger(static_cast<unsigned long long>(value)) {}
  constexpr AnyInteger(unsigned long long value) : value_(static_cast<std::int64_t>(value)) {
    if (value_ < 0) throw_too_large(value);
  }
  constexpr operator std::int64_t() const { return value_; }

  constexpr AnyInteger& operator+=(AnyInteger other) { return *this = value_ + other.value_; }
  constexpr AnyInteger& operator-=(AnyInteger other) { return *this = value_ - other.value_; }
  constexpr AnyInteger& operator*=(AnyInteger other) { return *this = value_ * other.value_; }
  constexpr AnyInteger& operator++() { return *this += 1; }
  constexpr AnyInteger& operator--() { return *this -= 1; }
  constexpr AnyInteger operator++(int) { return std::exchange(*this, value_ + 1); }
  constexpr AnyInteger operator--(int) { return std::exchange(*this, value_ - 1); }

 private:
  [[noreturn]] static void throw_too_large(unsigned long long value);

  std::int64_t value_;
};

/// A short list of integers with value semantics: the sizes of a tensor's dimensions (outermost first), or its strides
/// in elements. Throws ShapeError when given more than kMaxRank entries. Rank 0 is a scalar: one element.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<AnyInteger> sizes);
  explicit Shape(std::span<const std::int64_t> sizes);
  /// `rank` entries of `value`.
  static Shape filled(int rank, std::int64_t value);

  int rank() const { return rank_; }
  std::size_t size() const { return static_cast<std::size_t>(rank_); }
  bool empty() const { return rank_ == 0; }
  /// The number of elements; 1 for a scalar.
  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int d = 0; d < rank_; ++d) n *= dims_[static_cast<std::size_t>(d)];
    return n;
  }

  /// The entry of dimension d; negative ones count from the end. Throws IndexError when there is no such dimension.
  std::int64_t operator[](int d) const { return dims_[position(d)]; }
  std::int64_t& operator[](int d) { return dims_[position(d)]; }
  /// Throws IndexError for a scalar.
  std::int64_t back() const { return (*this)[-1]; }

  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }
  std::int64_t* begin() { return dims_.data(); }
  std::int64_t* end() { return dims_.data() + rank_; }

  void push_back(std::int64_t size);
  /// Makes room at position d and puts `size` there.
  void insert(int d, std::int64_t size);
  void erase(int d);

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (std::size_t d = 0; d < a.size(); ++d)
      if (a.dims_[d] != b.dims_[d]) return false;
    return true;
  }

 private:
  std::size_t position(int d) const {
    const auto from_front = static_cast<std::size_t>(d < 0 ? d + rank_ : d);  // none that is negative still is below
    if (from_front >= size()) [[unlikely]]
      throw_no_dimension(d);
    return from_front;
  }
  [[noreturn]] void throw_no_dimension(int d) const;

  std::array<std::int64_t, kMaxRank> dims_{};
  std::int32_t rank_ = 0;
};

/// The number of elements, where a size of 0 counts as 1, so that strides and partial products do not overflow either.
/// std::nullopt when it does not fit in 64 bits. REQUIRES: no negative size.
std::optional<std::int64_t> extent(const Shape& shape);

/// "[16, 7, 40]"; "[]" for a scalar.
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& stream, const Shape& shape);

/// Strides of a row-major contiguous tensor, in elements.
inline Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  std::int64_t step = 1;
  for (std::int64_t* entry = strides.end(); entry != strides.begin();) {
    const std::int64_t size = *--entry;
    *entry = step;
    step *= size > 1 ? size : 1;
  }
  return strides;
}

/// An axis, or dimension, of a tensor, as a caller gives it: any integer type, so that no value is truncated; negative
/// ones count from the end. Not a bool, because g++ 12 would take {.keepdim = true} for a list of axes.
class Axis {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>) constexpr Axis(T axis)
      : value_(std::in_range<std::int64_t>(axis) ? static_cast<std::int64_t>(axis)
                                                 : std::numeric_limits<std::int64_t>::max()) {}
  /// A named axis: enum { kBatch, kTime }.
  template <class T>
  requires std::is_enum_v<T> && std::convertible_to<T, std::int64_t>
  constexpr Axis(T axis) : value_(axis) {}
  constexpr std::int64_t value() const { return value_; }

 private:
  std::int64_t value_;
};

/// Throws IndexError that there is no such axis.
[[noreturn]] void throw_no_axis(std::string_view op, Axis axis, const Shape& shape);

/// An axis of a shape, counted from the front; negative ones count from the back. Throws IndexError "[op] axis 2 is out
/// of range for rank 2: [3, 4]".
inline int normalize_axis(std::string_view op, Axis axis, const Shape& shape) {
  const std::int64_t d = axis.value() < 0 ? axis.value() + shape.rank() : axis.value();
  if (d < 0 || d >= shape.rank()) throw_no_axis(op, axis, shape);
  return static_cast<int>(d);
}

/// NumPy's rule: shapes aligned at the right, sizes equal or 1. Throws ShapeError "[op] cannot broadcast [a] with [b]".
Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b);

/// Whether a tensor of shape `from` broadcasts to exactly `to`.
bool broadcasts_to(const Shape& from, const Shape& to);

/// The strides by which a tensor (shape, strides) is read when broadcast to `to`: 0 along expanded dimensions.
/// REQUIRES: broadcasts_to(shape, to).
Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& to);

}  // namespace tapegrad
