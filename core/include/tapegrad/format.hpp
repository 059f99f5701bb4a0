// fmt formatters: fmt::print("{}", x) for tensors and their owners (parameters, buffers), shapes, dtypes and tapes.
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <string>

#include "tapegrad/base/text_formatter.hpp"
#include "tapegrad/tape/tape.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {
/// The types that print as their to_string().
template <class T>
concept Printable = std::same_as<T, Tensor> || std::same_as<T, Shape> || std::same_as<T, DType> ||
    std::same_as<T, Tape> || requires(const T& owner) {
  { owner.tensor() } -> std::same_as<const Tensor&>;
};
}  // namespace tapegrad

template <tapegrad::Printable T>
struct fmt::formatter<T> : tapegrad::TextFormatter {
  fmt::appender format(const T& value, fmt::format_context& context) const {
    return write(std::string(tapegrad::to_string(value)), context);
  }
};
