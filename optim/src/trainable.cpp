#include "trainable.hpp"

#include <fmt/format.h>

#include <functional>
#include <iterator>
#include <span>

#include "bytes_of.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/parameter_role.hpp"

namespace tapegrad::optim {

bool ClaimedMemory::claim(const Tensor& x) {
  const std::span<const std::byte> bytes = bytes_of(x);
  if (bytes.empty()) return true;
  const std::byte* const end = bytes.data() + bytes.size();
  const auto above = ends_.upper_bound(bytes.data());
  if (above != ends_.end() && std::less<>()(above->first, end)) return false;
  if (above != ends_.begin() && std::less<>()(bytes.data(), std::prev(above)->second)) return false;
  ends_.emplace_hint(above, bytes.data(), end);
  return true;
}

void take_in(const Tensor& x, ClaimedMemory& claimed, const std::string& which) {
  if (!x.defined()) throw ValueError(fmt::format("{} is undefined", which));
  if (!is_floating(x.dtype()))
    throw DTypeError(fmt::format("{} is {}: only floating tensors have gradients", which, to_string(x.dtype())));
  if (x.is_tracked() && !x.requires_grad())
    throw ValueError(fmt::format("{}, {}, was computed on a tape and is no leaf", which, to_string(x.shape())));
  if (!x.is_contiguous())
    throw ShapeError(fmt::format("{}, {}, is a view that is not contiguous", which, to_string(x.shape())));
  if (!claimed.claim(x))
    throw ValueError(
        fmt::format("{}, {}, is given twice, or shares elements with one before", which, to_string(x.shape())));
}

void set_named(const std::vector<Tensor>& parameters) {
  for (const Tensor& x : parameters)
    if (engine::parameter_role(x) == engine::ParameterRole::unnamed_parameter)
      engine::set_parameter_role(x, engine::ParameterRole::named_parameter);
}

}  // namespace tapegrad::optim
