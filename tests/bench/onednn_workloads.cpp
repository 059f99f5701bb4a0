// The workloads on oneDNN: a plan for each, made once.
#include <omp.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/onednn_plan.hpp"
#include "bench/onednn_transformers.hpp"
#include "bench/workloads.hpp"

namespace bench {
namespace {

using onednn::Plan;
using onednn::Tensor;

template <class Planned>
Step planned_step() {
  return onednn::step_of(std::make_shared<Planned>());
}

// ---- functions that memory bounds

struct PlannedStream {
  Plan plan;
  Tensor x, y, dy, dx;

  explicit PlannedStream(std::int64_t width)
      : x(plan.normal({streams::kRows, width}, 0.0F, 1.0F)),
        y(plan.zeros(x.dims)),
        dy(plan.normal(x.dims, 0.0F, 1.0F)),
        dx(plan.zeros(x.dims)) {}
};

struct NormStream : PlannedStream {
  NormStream() : PlannedStream(streams::kNormWidth) {
    const onednn::LayerNorm norm(plan, streams::kRows, streams::kNormWidth);
    norm.forward(plan, x, y);
    norm.backward(plan, x, dy, dx);
  }
};

struct SoftmaxStream : PlannedStream {
  SoftmaxStream() : PlannedStream(streams::kSoftmaxWidth) {
    onednn::softmax(plan, x, y);
    onednn::softmax_backward(plan, y, dy, dx);
  }
};

struct GeluStream : PlannedStream {
  GeluStream() : PlannedStream(streams::kGeluWidth) {
    onednn::gelu(plan, x, y);
    onednn::gelu_backward(plan, x, dy, dx);
  }
};

// ---- models

struct PlannedPerceptron {
  Plan plan;
  Tensor x = plan.normal({perceptron::kBatch, perceptron::kInput}, 0.0F, 1.0F);
  std::vector<int> targets = plan.integers(perceptron::kBatch, perceptron::kClasses);
  onednn::Linear first{plan, perceptron::kInput, perceptron::kHidden};
  onednn::Linear second{plan, perceptron::kHidden, perceptron::kHidden};
  onednn::Linear third{plan, perceptron::kHidden, perceptron::kClasses};
  onednn::Loss loss;

  PlannedPerceptron() {
    using namespace perceptron;
    const Tensor a = plan.zeros({kBatch, kHidden});
    const Tensor b = plan.zeros({kBatch, kHidden});
    const Tensor logits = plan.zeros({kBatch, kClasses});
    first.forward(plan, x, a, {.relu = true});
    second.forward(plan, a, b, {.relu = true});
    third.forward(plan, b, logits);
    loss = onednn::cross_entropy(plan, logits, targets);

    const Tensor da = plan.zeros(a.dims);
    const Tensor db = plan.zeros(b.dims);
    third.backward(plan, b, loss.gradient, db);
    onednn::relu_backward(plan, b, db);
    second.backward(plan, a, db, da);
    onednn::relu_backward(plan, a, da);
    first.backward(plan, x, da, {});
    plan.add_update();
  }
};

/// oneDNN's LSTM over sequences [length, batch, width]. Its gates stand in PyTorch's order, with one bias each.
struct PlannedLstm {
  onednn::Parameter from_input, from_state, bias;  // [1, 1, in, gates, hidden] and [1, 1, gates, hidden]
  Tensor h, c, dh, dc;  // the first states, zeros: without them version 2.6 gets from_state's gradient wrong
  dnnl::lstm_forward::primitive_desc forward_desc;
  dnnl::memory workspace;

  PlannedLstm(Plan& plan, const Tensor& x, const Tensor& y)
      : from_input(plan.parameter({1, 1, x.dims[2], kGates, y.dims[2]}, 0.0F, kDeviation)),
        from_state(plan.parameter({1, 1, y.dims[2], kGates, y.dims[2]}, 0.0F, kDeviation)),
        bias(plan.parameter({1, 1, kGates, y.dims[2]}, 0.0F, kDeviation)),
        h(plan.zeros({1, 1, y.dims[1], y.dims[2]})),
        c(plan.zeros(h.dims)),
        dh(plan.zeros(h.dims)),
        dc(plan.zeros(h.dims)) {
    const dnnl::memory::desc none;
    const dnnl::lstm_forward::desc desc(
        dnnl::prop_kind::forward_training, dnnl::rnn_direction::unidirectional_left2right, x.desc(), h.desc(), c.desc(),
        any_layout(from_input), any_layout(from_state), bias.weight.desc(), y.desc(), none, none);
    forward_desc = {desc, plan.engine()};
    workspace = plan.memory(forward_desc.workspace_desc());
  }

  void forward(Plan& plan, const Tensor& x, const Tensor& y) const {
    plan.add(dnnl::lstm_forward(forward_desc), forward_arguments(plan, forward_desc, x, y));
  }

  void backward(Plan& plan, const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& dx) const {
    const dnnl::memory::desc none;
    const dnnl::lstm_backward::desc desc(
        dnnl::prop_kind::backward, dnnl::rnn_direction::unidirectional_left2right, x.desc(), h.desc(), c.desc(),
        any_layout(from_input), any_layout(from_state), bias.weight.desc(), y.desc(), none, none, dx.desc(), dh.desc(),
        dc.desc(), from_input.gradient.desc(), from_state.gradient.desc(), bias.gradient.desc(), dy.desc(), none, none);
    const dnnl::lstm_backward::primitive_desc backward_desc(desc, plan.engine(), forward_desc);
    for (const onednn::Parameter& p : {from_input, from_state, bias}) onednn::clear(plan, p.gradient);  // it adds
    auto arguments = forward_arguments(plan, backward_desc, x, y);
    arguments.insert({{DNNL_ARG_DIFF_DST_LAYER, plan.memory(dy)},
                      {DNNL_ARG_DIFF_SRC_LAYER, plan.memory(dx)},
                      {DNNL_ARG_DIFF_SRC_ITER, plan.memory(dh)},
                      {DNNL_ARG_DIFF_SRC_ITER_C, plan.memory(dc)},
                      {DNNL_ARG_DIFF_WEIGHTS_LAYER, plan.memory(from_input.gradient)},
                      {DNNL_ARG_DIFF_WEIGHTS_ITER, plan.memory(from_state.gradient)},
                      {DNNL_ARG_DIFF_BIAS, plan.memory(bias.gradient)}});
    plan.add(dnnl::lstm_backward(backward_desc), arguments);
  }

 private:
  static constexpr std::int64_t kGates = 4;
  static constexpr float kDeviation = 0.04F;

  static dnnl::memory::desc any_layout(const onednn::Parameter& p) {
    return {p.weight.dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
  }

  /// With the weights in the layout that the pass wants.
  template <class PrimitiveDesc>
  std::unordered_map<int, dnnl::memory> forward_arguments(Plan& plan, const PrimitiveDesc& desc, const Tensor& x,
                                                          const Tensor& y) const {
    return {{DNNL_ARG_SRC_LAYER, plan.memory(x)},
            {DNNL_ARG_SRC_ITER, plan.memory(h)},
            {DNNL_ARG_SRC_ITER_C, plan.memory(c)},
            {DNNL_ARG_WEIGHTS_LAYER, plan.reordered(from_input.weight, desc.weights_layer_desc())},
            {DNNL_ARG_WEIGHTS_ITER, plan.reordered(from_state.weight, desc.weights_iter_desc())},
            {DNNL_ARG_BIAS, plan.memory(bias.weight)},
            {DNNL_ARG_DST_LAYER, plan.memory(y)},
            {DNNL_ARG_WORKSPACE, workspace}};
  }
};

struct PlannedRecurrentModel {
  Plan plan;
  std::vector<int> tokens = plan.integers(recurrent::kLength * recurrent::kBatch, recurrent::kVocabulary);
  std::vector<int> targets = plan.integers(recurrent::kLength * recurrent::kBatch, recurrent::kVocabulary);
  Tensor x = plan.zeros({recurrent::kLength, recurrent::kBatch, recurrent::kEmbed});
  Tensor y = plan.zeros({recurrent::kLength, recurrent::kBatch, recurrent::kHidden});
  onednn::Embedding embed{plan, recurrent::kVocabulary, recurrent::kEmbed};
  PlannedLstm lstm{plan, x, y};
  onednn::Linear head{plan, recurrent::kHidden, recurrent::kVocabulary};
  onednn::Loss loss;

  PlannedRecurrentModel() {
    using namespace recurrent;
    const Tensor logits = plan.zeros({kLength * kBatch, kVocabulary});
    embed.forward(plan, tokens, x);
    lstm.forward(plan, x, y);
    head.forward(plan, y.rows(), logits);
    loss = onednn::cross_entropy(plan, logits, targets);

    const Tensor dy = plan.zeros(y.dims);
    const Tensor dx = plan.zeros(x.dims);
    head.backward(plan, y.rows(), loss.gradient, dy.rows());
    lstm.backward(plan, x, y, dy, dx);
    onednn::clear(plan, embed.table.gradient);
    embed.backward(plan, tokens, dx);
    plan.add_update();
  }
};

}  // namespace

Engine onednn_workload_engine() {
  return {"oneDNN",
          [](int threads) { omp_set_num_threads(threads); },
          {{"W1", "", onednn::make_block},
           {"W2", "", [] { return onednn::make_gpt(kSmallGpt); }},
           {.name = "W3", .description = "", .make = [] { return onednn::make_gpt(kLargeGpt); }, .heavy = true},
           {.name = "GPT2", .description = "", .make = [] { return onednn::make_gpt(kGpt2); }, .heavy = true},
           {"W4", "", planned_step<PlannedRecurrentModel>},
           {"W5", "", planned_step<PlannedPerceptron>},
           {"W7norm", "", planned_step<NormStream>, 0, streams::bytes_of_rows(streams::kNormWidth)},
           {"W7softmax", "", planned_step<SoftmaxStream>, 0, streams::bytes_of_rows(streams::kSoftmaxWidth)},
           {"W7gelu", "", planned_step<GeluStream>, 0, streams::bytes_of_rows(streams::kGeluWidth)}}};
}

}  // namespace bench
