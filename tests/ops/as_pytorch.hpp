// An op against the fixture that PyTorch made of it.
#pragma once

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::test {

/// Calls f with the fixture's inputs of these names and compares its outputs of these names (indices exactly), and the
/// gradients by the fused and by the differentiable rules.
inline void check_as_pytorch(const Fixture& fixture, const std::vector<std::string>& inputs,
                             const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f,
                             const std::vector<std::string>& outputs = {"y"}) {
  for (const bool create_graph : {false, true}) {
    std::vector<Tensor> arguments;
    std::vector<Tensor> leaves;
    std::vector<Tensor> expected;
    for (const std::string& name : inputs) {
      arguments.push_back(fixture["input." + name]);
      if (!fixture.has("grad.input." + name)) continue;
      leaves.push_back(arguments.back().set_requires_grad(true));
      expected.push_back(fixture["grad.input." + name]);
    }
    Tape tape;
    const std::vector<Tensor> results = f(arguments);
    BOOST_TEST_REQUIRE(results.size() == outputs.size());
    std::vector<Tensor> roots;
    std::vector<Tensor> cotangents;
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      const Tensor y = fixture["output." + outputs[j]];
      if (y.dtype() == int64) {
        BOOST_TEST(results[j].to_vector<std::int64_t>() == y.to_vector<std::int64_t>(),
                   boost::test_tools::per_element());
      } else {
        check_close(results[j], y);
      }
      if (!fixture.has("cotangent." + outputs[j])) continue;
      roots.push_back(results[j]);
      cotangents.push_back(fixture["cotangent." + outputs[j]]);
    }
    const std::vector<Tensor> gradients = tape.pull_back(roots, cotangents, leaves, {.create_graph = create_graph});
    for (std::size_t i = 0; i < gradients.size(); ++i) check_close(gradients[i], expected[i]);
  }
}

/// The same for one input "x" and one output.
inline void check_as_pytorch(const std::string& name, const std::function<Tensor(const Tensor&, const Fixture&)>& f) {
  const Fixture fixture(name);
  BOOST_TEST_CONTEXT(name) {
    check_as_pytorch(fixture, {"x"},
                     [&](const std::vector<Tensor>& x) { return std::vector<Tensor>{f(x[0], fixture)}; });
  }
}

/// An attribute that lists dimensions: "0,2".
inline std::vector<int> dimensions(const Fixture& fixture, const std::string& name = "dims") {
  std::vector<int> list;
  std::istringstream text(fixture.attributes().at(name));
  for (std::string item; std::getline(text, item, ',');) list.push_back(std::stoi(item));
  return list;
}
inline bool is_true(const Fixture& fixture, const std::string& name) { return fixture.attributes().at(name) == "true"; }

}  // namespace tapegrad::test
