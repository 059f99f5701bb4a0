#include "tape/handed_out.hpp"

#include <utility>

#include "tape/tensor_impl.hpp"

namespace tapegrad {
namespace {

/// Whether an array would keep much more memory than it needs, as a part of a large cotangent does that cat gives to
/// one of its inputs.
bool is_small_part(const array::Array& a) { return a.storage->bytes() > 2 * array::bytes_of(a.shape, a.dtype); }

}  // namespace

Tensor as_own(Tensor gradient) {
  const TensorImpl& impl = *gradient.impl();
  const bool shared = !impl.unique() || !impl.array.storage->unique() || !impl.array.contiguous || impl.leaf;
  return shared || is_small_part(impl.array) ? gradient.clone() : std::move(gradient);
}

Tensor to_be_kept(Tensor gradient) {
  const array::Array& a = array_of(gradient);
  return is_exclusive(gradient) && !is_small_part(a) ? std::move(gradient) : wrap(contiguous_copy(a));
}

}  // namespace tapegrad
