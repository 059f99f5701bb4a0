// Models against PyTorch: results, gradients of inputs and parameters, buffers after, names of the state_dict.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::test {

using Tensors = std::map<std::string, Tensor>;

struct PyTorchCase {
  std::string name;
  double tolerance = 1e-12;
  /// Output -> its mask [N, L] of positions that are compared.
  std::map<std::string, std::string> compared = {};
};

inline void load(nn::Module& model, const Fixture& fixture) {
  NamedTensors state;
  for (const char* kind : {"param.", "buffer."})
    for (const std::string& name : fixture.names(kind)) state.insert(name, fixture[kind + name]);
  const nn::StateDifference different = model.load_state_dict(state, {.strict = false});
  BOOST_TEST(different.unexpected.empty());
  BOOST_TEST(different.mismatched.empty());
  for (const std::string& name : different.missing) BOOST_TEST(name.ends_with("num_batches_tracked"));
}

/// In the order of a fixture's names.
inline std::vector<std::string> trained_names(const NamedTensors& parameters) {
  std::set<std::string> names;
  for (const auto& [name, parameter] : parameters)
    if (parameter.requires_grad()) names.insert(name);
  return {names.begin(), names.end()};
}

inline Tensor zero_where_hidden(const Tensor& y, const Tensor& keep) { return where(unsqueeze(keep, -1), y, 0.0); }

/// Loads the fixture's parameters into the model, calls it with the fixture's inputs, pulls the cotangents back and
/// compares everything the fixture has.
inline void check_against_pytorch(const PyTorchCase& which, nn::Module& model,
                                  const std::function<Tensors(const Tensors&)>& call) {
  BOOST_TEST_CONTEXT(which.name) {
    const Fixture fixture(which.name);
    load(model, fixture);
    const NamedTensors parameters = model.named_parameters();
    BOOST_TEST(trained_names(parameters) == fixture.names("grad.param."), boost::test_tools::per_element());
    model.zero_grad();
    Tensors inputs;
    for (const std::string& name : fixture.names("input.")) {
      inputs[name] = fixture["input." + name];
      if (is_floating(inputs[name].dtype())) inputs[name].set_requires_grad(true);
    }

    Tape tape;
    const Tensors outputs = call(inputs);
    Tensor pulled;
    for (const std::string& name : fixture.names("cotangent.")) {
      const Tensor part = sum(outputs.at(name) * fixture["cotangent." + name]);
      pulled = pulled.defined() ? pulled + part : part;
    }
    for (const auto& [name, y] : outputs) {
      const NoRecord pause;
      const auto mask = which.compared.find(name);
      Tensor actual = y.detach();
      Tensor expected = fixture["output." + name];
      if (mask != which.compared.end()) {
        actual = zero_where_hidden(actual, fixture[mask->second]);
        expected = zero_where_hidden(expected, fixture[mask->second]);
      }
      BOOST_TEST_CONTEXT("output " << name) check_close(actual, expected, which.tolerance);
    }
    tape.backward(pulled);

    for (const std::string& name : fixture.names("grad.input.")) {
      BOOST_TEST_CONTEXT("gradient of input " << name)
      check_close(inputs.at(name).grad(), fixture["grad.input." + name], which.tolerance);
    }
    for (const std::string& name : fixture.names("grad.param.")) {
      BOOST_TEST_CONTEXT("gradient of " << name)
      check_close(parameters.at(name).grad(), fixture["grad.param." + name], which.tolerance);
    }
    for (const std::string& name : fixture.names("buffer_after.")) {
      BOOST_TEST_CONTEXT("buffer " << name)
      check_close(model.named_buffers().at(name), fixture["buffer_after." + name], which.tolerance);
    }
  }
}

/// A layer of one input.
template <class Model>
void check_unary(const PyTorchCase& which, Model model) {
  check_against_pytorch(which, model, [&](const Tensors& in) { return Tensors{{"y", model(in.at("input"))}}; });
}

/// A layer that takes a mask of positions, [N, L].
template <class Model>
void check_masked(const PyTorchCase& which, Model model) {
  check_against_pytorch(which, model, [&](const Tensors& in) {
    return Tensors{{"y", model(in.at("input"), Mask::keep_positions(in.at("keep")))}};
  });
}

}  // namespace tapegrad::test
