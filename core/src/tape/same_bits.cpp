#include "tapegrad/tape/same_bits.hpp"

#include <algorithm>

#include "tape/tensor_impl.hpp"

namespace tapegrad {

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const array::Array p = contiguous_array(a);
  const array::Array q = contiguous_array(b);
  const auto bytes = a.numel() * static_cast<std::int64_t>(size_of(a.dtype()));
  return std::equal(p.data(), p.data() + bytes, q.data());
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return same_bits(x, y); });
}

}  // namespace tapegrad
