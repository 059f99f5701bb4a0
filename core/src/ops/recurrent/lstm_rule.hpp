// One step of an LSTM out of differentiable operations: the rules that the cell and the sequence share.
#pragma once

#include <array>
#include <vector>

#include "ops/recurrent/cell.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// A step from the state's c [N, H] to c_next; z [N, 4H] is the sum of what the products give.
class LstmRule {
 public:
  LstmRule(const Tensor& z, const Tensor& c, const Tensor& c_next) : c_(c), tanh_c_(tanh(c_next)) {
    const std::vector<Tensor> parts = gates_of(z, 4);
    input_ = sigmoid(parts[0]);
    forget_ = sigmoid(parts[1]);
    candidate_ = tanh(parts[2]);
    output_ = sigmoid(parts[3]);
  }

  /// The cotangent of c' with what comes through h', from those of h' and c', of which one may be undefined.
  Tensor cell_cotangent(const Tensor& dh, const Tensor& dc) const {
    return sum_of(dc, dh.defined() ? dh * output_ * tanh_slope(tanh_c_) : Tensor());
  }
  /// That of c, from cell_cotangent().
  Tensor old_cell(const Tensor& s) const { return s * forget_; }
  /// That of z, from cell_cotangent() and that of h'.
  Tensor gates(const Tensor& s, const Tensor& dh) const {
    const Tensor doutput = dh.defined() ? dh * tanh_c_ * sigmoid_slope(output_) : zeros_like(s);
    return cat({s * candidate_ * sigmoid_slope(input_), s * c_ * sigmoid_slope(forget_),
                s * input_ * tanh_slope(candidate_), doutput},
               -1);
  }
  /// The tangents of h' and c', from those of z and c, of which one may be undefined.
  std::array<Tensor, 2> tangents(const Tensor& dz, const Tensor& dc) const {
    Tensor dc_next = dc.defined() ? dc * forget_ : Tensor();
    Tensor dh;
    if (dz.defined()) {
      const std::vector<Tensor> parts = gates_of(dz, 4);
      dc_next = sum_of(dc_next, parts[0] * sigmoid_slope(input_) * candidate_ + parts[1] * sigmoid_slope(forget_) * c_ +
                                    parts[2] * tanh_slope(candidate_) * input_);
      dh = parts[3] * sigmoid_slope(output_) * tanh_c_;
    }
    return {sum_of(dh, output_ * tanh_slope(tanh_c_) * dc_next), dc_next};
  }

 private:
  Tensor c_, tanh_c_;
  Tensor input_, forget_, candidate_, output_;
};

}  // namespace tapegrad
