// What a reverse rule reads of its node, whether it is still what was saved, and where the rule may gather a gradient.
#include <fmt/format.h>

#include "base/counted.hpp"
#include "tape/saved_versions.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {
namespace {

const char* how_to_keep(SavedSlot::Kind kind) {
  switch (kind) {
    case SavedSlot::Kind::input: return "say static constexpr Keep keep = Keep::inputs";
    case SavedSlot::Kind::output: return "say static constexpr Keep keep = Keep::output, or Keep::outputs for all";
    case SavedSlot::Kind::residual: break;
  }
  return "save it in forward(keeper, ...) with keeper.save()";
}

[[noreturn, gnu::noinline]] void throw_not_saved(const Node& node, SavedSlot::Kind kind, int index) {
  const Keep keep = node.table->kept(node.state, Wants(~std::uint64_t{0}));
  if (node.saved_count == 0 && (keep.input_set | keep.output_set) != 0)
    throw TapeError(fmt::format(
        "[{}] what it keeps has been released: a sweep that consumes the tape has been here (say .retain = true there)",
        node.name()));
  throw TapeError(fmt::format("[{}] its reverse rule reads {}, which the op does not keep (or which was not given): {}",
                              node.name(), name_of(*node.table, kind, index), how_to_keep(kind)));
}

inline const Tensor& find_saved(const Node& node, SavedSlot::Kind kind, int index) {
  for (const SavedSlot& slot : std::span(node.saved, node.saved_count))
    if (slot.kind == kind && slot.index == index && slot.tensor.defined()) return slot.tensor;
  throw_not_saved(node, kind, index);
}

[[noreturn, gnu::noinline]] void throw_beyond(std::string_view op, const char* what, int index, std::size_t count) {
  throw TapeError(fmt::format("[{}] its rule reads {} {} of {}", op, what, index, count));
}
/// Throws TapeError for what a rule counts beyond what its op has.
inline void expect_below(std::string_view op, const char* what, int index, std::size_t count) {
  if (static_cast<std::size_t>(index) >= count) [[unlikely]]
    throw_beyond(op, what, index, count);
}

}  // namespace

void throw_written(const Node& node, const SavedSlot& slot) {
  // A leaf saves itself.
  const std::string what = node.is_leaf() ? "output 0" : name_of(*node.table, slot.kind, slot.index);
  throw TapeError(std::string(node.name()) + " saved its " + what + " " + to_string(slot.tensor.shape()) +
                  ", which was changed in place by " + slot.tensor.impl()->array.storage->last_writer() + " since");
}

void check_producer_versions(const Node& node, const SavedSlot& slot) {
  check_versions(*node.tape->nodes[node.edges[slot.index].node]);
}

std::uint32_t Keep::throw_beyond(int i) {
  throw TapeError(fmt::format("[keep] an op keeps some of its first 32 inputs or outputs, or all: there is no {}", i));
}

const Tensor& Saved::input(int i) const {
  if (node_ != nullptr) return find_saved(*node_, SavedSlot::Kind::input, i);
  expect_below(run_->op, "input", i, static_cast<std::size_t>(run_->inputs.size()));
  return run_->inputs[i];
}
const Tensor& Saved::output(int i) const {
  if (node_ != nullptr) return find_saved(*node_, SavedSlot::Kind::output, i);
  expect_below(run_->op, "output", i, run_->outputs.size());
  return run_->outputs[static_cast<std::size_t>(i)];
}
const Tensor& Saved::residual(int i) const {
  if (!fused_)
    throw TapeError(
        fmt::format("[{}] residuals are for the fused reverse rule alone: another would not be "
                    "differentiated through them (save in forward(keeper, ...), read in fused_vjp)",
                    node_ == nullptr ? run_->op : node_->name()));
  return find_saved(*node_, SavedSlot::Kind::residual, i);
}
void Saved::release_input(int i) const {
  if (node_ == nullptr) return;
  for (SavedSlot& slot : std::span(node_->saved, node_->saved_count))
    if (slot.kind == SavedSlot::Kind::input && slot.index == i && slot.comes_again) slot.tensor = Tensor();
}
bool Saved::carries_gradient_of(int i) const {
  if (i >= inputs()) return false;
  return node_ == nullptr ? carries_gradient(run_->inputs[i]) : node_->edges[i].tracked();
}
int Saved::inputs() const { return node_ == nullptr ? run_->inputs.size() : static_cast<int>(node_->edge_count); }

Tensor GradientSink::accumulate_into(int i) {
  GradientBuffer gathered = buffer(i);
  if (!gathered.holds_sum) array::fill(array_of(gathered.tensor), 0.0);
  return std::move(gathered.tensor);
}

namespace {

/// The producer's record of input i: known for tracked inputs.
const OutputMeta* producer(const Node& node, int i) {
  expect_below(node.name(), "input", i, node.edge_count);
  const Edge& edge = node.edges[i];
  return edge.tracked() ? node.tape->nodes[edge.node]->outputs + edge.output : nullptr;
}

}  // namespace

const Shape& Saved::input_shape(int i) const {
  if (node_ == nullptr) return input(i).shape();
  const OutputMeta* meta = producer(*node_, i);
  return meta != nullptr ? meta->shape : input(i).shape();
}
DType Saved::input_dtype(int i) const {
  if (node_ == nullptr) return input(i).dtype();
  const OutputMeta* meta = producer(*node_, i);
  return meta != nullptr ? meta->dtype : input(i).dtype();
}
const Shape& Saved::output_shape(int i) const {
  if (node_ == nullptr) return output(i).shape();
  expect_below(node_->name(), "output", i, node_->output_count);
  return node_->outputs[i].shape;
}

}  // namespace tapegrad

namespace tapegrad::engine {

void expect_gradient_of_each(std::string_view op, const Saved& saved, std::size_t given) {
  const auto count = static_cast<std::size_t>(saved.inputs());
  const auto fail = [&](std::string_view what) {
    throw TapeError(fmt::format("[{}] its reverse rule gave {} for {}{}", op, counted(given, "gradient"),
                                counted(count, "input"), what));
  };
  if (given > count) fail("");
  for (std::size_t i = given; i < count; ++i) {
    if (saved.wants(static_cast<int>(i)))
      fail(fmt::format(": input {} wants one too (an undefined tensor says that it is zero)", i));
  }
}

}  // namespace tapegrad::engine
