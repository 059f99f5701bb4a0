#include "bench/onednn_transformers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "bench/onednn_plan.hpp"

namespace bench::onednn {
namespace {

struct EncoderShape {
  std::int64_t batch, length, embed, heads, hidden;
  bool causal;

  std::int64_t rows() const { return batch * length; }
  Dims states() const { return {rows(), embed}; }
  Dims wide_states() const { return {rows(), hidden}; }
  Dims scores() const { return {batch, heads, length, length}; }
};

/// What all layers' backward passes write to and read again at once.
struct BackwardBuffers {
  Tensor heads, query, key, value;  // [rows, embed]
  Tensor scores;
  Tensor hidden;

  BackwardBuffers(Plan& plan, const EncoderShape& shape)
      : heads(plan.zeros(shape.states())),
        query(plan.zeros(shape.states())),
        key(plan.zeros(shape.states())),
        value(plan.zeros(shape.states())),
        scores(plan.zeros(shape.scores())),
        hidden(plan.zeros(shape.wide_states())) {}
};

/// Hides the keys that come after their query.
void hide_future(const Tensor& scores) {
  const std::int64_t length = scores.dims[3];
  const std::int64_t rows = scores.size() / length;
#pragma omp parallel for
  for (std::int64_t r = 0; r < rows; ++r)
    std::fill(scores.data + r * length + r % length + 1, scores.data + (r + 1) * length,
              -std::numeric_limits<float>::infinity());
}

/// Query, key and value are matrices of their own: oneDNN's fast products take heads side by side, but no wider rows.
struct SelfAttention {
  EncoderShape shape;
  Linear to_query, to_key, to_value, out;
  Tensor query, key, value, weights, heads;

  SelfAttention(Plan& plan, const EncoderShape& s)
      : shape(s),
        to_query(plan, s.embed, s.embed),
        to_key(plan, s.embed, s.embed),
        to_value(plan, s.embed, s.embed),
        out(plan, s.embed, s.embed),
        query(plan.zeros(s.states())),
        key(plan.zeros(s.states())),
        value(plan.zeros(s.states())),
        weights(plan.zeros(s.scores())),
        heads(plan.zeros(s.states())) {}

  /// y = residual + attention(x)
  void forward(Plan& plan, const Tensor& x, const Tensor& residual, const Tensor& y) const {
    to_query.forward(plan, x, query);
    to_key.forward(plan, x, key);
    to_value.forward(plan, x, value);
    multiply(plan, split(query), split(key).transposed(), weights, {.scale = scale()});
    if (shape.causal) plan.add([scores = weights] { hide_future(scores); });
    softmax(plan, weights, weights);
    multiply(plan, weights, split(value), split(heads));
    out.forward(plan, heads, y, {.residual = residual});
  }

  void backward(Plan& plan, const BackwardBuffers& d, const Tensor& x, const Tensor& dy, const Tensor& dx) const {
    out.backward(plan, heads, dy, d.heads);
    multiply(plan, weights.transposed(), split(d.heads), split(d.value));
    multiply(plan, split(d.heads), split(value).transposed(), d.scores);
    softmax_backward(plan, weights, d.scores, d.scores);
    multiply(plan, d.scores, split(key), split(d.query), {.scale = scale()});
    multiply(plan, d.scores.transposed(), split(query), split(d.key), {.scale = scale()});
    to_query.backward(plan, x, d.query, dx);
    to_key.backward(plan, x, d.key, dx, {.accumulate = true});
    to_value.backward(plan, x, d.value, dx, {.accumulate = true});
  }

 private:
  std::int64_t width() const { return shape.embed / shape.heads; }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(width())); }
  /// [rows, embed] -> [batch, heads, length, width], without a copy
  Tensor split(const Tensor& x) const {
    return {x.data,
            {shape.batch, shape.heads, shape.length, width()},
            {shape.length * shape.embed, width(), shape.embed, 1}};
  }
};

struct GeluNetwork {
  Linear first, second;
  Tensor hidden, activated;

  GeluNetwork(Plan& plan, const EncoderShape& s)
      : first(plan, s.embed, s.hidden),
        second(plan, s.hidden, s.embed),
        hidden(plan.zeros(s.wide_states())),
        activated(plan.zeros(s.wide_states())) {}

  /// y = residual + network(x)
  void forward(Plan& plan, const Tensor& x, const Tensor& residual, const Tensor& y) const {
    first.forward(plan, x, hidden);
    gelu(plan, hidden, activated);
    second.forward(plan, activated, y, {.residual = residual});
  }

  void backward(Plan& plan, const BackwardBuffers& d, const Tensor& x, const Tensor& dy, const Tensor& dx,
                const Epilogue& epilogue = {}) const {
    second.backward(plan, activated, dy, d.hidden);
    gelu_backward(plan, hidden, d.hidden, d.hidden);
    first.backward(plan, x, d.hidden, dx, epilogue);
  }
};

// ---- one layer that normalises last

struct PlannedBlock {
  static constexpr EncoderShape kShape{block::kBatch, block::kLength, block::kEmbed,
                                       block::kHeads, block::kHidden, false};
  Plan plan;
  Tensor x = plan.normal(kShape.states(), 0.0F, 1.0F);
  Tensor target = plan.normal(kShape.states(), 0.0F, 1.0F);
  SelfAttention attention{plan, kShape};
  GeluNetwork network{plan, kShape};
  LayerNorm norm1{plan, kShape.rows(), kShape.embed};
  LayerNorm norm2{plan, kShape.rows(), kShape.embed};
  Loss loss;

  PlannedBlock() {
    const Tensor attended = plan.zeros(x.dims);
    const Tensor h = plan.zeros(x.dims);
    const Tensor transformed = plan.zeros(x.dims);
    const Tensor y = plan.zeros(x.dims);
    attention.forward(plan, x, x, attended);
    norm1.forward(plan, attended, h);
    network.forward(plan, h, h, transformed);
    norm2.forward(plan, transformed, y);
    loss = squared_error(plan, y, target);

    const BackwardBuffers buffers(plan, kShape);
    const Tensor dh = plan.zeros(x.dims);
    norm2.backward(plan, transformed, loss.gradient, loss.gradient);
    network.backward(plan, buffers, h, loss.gradient, dh, {.residual = loss.gradient});
    norm1.backward(plan, attended, dh, dh);
    attention.backward(plan, buffers, x, dh, {});
    plan.add_update();
  }
};

// ---- a language model of layers that normalise first

struct GptBlock {
  LayerNorm norm1, norm2;
  SelfAttention attention;
  GeluNetwork network;
  Tensor normalized1, attended, normalized2, y;

  GptBlock(Plan& plan, const EncoderShape& s)
      : norm1(plan, s.rows(), s.embed),
        norm2(plan, s.rows(), s.embed),
        attention(plan, s),
        network(plan, s),
        normalized1(plan.zeros(s.states())),
        attended(plan.zeros(s.states())),
        normalized2(plan.zeros(s.states())),
        y(plan.zeros(s.states())) {}

  void forward(Plan& plan, const Tensor& x) const {
    norm1.forward(plan, x, normalized1);
    attention.forward(plan, normalized1, x, attended);
    norm2.forward(plan, attended, normalized2);
    network.forward(plan, normalized2, attended, y);
  }

  /// dy becomes the gradient of x; `branch` is of its size.
  void backward(Plan& plan, const BackwardBuffers& d, const Tensor& x, const Tensor& dy, const Tensor& branch) const {
    network.backward(plan, d, normalized2, dy, branch);
    norm2.backward(plan, attended, branch, branch);
    sum(plan, dy, branch, dy);
    attention.backward(plan, d, normalized1, dy, branch);
    norm1.backward(plan, x, branch, branch);
    sum(plan, dy, branch, dy);
  }
};

/// Row l of the table to row l of each sequence.
void add_positions(const Tensor& table, const Tensor& x) {
  const std::int64_t count = x.size() / table.size();
#pragma omp parallel for
  for (std::int64_t n = 0; n < count; ++n) {
    float* const to = x.data + n * table.size();
#pragma omp simd
    for (std::int64_t i = 0; i < table.size(); ++i) to[i] += table.data[i];
  }
}

void sum_positions(const Tensor& dx, const Tensor& table) {
  const std::int64_t count = dx.size() / table.size();
  const std::int64_t width = table.dims[1];
#pragma omp parallel for
  for (std::int64_t row = 0; row < table.dims[0]; ++row) {
    float* const to = table.data + row * width;
    std::fill_n(to, width, 0.0F);
    for (std::int64_t n = 0; n < count; ++n) {
      const float* const from = dx.data + n * table.size() + row * width;
#pragma omp simd
      for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
    }
  }
}

struct PlannedGpt {
  EncoderShape shape;
  Plan plan;
  std::vector<int> tokens, targets;
  Embedding embed;
  Parameter position;
  std::vector<GptBlock> layers;
  LayerNorm norm;
  Loss loss;

  explicit PlannedGpt(const Gpt& s)
      : shape{s.batch, s.block, s.embed, s.heads, 4 * s.embed, true},
        tokens(plan.integers(shape.rows(), s.vocabulary)),
        targets(plan.integers(shape.rows(), s.vocabulary)),
        embed(plan, s.vocabulary, s.embed),
        position(plan.parameter({s.positions, s.embed}, 0.0F, 0.02F)),
        norm(plan, shape.rows(), s.embed) {
    for (int i = 0; i < s.layers; ++i) layers.emplace_back(plan, shape);
    const Tensor x = plan.zeros(shape.states());
    embed.forward(plan, tokens, x);
    plan.add([x, table = used(position.weight)] { add_positions(table, x); });
    for (std::size_t i = 0; i < layers.size(); ++i) layers[i].forward(plan, i == 0 ? x : layers[i - 1].y);
    const Tensor normalized = plan.zeros(x.dims);
    const Tensor logits = plan.zeros({shape.rows(), s.vocabulary});
    norm.forward(plan, layers.back().y, normalized);
    multiply(plan, normalized, embed.table.weight.transposed(), logits);
    loss = cross_entropy(plan, logits, targets);
    plan_backward(x, normalized);
    plan.add_update();
  }

 private:
  /// The positions that a sequence has.
  Tensor used(const Tensor& table) const { return {table.data, {shape.length, shape.embed}, table.strides}; }

  void plan_backward(const Tensor& x, const Tensor& normalized) {
    const BackwardBuffers buffers(plan, shape);
    const Tensor dx = plan.zeros(x.dims);
    const Tensor branch = plan.zeros(x.dims);
    multiply(plan, loss.gradient.transposed(), normalized, embed.table.gradient);
    multiply(plan, loss.gradient, embed.table.weight, dx);
    norm.backward(plan, layers.back().y, dx, dx);
    for (std::size_t i = layers.size(); i-- > 0;)
      layers[i].backward(plan, buffers, i == 0 ? x : layers[i - 1].y, dx, branch);
    plan.add([dx, table = used(position.gradient)] { sum_positions(dx, table); });
    embed.backward(plan, tokens, dx);
  }
};

}  // namespace

Step make_block() { return step_of(std::make_shared<PlannedBlock>()); }

Step make_gpt(const Gpt& shape) { return step_of(std::make_shared<PlannedGpt>(shape)); }

}  // namespace bench::onednn
