#include "tape/expect.hpp"

#include <fmt/format.h>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

void throw_undefined_input(std::string_view op) { throw Error(fmt::format("[{}] an input is undefined", op)); }

void throw_not_floating(std::string_view op, const Tensor& x) {
  throw DTypeError(
      fmt::format("[{}] expected a floating tensor, got {} {}", op, to_string(x.dtype()), to_string(x.shape())));
}

void throw_not_bool(std::string_view op, std::string_view what, const Tensor& x) {
  throw DTypeError(
      fmt::format("[{}] expected a bool {}, got {} {}", op, what, to_string(x.dtype()), to_string(x.shape())));
}

void throw_mixed_dtypes(std::string_view op, const Tensor& a, const Tensor& b) {
  throw DTypeError(fmt::format("[{}] {} {} with {} {}: convert one of them with to()", op, to_string(a.dtype()),
                               to_string(a.shape()), to_string(b.dtype()), to_string(b.shape())));
}

}  // namespace tapegrad
