// One step of a GRU out of differentiable operations: the rules that the cell and the sequence share.
#pragma once

#include <vector>

#include "ops/recurrent/cell.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// A step from the state h [N, H]; a and b [N, 3H] are what the input and the state give the gates.
class GruRule {
 public:
  GruRule(const Tensor& a, const Tensor& b, const Tensor& h) : h_(h) {
    const std::vector<Tensor> from_input = gates_of(a, 3);
    const std::vector<Tensor> from_state = gates_of(b, 3);
    reset_ = sigmoid(from_input[0] + from_state[0]);
    update_ = sigmoid(from_input[1] + from_state[1]);
    from_state_ = from_state[2];
    candidate_ = tanh(from_input[2] + reset_ * from_state_);
  }

  /// The cotangent of h, apart from what goes through b.
  Tensor old_state(const Tensor& dh) const { return dh * update_; }
  /// Those of the three gates before their activations.
  struct GateCotangents {
    Tensor reset, update, candidate;
  };
  GateCotangents gates(const Tensor& dh) const {
    const Tensor dn = dh * (1.0 - update_) * tanh_slope(candidate_);
    return {dn * from_state_ * sigmoid_slope(reset_), dh * (h_ - candidate_) * sigmoid_slope(update_), dn};
  }
  Tensor from_input(const GateCotangents& d) const { return cat({d.reset, d.update, d.candidate}, -1); }
  Tensor from_state(const GateCotangents& d) const { return cat({d.reset, d.update, d.candidate * reset_}, -1); }
  /// The tangent of h', from those of a, b and h, of which some may be undefined.
  Tensor tangent(const Tensor& da, const Tensor& db, const Tensor& dh) const {
    Tensor dy = dh.defined() ? dh * update_ : Tensor();
    if (!da.defined() && !db.defined()) return dy;
    const std::vector<Tensor> both = gates_of(sum_of(da, db), 3);
    const Tensor dr = both[0] * sigmoid_slope(reset_);
    const Tensor dz = both[1] * sigmoid_slope(update_);
    Tensor inner = dr * from_state_;
    if (da.defined()) inner = inner + gates_of(da, 3)[2];
    if (db.defined()) inner = inner + reset_ * gates_of(db, 3)[2];
    return sum_of(dy, dz * (h_ - candidate_) + (1.0 - update_) * tanh_slope(candidate_) * inner);
  }

 private:
  Tensor h_;
  Tensor reset_, update_, from_state_, candidate_;
};

}  // namespace tapegrad
