// A reverse sweep watched while it runs, and looked at once it is over.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <string>
#include <vector>
namespace tg = tapegrad;

namespace {

std::string text(const tg::Tensor& value) { return value.defined() ? tg::to_string(value) : "0"; }

}  // namespace

int main() {
  const auto x = tg::tensor({1.0, 2.0}, {.dtype = tg::float64, .requires_grad = true});

  tg::Tape tape({.study = true});  // values and cotangents are kept for whoever asks
  const tg::Tensor square = x * x;
  const tg::Tensor y = tg::sum(square + x);

  // Step by step: each node in the order of the sweep, the cotangent that came to it and what it hands on.
  fmt::print("the sweep\n");
  std::vector<std::string> order;
  tape.observe([&](const tg::SweepEvent& event) {
    order.emplace_back(event.node.op);
    fmt::print("  %{} {}: {}", event.node.position, event.node.op, text(event.cotangents[0]));
    for (std::size_t i = 0; i < event.input_gradients.size(); ++i)
      fmt::print("{} %{} {}", i == 0 ? " gives" : ",", event.node.inputs[i].node, text(event.input_gradients[i]));
    fmt::print("\n");
  });
  tape.backward(y, {.retain = true});

  // Afterwards: the same tape with values and cotangents side by side, and any one of them.
  fmt::print("\n{}\n\n", tape);
  const tg::NodeInfo node = tape.node(tape.position(square));
  fmt::print("x² = {}, its cotangent {}; x̄ = {}\n", text(node.values[0]), text(node.cotangents[0]), text(x.grad()));

  // And as a graph, for Graphviz: ./watching | sed -n '/^digraph/,/^}/p' | dot -Tsvg > tape.svg
  fmt::print("\n{}", tg::to_dot(tape));

  return order == std::vector<std::string>{"sum", "add", "mul"} && x.grad()[1].item() == 5.0 ? 0 : 1;
}
