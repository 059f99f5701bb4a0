#include "tapegrad/ops/update.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/update.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {
namespace {

void expect_like(const Tensor& parameter, const Tensor& other, const char* what, const char* writer) {
  if (array_of(other, writer).shape != parameter.shape())
    throw ShapeError(fmt::format("[{}] a parameter {} with a {} of shape {}", writer, to_string(parameter.shape()),
                                 what, to_string(other.shape())));
  if (other.dtype() != parameter.dtype())
    throw DTypeError(fmt::format("[{}] a {} parameter {} with a {} of dtype {}", writer, to_string(parameter.dtype()),
                                 to_string(parameter.shape()), what, to_string(other.dtype())));
}

/// Throws unless x may be written: asked of everything that a call writes before it writes anything.
void expect_writable(const Tensor& x, const char* what, const char* writer) {
  engine::expect_writable(x, writer);
  if (!array_of(x, writer).contiguous)
    throw ShapeError(fmt::format("[{}] a {} of shape {} has strides {}: what is written must be contiguous", writer,
                                 what, to_string(x.shape()), to_string(x.strides())));
}

/// Of every term: a parameter that may be written, and a gradient like it.
void expect_step(const Tensor& parameter, const Tensor& gradient, const char* writer) {
  expect_floating(writer, parameter, "parameter");
  expect_like(parameter, gradient, "gradient", writer);
  expect_writable(parameter, "parameter", writer);
}

/// What an update remembers about a parameter: like it, and writable too.
void expect_state(const Tensor& parameter, const Tensor& state, const char* what, const char* writer) {
  expect_like(parameter, state, what, writer);
  expect_writable(state, what, writer);
}

/// The elements of x to write, whose version moves.
template <class T>
T* overwritten(const Tensor& x, const char* writer) {
  Tensor written = x;
  return written.mutable_data<T>(writer).data();
}

/// The same, or null for what an update does without.
template <class T>
T* overwritten_if_any(const Tensor& x, const char* writer) {
  return x.defined() ? overwritten<T>(x, writer) : nullptr;
}

/// The elements of x to read: its own, or those of a contiguous copy that `copies` keeps.
template <class T>
const T* read(const Tensor& x, std::vector<array::Array>& copies) {
  if (array_of(x).contiguous) return array_of(x).as<T>();
  copies.push_back(contiguous_array(x));
  return copies.back().as<T>();
}

/// Collects what `view`, called with T{}, makes of each term of dtype T and hands it to the kernel: for float and
/// double.
template <class Term, class View, class Kernel>
void run(std::span<const Term> terms, const View& view, const Kernel& kernel) {
  std::vector<array::Array> copies;
  const auto run_as = [&]<class T>(T type) {
    using Part = decltype(view(type, terms[0], copies));
    static thread_local std::vector<Part> parts;
    parts.clear();
    for (const Term& term : terms)
      if (term.parameter.dtype() == dtype_of<T>()) parts.push_back(view(type, term, copies));
    if (!parts.empty()) kernel(std::span<const Part>(parts));
  };
  run_as(float{});
  run_as(double{});
}

}  // namespace

void adam_update(std::span<const AdamTerm> terms, const AdamRule& rule, const char* writer) {
  if (rule.step < 1) throw ValueError(fmt::format("[{}] updates are counted from 1, got step {}", writer, rule.step));
  for (const AdamTerm& t : terms) {
    expect_step(t.parameter, t.gradient, writer);
    expect_state(t.parameter, t.m, "running mean", writer);
    expect_state(t.parameter, t.v, "running mean square", writer);
    if (t.v_max.defined()) expect_state(t.parameter, t.v_max, "largest mean square", writer);
  }
  run(
      terms,
      [&]<class T>(T, const AdamTerm& t, std::vector<array::Array>& copies) {
        return kernels::AdamTensor<T>{.parameter = overwritten<T>(t.parameter, writer),
                                      .gradient = read<T>(t.gradient, copies),
                                      .m = overwritten<T>(t.m, writer),
                                      .v = overwritten<T>(t.v, writer),
                                      .v_max = overwritten_if_any<T>(t.v_max, writer),
                                      .n = t.parameter.numel()};
      },
      [&]<class T>(std::span<const kernels::AdamTensor<T>> parts) { kernels::adam_update(parts, rule); });
}

void sgd_update(std::span<const SGDTerm> terms, const SGDRule& rule, const char* writer) {
  for (const SGDTerm& t : terms) {
    expect_step(t.parameter, t.gradient, writer);
    if (t.velocity.defined()) expect_state(t.parameter, t.velocity, "velocity", writer);
  }
  run(
      terms,
      [&]<class T>(T, const SGDTerm& t, std::vector<array::Array>& copies) {
        return kernels::SgdTensor<T>{.parameter = overwritten<T>(t.parameter, writer),
                                     .gradient = read<T>(t.gradient, copies),
                                     .velocity = overwritten_if_any<T>(t.velocity, writer),
                                     .n = t.parameter.numel()};
      },
      [&]<class T>(std::span<const kernels::SgdTensor<T>> parts) { kernels::sgd_update(parts, rule); });
}

void rms_update(std::span<const RMSTerm> terms, const RMSRule& rule, const char* writer) {
  for (const RMSTerm& t : terms) {
    expect_step(t.parameter, t.gradient, writer);
    expect_state(t.parameter, t.v, "running mean square", writer);
    if (t.mean.defined()) expect_state(t.parameter, t.mean, "running mean", writer);
    if (t.velocity.defined()) expect_state(t.parameter, t.velocity, "velocity", writer);
  }
  run(
      terms,
      [&]<class T>(T, const RMSTerm& t, std::vector<array::Array>& copies) {
        return kernels::RmsTensor<T>{.parameter = overwritten<T>(t.parameter, writer),
                                     .gradient = read<T>(t.gradient, copies),
                                     .v = overwritten<T>(t.v, writer),
                                     .mean = overwritten_if_any<T>(t.mean, writer),
                                     .velocity = overwritten_if_any<T>(t.velocity, writer),
                                     .n = t.parameter.numel()};
      },
      [&]<class T>(std::span<const kernels::RmsTensor<T>> parts) { kernels::rms_update(parts, rule); });
}

namespace {

/// Runs body(T{}, tensors of dtype T as the kernels see them) for T float and double.
template <class Pointer, class Body>
void for_each_dtype(std::span<const Tensor> tensors, const char* op, const Pointer& pointer, const Body& body) {
  for (const Tensor& x : tensors) expect_floating(op, x);
  const auto visit = [&]<class T>(T type) {
    using Element = std::remove_pointer_t<decltype(pointer(type, tensors[0]))>;
    std::vector<kernels::GradientTensor<Element>> parts;
    for (const Tensor& x : tensors)
      if (x.dtype() == dtype_of<T>()) parts.push_back({pointer(type, x), x.numel()});
    if (!parts.empty()) body(type, std::span<const kernels::GradientTensor<Element>>(parts));
  };
  visit(float{});
  visit(double{});
}

/// Where squares leave the range of double: each norm is taken with its elements scaled.
double norm_of_norms(std::span<const Tensor> tensors) {
  const NoRecord pause;
  std::vector<double> lengths;
  for (const Tensor& x : tensors) lengths.push_back(norm(x.to(float64)).item());
  return norm(from_vector(lengths)).item();
}

}  // namespace

double global_norm(std::span<const Tensor> tensors) {
  std::vector<array::Array> copies;
  double squares = 0.0;
  for_each_dtype(
      tensors, "global_norm", [&]<class T>(T, const Tensor& x) { return read<T>(x, copies); },
      [&]<class T>(T, auto parts) { squares += kernels::sum_of_squares<T>(parts); });
  const double length = std::sqrt(squares);
  const bool in_range = length >= 0x1p-450 && !std::isinf(length);
  return in_range || std::isnan(length) ? length : norm_of_norms(tensors);
}

void scale_in_place(std::span<const Tensor> tensors, double factor, const char* writer) {
  for (const Tensor& x : tensors) expect_writable(x, "tensor", writer);
  for_each_dtype(
      tensors, writer, [&]<class T>(T, const Tensor& x) { return overwritten<T>(x, writer); },
      [&]<class T>(T, auto parts) { kernels::scale_gradients<T>(parts, factor); });
}

double clamp_in_place(std::span<const Tensor> tensors, double limit, const char* writer) {
  if (!(limit >= 0.0)) throw ValueError(fmt::format("[{}] expected a limit of at least 0, got {}", writer, limit));
  for (const Tensor& x : tensors) expect_writable(x, "tensor", writer);
  double largest = 0.0;
  for_each_dtype(
      tensors, writer, [&]<class T>(T, const Tensor& x) { return overwritten<T>(x, writer); },
      [&]<class T>(T, auto parts) { largest = std::max(largest, kernels::clamp_gradients<T>(parts, limit)); });
  return largest;
}

}  // namespace tapegrad
