// What sort and topk share: {values, indices} of which the values are a gather along one axis.
#pragma once

#include "base/dispatch.hpp"
#include "kernels/sort.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

template <class Self>
struct ChosenOp : Op<Self> {
  static constexpr Keep keep = Keep::output_at(1);  // the indices
  int axis;

  explicit ChosenOp(int d) : axis(d) {}

  Tensor vjp(const Saved& s, Cotangents dys) const {
    if (!dys[0].defined()) return {};
    return scatter_add(zeros(s.input_shape(0), {.dtype = dys[0].dtype()}), axis, s.output(1), dys[0]);
  }
  std::array<Tensor, 2> jvp(const Saved& s, const Tensor& dx) const {
    return {gather(dx, axis, s.output(1)), Tensor()};
  }

 protected:
  std::array<Tensor, 2> choose(const Tensor& x, const kernels::Ranking& ranking) const {
    if (x.dtype() == boolean)
      throw DTypeError(std::string("[").append(Self::name).append("] bool ").append(to_string(x.shape())) +
                       " has no order: convert it with to()");
    const int last = x.dim() - 1;
    const array::Array rows = contiguous_array(transpose(x, axis, last));
    const std::int64_t n = rows.shape.back();
    Shape shape = rows.shape;
    shape[last] = ranking.k;
    const Tensor values = empty(shape, {.dtype = x.dtype()});
    const Tensor indices = empty(shape, {.dtype = int64});
    const std::int64_t count = n == 0 ? 0 : rows.shape.numel() / n;
    with_number(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::rank_rows(rows.as<T>(), count, n, ranking, array_of(values).as<T>(),
                         array_of(indices).as<std::int64_t>());
    });
    return {transpose(values, axis, last), transpose(indices, axis, last)};
  }
};

}  // namespace tapegrad
