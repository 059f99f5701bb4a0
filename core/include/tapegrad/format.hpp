// fmt formatters: fmt::print("{}", x) for tensors and their owners (parameters, buffers), shapes, dtypes and tapes.
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <string>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/shape.hpp"
#include "tapegrad/tape/tape.hpp"
#include "tapegrad/tape/tensor.hpp"
#include "tapegrad/text/text_formatter.hpp"

namespace tapegrad {
/// The types that print as their to_string().
template <class T>
concept Printable = std::same_as<T, Tensor> || std::same_as<T, DType> || std::same_as<T, Tape> ||
    requires(const T& owner) {
  { owner.tensor() } -> std::same_as<const Tensor&>;
};

/// Takes a width, as strings do, but no precision: that would cut the text.
template <class T>
struct WholeTextFormatter : TextFormatter {
  constexpr auto parse(fmt::format_parse_context& context) {
    int depth = 0;  // of braces: a width may be an argument, {:{}}
    for (auto c = context.begin(); c != context.end() && (*c != '}' || depth > 0); ++c) {
      const auto next = c + 1;
      const bool fills = next != context.end() && (*next == '<' || *next == '>' || *next == '^');
      depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
      if (*c == '.' && !fills)
        throw ValueError(
            "[format] tensors, shapes, dtypes and tapes take no precision: to_string(x, {.precision = 8}) does");
    }
    return TextFormatter::parse(context);
  }
  fmt::appender format(const T& value, fmt::format_context& context) const {
    return write(std::string(to_string(value)), context);
  }
};
}  // namespace tapegrad

template <tapegrad::Printable T>
struct fmt::formatter<T> : tapegrad::WholeTextFormatter<T> {};

/// A range besides, which fmt/ranges.h would print: the whole specialisation goes before its partial one.
template <>
struct fmt::formatter<tapegrad::Shape> : tapegrad::WholeTextFormatter<tapegrad::Shape> {};
