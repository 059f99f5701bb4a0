#include "tape/anomaly.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "array/range.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

array::Range range_of(const Tensor& x) { return carries_gradient(x) ? array::range_of(array_of(x)) : array::Range{}; }

/// "input 1 (gamma) [3] in [-1, 4]".
std::string told(std::string_view what, const Tensor& x) {
  if (!x.defined()) return fmt::format("{} undefined", what);
  return fmt::format("{} {} {}", what, to_string(x.shape()), array::to_string(array::range_of(array_of(x))));
}

bool has_infinite_attribute(const OpTable& table, const void* op) {
  struct Visitor final : AttributeVisitor {
    bool found = false;
    void text(std::string_view /*name*/, std::string_view value) override {
      found = found || value == "inf" || value == "-inf";
    }
  } visitor;
  if (table.describe != nullptr) table.describe(op, visitor);
  return visitor.found;
}

}  // namespace

void expect_finite_outputs(const TapeImpl& tape, const OpCall& call) {
  const auto& [table, op, inputs, originals, outputs] = call;
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const array::Range output = range_of(outputs[j]);
    if (output.finite()) continue;
    array::Range given;
    std::string ranges;
    for (int i = 0; i < inputs.size(); ++i) {
      const array::Range range = range_of(inputs[i]);
      given.nans += range.nans;
      given.infinities += range.infinities;
      ranges += "; " + told(name_of(table, SavedSlot::Kind::input, i), inputs[i]);
    }
    if (output.nans == 0 && (given.infinities > 0 || has_infinite_attribute(table, op))) continue;
    throw TapeError(fmt::format("[{}] {} a value that is not finite, as node {}: {}{}", table.name,
                                given.nans > 0 ? "was given" : "made", tape.nodes.size(),
                                told(fmt::format("output {}", j), outputs[j]), ranges));
  }
}

void expect_finite_seed(const char* name, const std::string& node, const Tensor& cotangent) {
  if (range_of(cotangent).finite()) return;
  throw TapeError(fmt::format("[{}] the sweep starts from a cotangent of {} that is not finite: {}", name, node,
                              array::to_string(range_of(cotangent))));
}

void expect_finite_cotangents(std::span<const Tensor> cotangents) {
  for (std::size_t j = 0; j < cotangents.size(); ++j)
    if (!range_of(cotangents[j]).finite())
      throw TapeError("its cotangent, the sum over all uses, is not finite, although what each use gave was: " +
                      told(fmt::format("cotangent {}", j), cotangents[j]));
}

void expect_finite_gradients(const OpTable& table, const NodeInfo& node, std::span<const Tensor> cotangents,
                             std::span<const Tensor> gradients) {
  const auto input_name = [&table](std::size_t i) {
    return name_of(table, SavedSlot::Kind::input, static_cast<int>(i));
  };
  const auto bad = std::find_if(gradients.begin(), gradients.end(),
                                [](const Tensor& gradient) { return !range_of(gradient).finite(); });
  if (bad == gradients.end()) return;
  std::string text =
      fmt::format("its reverse rule made a gradient that is not finite: {}",
                  told("gradient of " + input_name(static_cast<std::size_t>(bad - gradients.begin())), *bad));
  const auto tell = [&](const auto& name, std::span<const Tensor> tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) text += "; " + told(name(i), tensors[i]);
  };
  tell([](std::size_t i) { return fmt::format("cotangent {}", i); }, cotangents);
  tell(input_name, node.input_values);
  tell([](std::size_t i) { return fmt::format("output {}", i); }, node.values);
  throw TapeError(text);
}

}  // namespace tapegrad
