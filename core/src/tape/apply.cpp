// apply: runs an op, records it, pushes tangents. The one place that does.
#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "tape/anomaly.hpp"
#include "tape/double_vjp.hpp"
#include "tape/expect.hpp"
#include "tape/few.hpp"
#include "tape/forward_mode.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tape/tape_mark.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/undefined_input.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

void Keeper::save(Tensor residual) {
  if (count_ == kMost)
    throw TapeError("[keeper] a forward function saves at most " + std::to_string(kMost) + " residuals");
  std::construct_at(residuals_.data() + count_++, std::move(residual));
}

}  // namespace tapegrad

namespace tapegrad::engine {

void put(std::vector<Tensor>&& results, std::span<Tensor> out, std::string_view op) {
  if (results.size() != out.size() || out.empty())
    throw TapeError("[" + std::string(op) + "] outputs() says " + std::to_string(out.size()) + ", a rule gave " +
                    std::to_string(results.size()));
  std::move(results.begin(), results.end(), out.begin());
}

namespace {

[[noreturn, gnu::cold, gnu::noinline]] void throw_no_memory(const OpCall& call) {
  std::string shapes;
  for (int i = 0; i < call.inputs.size(); ++i)
    if (const Tensor& x = call.inputs[i]; x.defined()) shapes += (shapes.empty() ? "" : ", ") + to_string(x.shape());
  throw Error("[" + std::string(call.table.name) + "] the system has no memory for what it works in, given " + shapes);
}

[[noreturn, gnu::cold, gnu::noinline]] void throw_undefined_input(const OpCall& call, const UndefinedTensor& e) {
  const std::string_view op = call.table.name;
  bool absent = false;
  for (int i = 0; i < call.inputs.size(); ++i) {
    const Tensor& x = call.inputs[i];
    if (&x == e.found && call.inputs.size() > 1)
      throw ValueError(engine::undefined_input(op, name_of(call.table, SavedSlot::Kind::input, i)));
    absent = absent || !x.defined();
  }
  if (absent) throw ValueError(engine::undefined_input(op));
  throw ValueError("[" + std::string(op) + "] its forward function met an undefined tensor: " + e.what());
}

[[gnu::noinline]] void make_own(Tensor& output, std::string_view op) {
  if (!output.defined()) throw TapeError("[" + std::string(op) + "] its forward function gave an undefined tensor");
  output = wrap(array_of(output));
}

/// Runs the forward function, unrecorded. A result must be a tensor of its own: forward may have returned an input, a
/// captured tensor or a leaf.
inline void compute(const OpCall& call, Keeper& keeper) {
  try {
    const Pause pause;
    call.table.forward(call.op, keeper, call.inputs, call.outputs);
  } catch (const UndefinedTensor& e) {
    throw_undefined_input(call, e);
  } catch (const std::bad_alloc&) {
    throw_no_memory(call);
  }
  for (Tensor& output : call.outputs) {
    const TensorImpl* impl = output.impl();
    const bool own =
        impl != nullptr && impl->unique() && !impl->leaf && impl->place.serial == 0 && impl->tangents == nullptr;
    if (!own) make_own(output, call.table.name);
  }
}

[[noreturn, gnu::noinline]] void throw_consumed(std::string_view op) {
  throw TapeError("[" + std::string(op) +
                  "] its forward function swept, cleared or destroyed the tape that records it");
}

/// Runs an op while a tape records.
[[gnu::always_inline]] inline void compute_on(TapeImpl& tape, const OpCall& call) {
  const std::string_view name = call.table.name;
  tape.expect_owned(name);
  const TapeMark before(tape);
  try {
    const auto count = static_cast<std::size_t>(call.inputs.size());
    auto* const edges = tape.arena.allocate<Edge>(count);  // where their node will find them
    bool tracked = false;
    std::uint64_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Edge& edge = *new (edges + i) Edge(tape.edge_of(call.inputs[static_cast<int>(i)], name));
      if (!edge.tracked()) continue;
      tracked = true;
      if (i < 64) wanted |= std::uint64_t{1} << i;
    }
    Keeper keeper(tracked);
    compute(call, keeper);
    if (before.is_gone()) throw_consumed(name);
    if (tape.options.anomaly) expect_finite_outputs(tape, call);
    if (tracked) {
      tape.record(call, edges, wanted, keeper.residuals());
    } else {
      before.rewind();  // the edges
    }
  } catch (...) {
    before.restore();
    throw;
  }
}

[[gnu::noinline]] void compute_unrecorded(const OpCall& call) {
  Keeper keeper(false);
  compute(call, keeper);
}

[[gnu::always_inline]] inline void run(const OpCall& call) {  // the hot path has it without a call
  if (recorder.records() && call.table.differentiable) {
    compute_on(*recorder.tape, call);
  } else {
    compute_unrecorded(call);
  }
}

[[gnu::noinline]] void run_plainly(const OpCall& call) { run(call); }

void push_tangents(const OpTable& table, const void* op, const Saved& saved, Inputs primals, Tangents dxs,
                   std::span<const Tensor> outputs, std::span<Tensor> dys) {
  if (table.linear) {
    Few<Tensor> full(dxs.size());
    Few<const Tensor*> inputs(dxs.size());
    for (std::size_t i = 0; i < dxs.size(); ++i) {
      const Tensor& primal = primals[static_cast<int>(i)];
      // Indices and the like are no part of the linear map: they stay.
      inputs.push(&full.push(dxs[i].defined() ? dxs[i] : carries_gradient(primal) ? zeros_like(primal) : primal));
    }
    engine::apply(table, op, Inputs(inputs.span().data(), dxs.size()), dys);
  } else if (table.jvp != nullptr) {
    table.jvp(op, saved, dxs, dys);
  } else {
    jvp_by_double_vjp(table, op, saved, dxs, outputs, dys);
  }
}

[[noreturn, gnu::noinline]] void throw_wrong_tangent(std::string_view op, const Tensor& dy, const Tensor& y) {
  throw TapeError("[" + std::string(op) + "] its forward rule gave a tangent " + std::string(to_string(dy.dtype())) +
                  " " + to_string(dy.shape()) + " for an output " + std::string(to_string(y.dtype())) + " " +
                  to_string(y.shape()));
}

void run_with_tangents(const OpCall& call) {
  const auto& [table, op, inputs, originals, outputs] = call;
  const auto count = static_cast<std::size_t>(inputs.size());
  std::uint64_t level = 0;
  for (std::size_t i = 0; i < count; ++i) level = std::max(level, innermost_level(inputs[static_cast<int>(i)]));
  if (level == 0) {
    run_plainly(call);
    return;
  }
  Few<Tensor> primals(count);
  Few<Tensor> dxs(count);
  Few<const Tensor*> pointers(count);
  std::uint64_t moving = 0;  // the inputs that have a tangent
  for (std::size_t i = 0; i < count; ++i) {
    pointers.push(&primals.push(without_tangent(inputs[static_cast<int>(i)], level)));
    const Tensor& dx = dxs.push(tangent_of(inputs[static_cast<int>(i)], level));
    if (i < 64 && dx.defined()) moving |= std::uint64_t{1} << i;
  }
  const Inputs stripped(pointers.span().data(), count);
  run_with_tangents({table, op, stripped, originals, outputs});
  if (!table.differentiable) return;
  std::vector<Tensor> dys(outputs.size());
  const StrongZero strong(recorder.strong_zero || has_strong_zeros(level));
  const Saved::Run ran{table.name, stripped, outputs};
  push_tangents(table, op, Saved(ran, Wants(moving)), stripped, dxs.span(), outputs, dys);
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    if (!dys[j].defined() || !carries_gradient(outputs[j])) continue;
    if (dys[j].dtype() != outputs[j].dtype() || !broadcasts_to(dys[j].shape(), outputs[j].shape()))
      throw_wrong_tangent(table.name, dys[j], outputs[j]);
    if (dys[j].shape() != outputs[j].shape()) dys[j] = dys[j].expand(outputs[j].shape());
    // In place, so that the node's saved output carries the tangent too (forward over reverse).
    TensorImpl& impl = *outputs[j].impl();
    if (impl.tangents == nullptr) impl.tangents = std::make_unique<std::vector<Tangent>>();
    impl.tangents->push_back({level, std::move(dys[j])});
  }
}

[[gnu::noinline]] void run_on_levels(const OpCall& call) {
  if (!recorder.records()) {
    run_with_tangents(call);
    return;
  }
  TapeImpl& tape = *recorder.tape;
  const TapeMark before(tape);
  try {
    run_with_tangents(call);
  } catch (...) {
    before.restore();  // the op's own nodes and those of its tangents: all of them, or none
    throw;
  }
}

}  // namespace

void apply(const OpTable& table, const void* op, Inputs inputs, std::span<Tensor> outputs) {
  const OpCall call{table, op, inputs, inputs, outputs};
  if (recorder.level_count == 0) [[likely]] {
    run(call);
  } else {
    run_on_levels(call);
  }
}

}  // namespace tapegrad::engine
