// What softmax and its logarithm share: rows of which a mask may hide entries, and an output that is all the reverse
// sweep needs.
//
//   struct Softmax : SoftmaxOp<Softmax> {
//     static constexpr std::string_view name = "softmax";
//     template <class T>  // softmax_forward of kernels/softmax.hpp
//     static void forward_rows(const T* x, std::int64_t rows, std::int64_t n, const kernels::RowMask& mask, T* y);
//     template <class T>  // softmax_backward
//     static void backward_rows(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx);
//   };
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/dispatch.hpp"
#include "ops/rows.hpp"
#include "ops/softmax/along_axis.hpp"
#include "ops/softmax/row_mask.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// Over the last axis; along_axis brings others there.
template <class Self>
struct SoftmaxOp : Op<Self> {
  static constexpr Keep keep = Keep::output;

  Tensor forward(const Tensor& x, const Tensor& kept) const {
    const RowMaskSource mask(Self::name, kept, x.shape());
    const array::Array in = contiguous_array(x);
    Tensor y = empty(x.shape(), {.dtype = x.dtype()});
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      Self::forward_rows(in.as<T>(), row_count(in.shape), in.shape.back(), mask.mask(), array_of(y).as<T>());
    });
    return y;
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array g = contiguous_array(dy);
    const array::Array y = contiguous_array(s.output());
    const Tensor dx = empty(y.shape, {.dtype = y.dtype});
    with_floating(y.dtype, [&](auto zero) {
      using T = decltype(zero);
      Self::backward_rows(y.as<T>(), g.as<T>(), row_count(y.shape), y.shape.back(), array_of(dx).as<T>());
    });
    sink.add(0, dx);
  }
};

/// What f(x, axis, keep), called `name`, refuses.
inline catalogue::ErrorSamples softmax_errors(std::string_view name, Tensor (*f)(const Tensor&, Axis, const Tensor&)) {
  return {{"axis",
           [f] {
             (void)f(zeros({2, 3}), 2, {});
           },
           fmt::format("[{}] axis 2 is out of range for rank 2", name)},
          {"negative axis",
           [f] {
             (void)f(zeros({2, 3}), -3, {});
           },
           fmt::format("[{}] axis -3 is out of range for rank 2", name)},
          {"scalar", [f] { (void)f(zeros({}), -1, {}); }, fmt::format("[{}] axis -1 is out of range for rank 0", name)},
          {"integers", [f] { (void)f(arange(3), -1, {}); },
           fmt::format("[{}] expected a floating tensor, got int64 [3]", name)},
          {"mask's shape",
           [f] {
             (void)f(zeros({2, 3}), -1, zeros({2}, {.dtype = boolean}));
           },
           fmt::format("[{}] keep [2] does not broadcast to x [2, 3]", name)},
          {"mask's shape along another axis",
           [f] {
             (void)f(zeros({2, 3}), 0, zeros({2}, {.dtype = boolean}));
           },
           fmt::format("[{}] keep [2] does not broadcast to x [2, 3]", name)},
          {"mask's dtype",
           [f] {
             (void)f(zeros({2, 3}), -1, zeros({3}));
           },
           fmt::format("[{}] expected a bool keep, got float32 [3]", name)}};
}

}  // namespace tapegrad
