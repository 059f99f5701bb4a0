// What lstm and gru share: a cell over all positions of a sequence, in both directions and all rules.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/dispatch.hpp"
#include "kernels/gemm.hpp"
#include "kernels/recurrent.hpp"
#include "kernels/reduce.hpp"
#include "ops/recurrent/cell.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Throws unless from_input [L, N, gates H], weight [gates H, H], bias [gates H] or undefined and each state [N, H] are
/// floating and of one dtype, and the mask's positions, if any, [N, L].
void expect_sequence(std::string_view op, int gates, const Tensor& from_input, const Tensor& weight, const Tensor& bias,
                     const std::vector<std::pair<std::string_view, Tensor>>& states, const Mask& mask);
/// The mask's positions as an op reads them: bool [L, N], or undefined.
Tensor valid_steps(const Mask& mask);

/// One step out of tensors, each [N, ..].
template <std::size_t kStates>
struct SequenceStep {
  Tensor from_input, from_state;
  std::array<Tensor, kStates> before, after;
};

template <std::size_t kStates>
struct StepCotangents {
  Tensor from_input, from_state;
  std::array<Tensor, kStates> before;  // that of h without what goes through from_state
};

/// Inputs: from_input, weight, bias, the initial states, valid. Outputs: the states after each position. The first
/// state is h. Self says what a step does:
///
///   template <class T> static void forward_step(const kernels::RecurrentStep<T>&), and backward_step
///   static StepCotangents<kStates> cotangents(const SequenceStep<kStates>&, const States& of_after)
///   static States tangents(const SequenceStep<kStates>&, const Tensor& of_from_input, of_from_state, const States&
///   of_before), of which some may be undefined
///   kPartsAdd: whether the gates read the sum of their two parts alone, and h itself is read by the product alone
template <class Self, int kGates, std::size_t kStates>
struct SequenceOp : Op<Self> {
  static constexpr Keep keep = Keep::inputs | Keep::outputs;
  using States = std::array<Tensor, kStates>;
  bool reverse, with_bias, masked;

  SequenceOp(bool backwards, const Tensor& bias, const Tensor& valid)
      : reverse(backwards), with_bias(bias.defined()), masked(valid.defined()) {}

  States forward(Keeper& keeper, Inputs in) const {
    const Shape& gates = in[kFromInput].shape();
    States states;
    for (Tensor& state : states)
      state = empty({gates[0], gates[1], in[kWeight].size(1)}, {.dtype = in[kFromInput].dtype()});
    const Memory memory(
        *this, [&in](int i) -> const Tensor& { return in[i]; }, states);
    const array::Array weight = memory.weight_transposed();
    const bool keeps = keeper.recording();
    const std::int64_t steps_kept = keeps ? gates[0] : std::min<std::int64_t>(gates[0], 1);
    const Tensor from_state = empty({steps_kept, gates[1], gates[2]}, {.dtype = in[kFromInput].dtype()});
    with_floating(from_state.dtype(), [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t k = 0; k < memory.length; ++k) {
        const std::int64_t t = memory.position(k);
        T* const to = written<T>(from_state) + (keeps ? t * memory.rows * memory.width() : 0);
        kernels::RecurrentStep<T> step = memory.template step<T>(k);
        if (memory.goes_on(t))
          kernels::gemm<T>(memory.rows, memory.width(), memory.hidden, {step.h, memory.hidden, 1},
                           {weight.as<T>(), weight.strides[0], 1}, {to, memory.width(), 1},
                           {.bias = memory.bias.template as<T>()});
        step.from_state = to;
        step.to_kept = keeps ? to : nullptr;
        step.to_h = memory.template state<T>(0, t);
        if constexpr (kStates > 1) step.to_c = memory.template state<T>(1, t);
        Self::forward_step(step);
      }
    });
    if (keeps) keeper.save(from_state);
    return states;
  }

  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    std::vector<Tensor> d(kInputs);
    const Steps steps(*this, s);
    if (steps.length == 0) return d;
    std::vector<Tensor> from_input(static_cast<std::size_t>(steps.length)), from_state(from_input.size());
    States carried;
    for (std::int64_t k = steps.length - 1; k >= 0; --k) {
      const std::int64_t t = steps.position(k);
      const SequenceStep<kStates> step = steps.at(k);
      States of_after, passed;  // what the valid rows' steps get, and what the other rows pass on
      bool reached = false;
      for (std::size_t i = 0; i < kStates; ++i) {
        const Tensor whole = sum_of(dys[i].defined() ? select(dys[i], 0, t) : Tensor(), carried[i]);
        reached = reached || whole.defined();
        if (!whole.defined()) continue;
        of_after[i] = masked ? where(steps.valid(t), whole, 0.0) : whole;
        if (masked) passed[i] = where(steps.valid(t), 0.0, whole);
      }
      const auto at = static_cast<std::size_t>(t);
      if (!reached) {
        from_input[at] = from_state[at] = zeros_like(step.from_input);
        continue;
      }
      const StepCotangents<kStates> of = Self::cotangents(step, of_after);
      from_input[at] = of.from_input;
      from_state[at] = of.from_state;
      for (std::size_t i = 0; i < kStates; ++i) carried[i] = sum_of(of.before[i], passed[i]);
      carried[0] = sum_of(carried[0], matmul(of.from_state, s.input(kWeight)));
    }
    if (s.wants(kFromInput)) d[kFromInput] = stack(from_input, 0);
    if (s.wants(kWeight) || s.wants(kBias)) {
      const Tensor rows = flatten(stack(from_state, 0), 0, 1);
      if (s.wants(kWeight)) d[kWeight] = matmul(transpose(rows, 0, 1), flatten(steps.states_before(), 0, 1));
      if (s.wants(kBias)) d[kBias] = rows;
    }
    for (std::size_t i = 0; i < kStates; ++i) d[kInitial + i] = carried[i];
    return d;
  }

  void fused_vjp(const Saved& s, Cotangents dys, GradientSink& sink) const {
    States states;
    for (std::size_t i = 0; i < kStates; ++i) states[i] = s.output(static_cast<int>(i));
    const Memory memory(
        *this, [&s](int i) -> const Tensor& { return s.input(i); }, states);
    if (memory.length == 0) return;
    const ReverseMemory reverse_memory(memory, s, dys);
    const Tensor& dfrom_state = reverse_memory.dfrom_state;
    const TensorOptions options{.dtype = dfrom_state.dtype()};
    with_floating(options.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::int64_t k = memory.length - 1; k >= 0; --k) {
        const kernels::RecurrentStep<T> step = reverse_memory.template step<T>(k);
        Self::backward_step(step);
        if (memory.goes_on(memory.position(k)) && (k > 0 || s.wants(kInitial)))
          kernels::gemm<T>(memory.rows, memory.hidden, memory.width(), {step.dfrom_state, memory.width(), 1},
                           memory.template weight<T>(), {written<T>(reverse_memory.carried[0]), memory.hidden, 1},
                           {.accumulate = step.dh != nullptr});
      }
      if (s.wants(kWeight)) add_to_weight(memory, written<T>(dfrom_state), sink.buffer(kWeight));
      if (s.wants(kBias)) {
        const Tensor db = empty({memory.width()}, options);
        kernels::reduce_sum(written<T>(dfrom_state),
                            {.outer = 1, .n = memory.length * memory.rows, .inner = memory.width()}, written<T>(db));
        sink.add(kBias, db);
      }
    });
    if (s.wants(kFromInput)) sink.add(kFromInput, Self::kPartsAdd ? dfrom_state : reverse_memory.dfrom_input);
    for (std::size_t i = 0; i < kStates; ++i) {
      const int input = kInitial + static_cast<int>(i);
      if (s.wants(input)) sink.add(input, reverse_memory.carried[i]);
    }
  }

  States jvp(const Saved& s, Tangents dx) const {
    const Steps steps(*this, s);
    std::array<std::vector<Tensor>, kStates> of_states;
    States carried;
    for (std::size_t i = 0; i < kStates; ++i) {
      of_states[i].resize(static_cast<std::size_t>(steps.length));
      carried[i] = dx[kInitial + i];
    }
    for (std::int64_t k = 0; k < steps.length; ++k) {
      const std::int64_t t = steps.position(k);
      const SequenceStep<kStates> step = steps.at(k);
      Tensor of_from_state = dx[kBias];
      if (carried[0].defined()) of_from_state = sum_of(of_from_state, linear(carried[0], s.input(kWeight)));
      if (dx[kWeight].defined()) of_from_state = sum_of(of_from_state, linear(step.before[0], dx[kWeight]));
      States next = Self::tangents(step, dx[kFromInput].defined() ? select(dx[kFromInput], 0, t) : Tensor(),
                                   of_from_state, carried);
      for (std::size_t i = 0; i < kStates; ++i) {
        if (masked) next[i] = where(steps.valid(t), next[i], carried[i].defined() ? carried[i] : zeros_like(next[i]));
        of_states[i][static_cast<std::size_t>(t)] = next[i];
      }
      carried = next;
    }
    States dy;
    for (std::size_t i = 0; i < kStates; ++i)
      dy[i] = steps.length > 0 ? stack(of_states[i], 0) : zeros_like(s.output(static_cast<int>(i)));
    return dy;
  }

  void describe(AttributeVisitor& visitor) const { visitor("reverse", reverse); }

 protected:
  /// A sample's arguments but for the bias.
  static catalogue::Arguments without_bias(catalogue::Arguments x) {
    x[kBias] = Tensor();
    return x;
  }

 private:
  static constexpr int kFromInput = 0, kWeight = 1, kBias = 2, kInitial = 3;
  static constexpr int kValid = kInitial + static_cast<int>(kStates), kInputs = kValid + 1;

  /// The position that is taken k-th, counted from 0.
  std::int64_t position(std::int64_t k, std::int64_t length) const { return reverse ? length - 1 - k : k; }

  /// What the fused sweeps read, contiguous (but for the weight).
  struct Memory {
    const SequenceOp& op;
    std::int64_t length, rows, hidden;
    array::Array from_input, weights;
    OptionalElements bias, valid;
    std::array<array::Array, kStates> initial, states;

    template <class Input>
    Memory(const SequenceOp& sequence, const Input& input, const States& outputs)
        : op(sequence),
          length(input(kFromInput).size(0)),
          rows(input(kFromInput).size(1)),
          hidden(input(kWeight).size(1)),
          from_input(contiguous_array(input(kFromInput))),
          weights(array_of(input(kWeight))),
          bias(op.with_bias ? input(kBias) : Tensor()),
          valid(op.masked ? input(kValid) : Tensor()) {
      for (std::size_t i = 0; i < kStates; ++i) {
        initial[i] = contiguous_array(input(kInitial + static_cast<int>(i)));
        states[i] = contiguous_array(outputs[i]);
      }
    }

    std::int64_t width() const { return kGates * hidden; }
    std::int64_t position(std::int64_t k) const { return op.position(k, length); }
    /// Whether a row is valid at position t.
    bool goes_on(std::int64_t t) const {
      const bool* const from = valid.template as<bool>();
      return from == nullptr || std::find(from + t * rows, from + (t + 1) * rows, true) != from + (t + 1) * rows;
    }
    template <class T>
    kernels::MatrixRef<const T> weight() const {
      return {weights.as<T>(), weights.strides[0], weights.strides[1]};
    }
    /// The weight transposed, [H, G H]: so a step's product reads it in place, where it would have to turn it around
    /// each time. Rows lie a cache line more than their length apart: at a power of two they would share a few sets.
    array::Array weight_transposed() const {
      const std::int64_t stride = width() + 64 / static_cast<std::int64_t>(size_of(weights.dtype));
      const array::Array room({hidden, stride}, weights.dtype);
      array::Array transposed = room.view({hidden, width()}, {stride, 1});
      array::assign(transposed, weights.view(transposed.shape, {weights.strides[1], weights.strides[0]}));
      return transposed;
    }
    /// State i after position t.
    template <class T>
    T* state(std::size_t i, std::int64_t t) const {
      return states[i].template as<T>() + t * rows * hidden;
    }
    /// What the step reads that is taken k-th.
    template <class T>
    kernels::RecurrentStep<T> step(std::int64_t k) const {
      const std::int64_t t = position(k);
      const auto before = [&](std::size_t i) {
        return k == 0 ? initial[i].template as<T>() : state<T>(i, position(k - 1));
      };
      kernels::RecurrentStep<T> s;
      s.rows = rows;
      s.hidden = hidden;
      if (op.masked) s.valid = valid.template as<bool>() + t * rows;
      s.from_input = from_input.as<T>() + t * rows * width();
      s.h = before(0);
      if constexpr (kStates > 1) s.c = before(1);
      return s;
    }
  };

  /// What the fused reverse sweep reads and writes beside it.
  struct ReverseMemory {
    const Memory& of;
    array::Array kept;
    OptionalElements dh, dc;          // of the outputs
    Tensor dfrom_state, dfrom_input;  // the latter undefined unless it is wanted and another than the former
    States carried;                   // the cotangents of the states before the step that came last

    ReverseMemory(const Memory& memory, const Saved& s, Cotangents dys)
        : of(memory), kept(array_of(s.residual(0))), dh(dys[0]), dc(kStates > 1 ? dys[kStates - 1] : Tensor()) {
      const TensorOptions options{.dtype = s.output(0).dtype()};
      const Shape gates{of.length, of.rows, of.width()};
      dfrom_state = empty(gates, options);
      if (!Self::kPartsAdd && s.wants(kFromInput)) dfrom_input = empty(gates, options);
      for (Tensor& of_state : carried) of_state = empty({of.rows, of.hidden}, options);
    }

    /// The reverse of the step that forward takes k-th.
    template <class T>
    kernels::RecurrentStep<T> step(std::int64_t k) const {
      const std::int64_t t = of.position(k);
      const std::int64_t gates = t * of.rows * of.width(), states = t * of.rows * of.hidden;
      const auto at = [](auto* data, std::int64_t offset) { return data != nullptr ? data + offset : nullptr; };
      const auto later = [&](std::size_t i) { return k == of.length - 1 ? nullptr : written<T>(carried[i]); };
      kernels::RecurrentStep<T> step = of.template step<T>(k);
      step.kept = kept.as<T>() + gates;
      step.dh_next = at(dh.template as<T>(), states);
      step.dh_later = later(0);
      if constexpr (kStates > 1) {
        step.c_next = of.template state<T>(1, t);
        step.dc_next = at(dc.template as<T>(), states);
        step.dc_later = later(1);
        step.dc = written<T>(carried[1]);
      }
      step.dfrom_input = at(written<T>(dfrom_input), gates);
      step.dfrom_state = written<T>(dfrom_state) + gates;
      const bool passes = !Self::kPartsAdd || of.op.masked;  // something of dh goes past the product
      step.dh = passes ? written<T>(carried[0]) : nullptr;
      return step;
    }
  };

  /// The weight's gradient, from those of all steps' products.
  template <class T>
  void add_to_weight(const Memory& memory, const T* dfrom_state, const GradientBuffer& weight) const {
    const auto add_rows = [&](std::int64_t first, std::int64_t positions, const T* before, bool accumulate) {
      const std::int64_t rows = positions * memory.rows;
      kernels::gemm<T>(memory.width(), memory.hidden, rows,
                       {dfrom_state + first * memory.rows * memory.width(), 1, memory.width()},
                       {before, memory.hidden, 1}, {array_of(weight.tensor).template as<T>(), memory.hidden, 1},
                       {.accumulate = accumulate});
    };
    // All positions but the first: the states before them lie as they do, one position off.
    add_rows(reverse ? 0 : 1, memory.length - 1, memory.template state<T>(0, reverse ? 1 : 0), weight.holds_sum);
    add_rows(memory.position(0), 1, memory.template step<T>(0).h, true);
  }

  /// What the differentiable rules read.
  struct Steps {
    const SequenceOp& op;
    const Saved& s;
    std::int64_t length;
    Tensor valid_rows;  // bool [L, N, 1], or undefined
    Tensor from_input;  // zeros in rows that are not valid: 0 times what they hold may be NaN

    Steps(const SequenceOp& sequence, const Saved& saved)
        : op(sequence), s(saved), length(s.input(kFromInput).size(0)), from_input(s.input(kFromInput)) {
      if (!op.masked) return;
      valid_rows = unsqueeze(s.input(kValid), -1);
      from_input = where(valid_rows, from_input, 0.0);
    }

    std::int64_t position(std::int64_t k) const { return op.position(k, length); }
    Tensor valid(std::int64_t t) const { return select(valid_rows, 0, t); }
    SequenceStep<kStates> at(std::int64_t k) const {
      const std::int64_t t = position(k);
      SequenceStep<kStates> step;
      for (std::size_t i = 0; i < kStates; ++i) {
        const int index = static_cast<int>(i);
        step.before[i] = k == 0 ? s.input(kInitial + index) : select(s.output(index), 0, position(k - 1));
        step.after[i] = select(s.output(index), 0, t);
      }
      step.from_input = select(from_input, 0, t);
      step.from_state = linear(step.before[0], s.input(kWeight), op.with_bias ? s.input(kBias) : Tensor());
      return step;
    }
    /// h before each position, [L, N, H].
    Tensor states_before() const {
      const Tensor first = unsqueeze(s.input(kInitial), 0);
      return op.reverse ? cat({slice(s.output(), 0, {.start = 1}), first})
                        : cat({first, slice(s.output(), 0, {.stop = length - 1})});
    }
  };
};

}  // namespace tapegrad
