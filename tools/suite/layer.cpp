// Layers in the suite: their derivatives as functions of inputs and parameters, and what a layer promises as a value.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "suite/entry.hpp"
#include "suite/measured.hpp"
#include "suite/tensors.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/check_module.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::suite {
namespace {

using catalogue::Arguments;
using nn::Module;
using nn::catalogue::LayerEntry;
using nn::catalogue::LayerSample;
using Layer = std::unique_ptr<Module>;

/// What a layer draws is the same in each of its calls.
constexpr RandomStream kLayerNumbers{.key = 29, .offset = 0};

/// Parameters of fresh layers stand at special values (ones, zeros), where some mistakes do not show.
void randomize(Module& layer, Generator& g) {
  for (Tensor parameter : layer.parameters())
    for (double& v : parameter.mutable_data<double>("randomize")) v = 0.5 * g.normal();
}

Layer random_layer(const LayerSample& sample, Generator& g) {
  Layer layer = sample.copy(*sample.layer);
  randomize(*layer, g);
  return layer;
}

std::vector<Tensor> outputs(const LayerSample& sample, Module& layer) {
  const RandomNumbers numbers(kLayerNumbers);
  return sample.call(layer, sample.inputs);
}

/// Parameters and buffers, as they are now.
std::vector<Tensor> snapshot(const Module& layer) {
  std::vector<Tensor> values;
  for (const auto& [name, tensor] : layer.state_dict()) values.push_back(tensor.clone());
  return values;
}

/// A layer in float64 and in float32, as functions of inputs and parameters.
struct BothPrecisions {
  Layer wide, narrow;
  nn::module_check::ModuleFunction in_float64, in_float32;

  BothPrecisions(const LayerSample& sample, const Module& layer, bool training)
      : wide(sample.copy(layer)), narrow(sample.copy(layer)) {
    narrow->to(float32);
    const auto function = [&](Module& module) {
      module.train(training);
      return nn::module_check::function_of_parameters(
          module, [&module, call = sample.call](const std::vector<Tensor>& xs) { return call(module, xs); },
          sample.inputs);
    };
    in_float64 = function(*wide);
    in_float32 = function(*narrow);
  }
};

/// The layer as an op's sample: its parameters among the inputs.
catalogue::Sample as_function(const LayerSample& sample, const Module& layer, bool training) {
  const auto both = std::make_shared<BothPrecisions>(sample, layer, training);
  return catalogue::Sample(
      training ? sample.name : sample.name + ", in evaluation", both->in_float64.point,
      [both](const Arguments& xs) {
        const RandomNumbers numbers(kLayerNumbers);
        const bool narrow =
            std::any_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.defined() && x.dtype() == float32; });
        return (narrow ? both->in_float32 : both->in_float64).function(xs);
      },
      sample.options);
}

catalogue::Samples samples_of(const LayerEntry& layer, Generator& g) {
  catalogue::Samples all;
  for (const LayerSample& sample : layer.samples(g)) {
    const Layer module = random_layer(sample, g);
    all.push_back(as_function(sample, *module, true));
    const std::vector<Tensor> trained = outputs(sample, *module);  // and running statistics are no longer fresh
    module->eval();
    if (!same_bits(trained, outputs(sample, *module))) all.push_back(as_function(sample, *module, false));
  }
  return all;
}

/// In evaluation nothing is random and nothing changes.
CheckResult check_evaluation(const LayerSample& sample, Module& layer) {
  return measured("evaluation", sample.name, [&](CheckResult& result) {
    layer.eval();
    const std::vector<Tensor> before = snapshot(layer);
    if (!same_bits(sample.call(layer, sample.inputs), sample.call(layer, sample.inputs)))
      fail(result, "two calls in evaluation differ");
    if (!same_bits(before, snapshot(layer))) fail(result, "a call in evaluation changed the layer");
    layer.train();
  });
}

/// A copy computes the same bits, and neither knows of the other.
CheckResult check_copy(const LayerSample& sample, Module& layer, Generator& g) {
  return measured("copy", sample.name, [&](CheckResult& result) {
    const Layer copy = sample.copy(layer);
    const std::vector<Tensor> before = snapshot(layer);
    const std::vector<Tensor> of_copy = outputs(sample, *copy);
    const std::vector<Tensor> trained = snapshot(*copy);
    randomize(*copy, g);
    if (!same_bits(before, snapshot(layer))) return fail(result, "training the copy changed the original");
    if (!same_bits(of_copy, outputs(sample, layer))) return fail(result, "a copy gives other bits");
    if (!same_bits(trained, snapshot(layer))) return fail(result, "a copy keeps other statistics");
  });
}

/// What a state_dict was loaded into computes the same bits.
CheckResult check_state(const LayerSample& sample, Module& layer, Generator& g) {
  return measured("state", sample.name, [&](CheckResult& result) {
    const Layer other = random_layer(sample, g);
    other->load_state_dict(layer.state_dict());
    for (const bool training : {false, true}) {
      layer.train(training);
      other->train(training);
      if (!same_bits(outputs(sample, layer), outputs(sample, *other)))
        fail(result,
             fmt::format("loaded from a state_dict it gives other bits in {}", training ? "training" : "evaluation"));
    }
  });
}

/// Every parameter that the layer computes with is named, and every named one is computed with.
CheckResult check_names(const LayerSample& sample, Module& layer, Generator& g) {
  return measured("names", sample.name, [&](CheckResult& result) {
    const NamedTensors parameters = layer.named_parameters();
    layer.zero_grad();
    Arguments inputs = sample.inputs;
    for (Tensor& x : inputs)
      if (carries_gradient(x)) x = x.clone().set_requires_grad(true);
    Tape tape;
    Tensor loss;
    for (const Tensor& y : sample.call(layer, inputs)) {
      const Tensor part = sum(y * normal_like(y, g));
      loss = loss.defined() ? loss + part : part;
    }
    tape.backward(loss);
    for (const auto& [name, parameter] : parameters)
      if (!parameter.has_grad()) fail(result, fmt::format("{} takes no part", name));
    layer.zero_grad();
  });
}

CheckResult check_documents(const LayerEntry& entry) {
  return measured("documents", "", [&](CheckResult& result) {
    if (entry.math.empty()) fail(result, "no formula");
  });
}

std::vector<CheckResult> check_all_but_derivatives(const LayerEntry& entry, Origin origin,
                                                   const CheckOptions& options) {
  std::vector<CheckResult> results;
  if (origin == Origin::built_in) results.push_back(check_documents(entry));
  for (const catalogue::ErrorSample& error : entry.errors()) results.push_back(check_error(error));
  Generator g(options.seed);
  for (const LayerSample& sample : entry.samples(g)) {
    const Layer layer = random_layer(sample, g);
    results.push_back(check_evaluation(sample, *layer));
    results.push_back(check_copy(sample, *layer, g));
    results.push_back(check_state(sample, *layer, g));
    results.push_back(check_names(sample, *layer, g));
  }
  if (entry.benchmark == nullptr) return results;
  const LayerSample large = entry.benchmark(g);
  results.push_back(check_threads(as_function(large, *random_layer(large, g), true)));
  return results;
}

}  // namespace

// Each sample in training and, where that computes something else, in evaluation, with random parameters.
Entry entry_of(const LayerEntry& layer, Origin origin) {
  return {.kind = "layer",
          .family = layer.family,
          .name = layer.name,
          .samples = [&layer](Generator& g) { return samples_of(layer, g); },
          .differentiable = Differentiable::always,
          .others = [&layer, origin](
                        const CheckOptions& options) { return check_all_but_derivatives(layer, origin, options); }};
}

}  // namespace tapegrad::suite
