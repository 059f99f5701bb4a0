// What sort and topk share: {values, indices} of which the values are a gather along one axis.
#pragma once

#include <array>

#include "base/dispatch.hpp"
#include "kernels/sort.hpp"
#include "ops/index/gathered_op.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

template <class Self>
struct ChosenOp : GatheredOp<Self> {
  using GatheredOp<Self>::GatheredOp;

 protected:
  std::array<Tensor, 2> choose(const Tensor& x, const kernels::Ranking& ranking) const {
    expect_ordered(Self::name, x);
    const int last = x.dim() - 1;
    const array::Array rows = contiguous_array(transpose(x, this->axis, last));
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
    return {transpose(values, this->axis, last), transpose(indices, this->axis, last)};
  }
};

}  // namespace tapegrad
