#include "tapegrad/base/shape.hpp"

#include <algorithm>
#include <ostream>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

void AnyInteger::throw_too_large(unsigned long long value) {
  throw ValueError("[integer] " + std::to_string(value) + " is more than an int64 holds");
}

namespace {

std::int32_t rank_for(std::size_t sizes) {
  if (sizes > kMaxRank)
    throw ShapeError("[shape] a tensor has at most " + std::to_string(kMaxRank) + " dimensions, not " +
                     std::to_string(sizes));
  return static_cast<std::int32_t>(sizes);
}

}  // namespace

Shape::Shape(std::initializer_list<AnyInteger> sizes) : rank_(rank_for(sizes.size())) {
  std::copy(sizes.begin(), sizes.end(), dims_.begin());
}

Shape::Shape(std::span<const std::int64_t> sizes) : rank_(rank_for(sizes.size())) {
  std::copy(sizes.begin(), sizes.end(), dims_.begin());
}

Shape Shape::filled(int rank, std::int64_t value) {
  Shape s;
  for (int d = 0; d < rank; ++d) s.push_back(value);
  return s;
}

void Shape::push_back(std::int64_t size) { insert(rank_, size); }

void Shape::insert(int d, std::int64_t size) {
  if (rank_ == kMaxRank) throw ShapeError("[shape] " + to_string(*this) + " has no room for another dimension");
  std::move_backward(begin() + d, end(), end() + 1);
  ++rank_;
  (*this)[d] = size;
}

void Shape::erase(int d) {
  std::move(begin() + d + 1, end(), begin() + d);
  --rank_;
}

void Shape::throw_no_dimension(int d) const { throw_no_axis("shape", d, *this); }

std::optional<std::int64_t> extent(const Shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape)
    if (size > 0 && __builtin_mul_overflow(elements, size, &elements)) return std::nullopt;
  return elements;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int d = 0; d < shape.rank(); ++d) {
    if (d > 0) text += ", ";
    text += std::to_string(shape[d]);
  }
  return text + "]";
}

std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }

void throw_no_axis(std::string_view op, Axis axis, const Shape& shape) {
  throw IndexError("[" + std::string(op) + "] axis " + std::to_string(axis.value()) + " is out of range for rank " +
                   std::to_string(shape.rank()) + ": " + to_string(shape));
}

Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape out = longer;
  const int lead = longer.rank() - shorter.rank();
  for (int d = 0; d < shorter.rank(); ++d) {
    std::int64_t& size = out[lead + d];
    if (size == shorter[d] || shorter[d] == 1) continue;
    if (size != 1)
      throw ShapeError("[" + std::string(op) + "] cannot broadcast " + to_string(a) + " with " + to_string(b));
    size = shorter[d];
  }
  return out;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  const int lead = to.rank() - from.rank();
  if (lead < 0) return false;
  for (int d = 0; d < from.rank(); ++d)
    if (from[d] != to[lead + d] && from[d] != 1) return false;
  return true;
}

Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& to) {
  const int lead = to.rank() - shape.rank();
  Shape out = Shape::filled(to.rank(), 0);
  for (int d = 0; d < shape.rank(); ++d) out[lead + d] = shape[d] == 1 ? 0 : strides[d];
  return out;
}

}  // namespace tapegrad
