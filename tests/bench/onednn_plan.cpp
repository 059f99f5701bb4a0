#include "bench/onednn_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace bench::onednn {

using dnnl::algorithm;
using dnnl::prop_kind;

// ---- tensors and the plan

std::int64_t Tensor::size() const {
  std::int64_t count = 1;
  for (const std::int64_t d : dims) count *= d;
  return count;
}

Tensor Tensor::transposed() const {
  Tensor t = *this;
  std::swap(t.dims.end()[-1], t.dims.end()[-2]);
  std::swap(t.strides.end()[-1], t.strides.end()[-2]);
  return t;
}

Tensor Tensor::rows() const { return {data, {size() / dims.back(), dims.back()}, {dims.back(), 1}}; }

void Plan::add(const dnnl::primitive& primitive, const std::unordered_map<int, dnnl::memory>& arguments) {
  add([primitive, arguments, stream = stream_] { primitive.execute(stream, arguments); });
}

void Plan::add(const dnnl::primitive& primitive, const std::vector<std::pair<int, Tensor>>& arguments) {
  std::unordered_map<int, dnnl::memory> memories;
  for (const auto& [name, tensor] : arguments) memories.emplace(name, memory(tensor));
  add(primitive, memories);
}

void Plan::run() {
  for (const std::function<void()>& step : steps_) step();
  stream_.wait();
}

dnnl::memory Plan::memory(const dnnl::memory::desc& desc) {
  storage_.emplace_back(desc, engine_);
  std::fill_n(static_cast<std::byte*>(storage_.back().get_data_handle()), desc.get_size(), std::byte{0});
  return storage_.back();
}

dnnl::memory Plan::reordered(const Tensor& t, const dnnl::memory::desc& desc) {
  dnnl::memory plain = memory(t);
  if (desc == t.desc()) return plain;
  dnnl::memory copy = memory(desc);
  add(dnnl::reorder(plain, copy), std::unordered_map<int, dnnl::memory>{{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, copy}});
  return copy;
}

Tensor Plan::zeros(const Dims& dims) {
  Tensor t{.data = nullptr, .dims = dims, .strides = Dims(dims.size(), 1)};
  for (std::size_t i = dims.size() - 1; i > 0; --i) t.strides[i - 1] = t.strides[i] * dims[i];
  t.data = static_cast<float*>(memory(t.desc()).get_data_handle());
  return t;
}

Tensor Plan::normal(const Dims& dims, float mean, float deviation) {
  Tensor t = zeros(dims);
  std::normal_distribution<float> distribution(0.0F, 1.0F);
  std::generate_n(t.data, t.size(), [&] { return mean + deviation * distribution(generator_); });
  return t;
}

Parameter Plan::parameter(const Dims& dims, float mean, float deviation) {
  parameters_.push_back({normal(dims, mean, deviation), zeros(dims)});
  moments_.push_back({zeros(dims), zeros(dims)});
  return parameters_.back();
}

std::vector<int> Plan::integers(std::int64_t count, int below) {
  std::uniform_int_distribution<int> distribution(0, below - 1);
  std::vector<int> drawn(static_cast<std::size_t>(count));
  for (int& i : drawn) i = distribution(generator_);
  return drawn;
}

void Plan::add_update() {
  add([this] { update(); });
}

void Plan::update() {
  constexpr float kRate = 1e-4F;
  constexpr float kDecay = 0.01F;
  constexpr float kBeta1 = 0.9F;
  constexpr float kBeta2 = 0.999F;
  constexpr float kEpsilon = 1e-8F;
  ++updates_;
  const float rate = kRate / (1.0F - std::pow(kBeta1, static_cast<float>(updates_)));
  const float root_scale = 1.0F / std::sqrt(1.0F - std::pow(kBeta2, static_cast<float>(updates_)));
#pragma omp parallel
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const std::int64_t size = parameters_[k].weight.size();
    float* const p = parameters_[k].weight.data;
    const float* const g = parameters_[k].gradient.data;
    float* const m = moments_[k].m.data;
    float* const v = moments_[k].v.data;
#pragma omp for simd nowait
    for (std::int64_t i = 0; i < size; ++i) {
      m[i] += (1.0F - kBeta1) * (g[i] - m[i]);
      v[i] = kBeta2 * v[i] + (1.0F - kBeta2) * g[i] * g[i];
      p[i] = p[i] * (1.0F - kRate * kDecay) - rate * m[i] / (std::sqrt(v[i]) * root_scale + kEpsilon);
    }
  }
}

// ---- steps

void clear(Plan& plan, const Tensor& t) {
  plan.add([t, size = t.size()] {
#pragma omp parallel for simd
    for (std::int64_t i = 0; i < size; ++i) t.data[i] = 0.0F;
  });
}

void multiply(Plan& plan, const Tensor& a, const Tensor& b, const Tensor& c, const Epilogue& epilogue) {
  dnnl::post_ops operations;
  std::vector<std::pair<int, Tensor>> arguments = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
  if (epilogue.accumulate) operations.append_sum();
  if (epilogue.relu) operations.append_eltwise(1.0F, algorithm::eltwise_relu, 0.0F, 0.0F);
  if (epilogue.residual.defined()) {
    arguments.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(operations.len()) | DNNL_ARG_SRC_1, epilogue.residual);
    operations.append_binary(algorithm::binary_add, epilogue.residual.desc());
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(operations);
  if (epilogue.scale != 1.0F) attributes.set_output_scales(0, {epilogue.scale});
  if (epilogue.bias.defined()) arguments.emplace_back(DNNL_ARG_BIAS, epilogue.bias);
  const dnnl::matmul::desc desc = epilogue.bias.defined()
                                      ? dnnl::matmul::desc(a.desc(), b.desc(), epilogue.bias.desc(), c.desc())
                                      : dnnl::matmul::desc(a.desc(), b.desc(), c.desc());
  plan.add(dnnl::matmul(dnnl::matmul::primitive_desc(desc, attributes, plan.engine())), arguments);
}

void sum(Plan& plan, const Tensor& a, const Tensor& b, const Tensor& c) {
  const dnnl::binary::desc desc(algorithm::binary_add, a.desc(), b.desc(), c.desc());
  plan.add(dnnl::binary(dnnl::binary::primitive_desc(desc, plan.engine())),
           {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}, {DNNL_ARG_DST, c}});
}

namespace {

dnnl::eltwise_forward::primitive_desc pointwise(const Plan& plan, algorithm function, const Tensor& x) {
  return {{prop_kind::forward_training, function, x.desc()}, plan.engine()};
}

dnnl::eltwise_backward pointwise_backward(const Plan& plan, algorithm function, const Tensor& x) {
  return {{{function, x.desc(), x.desc()}, plan.engine(), pointwise(plan, function, x)}};
}

int last_axis(const Tensor& x) { return static_cast<int>(x.dims.size()) - 1; }

}  // namespace

void gelu(Plan& plan, const Tensor& x, const Tensor& y) {
  plan.add(dnnl::eltwise_forward(pointwise(plan, algorithm::eltwise_gelu_erf, x)),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
}

void gelu_backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx) {
  plan.add(pointwise_backward(plan, algorithm::eltwise_gelu_erf, x),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dx}});
}

void relu_backward(Plan& plan, const Tensor& y, const Tensor& dy) {
  plan.add(pointwise_backward(plan, algorithm::eltwise_relu_use_dst_for_bwd, y),
           {{DNNL_ARG_DST, y}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dy}});
}

void softmax(Plan& plan, const Tensor& x, const Tensor& y) {
  const dnnl::softmax_forward::desc desc(prop_kind::forward_training, x.desc(), last_axis(x));
  plan.add(dnnl::softmax_forward({desc, plan.engine()}), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
}

void softmax_backward(Plan& plan, const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const dnnl::softmax_forward::primitive_desc forward({prop_kind::forward_training, y.desc(), last_axis(y)},
                                                      plan.engine());
  const dnnl::softmax_backward::desc desc(dy.desc(), y.desc(), last_axis(y));
  plan.add(dnnl::softmax_backward({desc, plan.engine(), forward}),
           {{DNNL_ARG_DST, y}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, dx}});
}

Loss cross_entropy(Plan& plan, const Tensor& logits, std::vector<int> targets) {
  Loss loss{plan.zeros({1}), plan.zeros(logits.dims)};
  const dnnl::logsoftmax_forward::primitive_desc forward({prop_kind::forward_training, logits.desc(), 1},
                                                         plan.engine());
  const dnnl::logsoftmax_backward::desc backward({logits.desc(), logits.desc(), 1});
  plan.add(dnnl::logsoftmax_forward(forward), {{DNNL_ARG_SRC, logits}, {DNNL_ARG_DST, logits}});
  clear(plan, loss.gradient);
  plan.add([loss, logits, targets = std::move(targets)] {
    const auto rows = static_cast<std::int64_t>(targets.size());
    const std::int64_t classes = logits.dims[1];
    const float share = 1.0F / static_cast<float>(rows);
    *loss.value.data = 0.0F;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t at = r * classes + targets[static_cast<std::size_t>(r)];
      *loss.value.data -= share * logits.data[at];
      loss.gradient.data[at] = -share;
    }
  });
  plan.add(dnnl::logsoftmax_backward({backward, plan.engine(), forward}),
           {{DNNL_ARG_DST, logits}, {DNNL_ARG_DIFF_DST, loss.gradient}, {DNNL_ARG_DIFF_SRC, loss.gradient}});
  return loss;
}

Loss squared_error(Plan& plan, const Tensor& y, const Tensor& target) {
  Loss loss{plan.zeros({1}), plan.zeros(y.dims)};
  plan.add([loss, y, target] {
    const std::int64_t size = y.size();
    const float share = 1.0F / static_cast<float>(size);
    float total = 0.0F;
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < size; ++i) {
      const float difference = y.data[i] - target.data[i];
      total += difference * difference;
      loss.gradient.data[i] = 2.0F * share * difference;
    }
    *loss.value.data = share * total;
  });
  return loss;
}

// ---- layers

namespace {

/// Columns of a matrix that one thread sums at a time, in registers.
constexpr std::int64_t kBlock = 64;

/// For each block of columns, `body(first, count)`.
template <class Body>
void for_each_block(std::int64_t columns, const Body& body) {
#pragma omp parallel for
  for (std::int64_t first = 0; first < columns; first += kBlock) body(first, std::min(kBlock, columns - first));
}

/// [rows, n] -> [1, n]
void sum_rows(const Tensor& dy, const Tensor& db) {
  const std::int64_t rows = dy.dims[0];
  const std::int64_t columns = dy.dims[1];
  for_each_block(columns, [&](std::int64_t first, std::int64_t count) {
    std::array<float, kBlock> totals{};
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* const row = dy.data + r * columns + first;
#pragma omp simd
      for (std::int64_t i = 0; i < count; ++i) totals[static_cast<std::size_t>(i)] += row[i];
    }
    std::copy_n(totals.begin(), count, db.data + first);
  });
}

}  // namespace

Linear::Linear(Plan& plan, std::int64_t in, std::int64_t out)
    : weight(plan.parameter({out, in}, 0.0F, 1.0F / std::sqrt(static_cast<float>(in)))),
      bias(plan.parameter({1, out}, 0.0F, 0.0F)) {}

void Linear::forward(Plan& plan, const Tensor& x, const Tensor& y, Epilogue epilogue) const {
  epilogue.bias = bias.weight;
  multiply(plan, x, weight.weight.transposed(), y, epilogue);
}

void Linear::backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx, const Epilogue& epilogue) const {
  multiply(plan, dy.transposed(), x, weight.gradient);
  plan.add([dy, db = bias.gradient] { sum_rows(dy, db); });
  if (dx.defined()) multiply(plan, dy, weight.weight, dx, epilogue);
}

namespace {

constexpr float kNormEpsilon = 1e-5F;
const auto kScaleAndShift = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;

}  // namespace

LayerNorm::LayerNorm(Plan& plan, std::int64_t rows, std::int64_t width)
    : scale(plan.parameter({width}, 1.0F, 0.0F)),
      shift(plan.parameter({width}, 0.0F, 0.0F)),
      mean(plan.zeros({rows})),
      variance(plan.zeros({rows})) {
  const dnnl::memory::desc x({rows, width}, dnnl::memory::data_type::f32, Dims{width, 1});
  forward_desc = {{prop_kind::forward_training, x, mean.desc(), kNormEpsilon, kScaleAndShift}, plan.engine()};
}

void LayerNorm::forward(Plan& plan, const Tensor& x, const Tensor& y) const {
  plan.add(dnnl::layer_normalization_forward(forward_desc), {{DNNL_ARG_SRC, x},
                                                             {DNNL_ARG_SCALE, scale.weight},
                                                             {DNNL_ARG_SHIFT, shift.weight},
                                                             {DNNL_ARG_MEAN, mean},
                                                             {DNNL_ARG_VARIANCE, variance},
                                                             {DNNL_ARG_DST, y}});
}

void LayerNorm::backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx) const {
  const dnnl::layer_normalization_backward::desc desc(prop_kind::backward, dy.desc(), x.desc(), mean.desc(),
                                                      kNormEpsilon, kScaleAndShift);
  plan.add(dnnl::layer_normalization_backward({desc, plan.engine(), forward_desc}),
           {{DNNL_ARG_SRC, x},
            {DNNL_ARG_SCALE, scale.weight},
            {DNNL_ARG_SHIFT, shift.weight},
            {DNNL_ARG_MEAN, mean},
            {DNNL_ARG_VARIANCE, variance},
            {DNNL_ARG_DIFF_DST, dy},
            {DNNL_ARG_DIFF_SRC, dx},
            {DNNL_ARG_DIFF_SCALE, scale.gradient},
            {DNNL_ARG_DIFF_SHIFT, shift.gradient}});
}

Embedding::Embedding(Plan& plan, std::int64_t count, std::int64_t width)
    : table(plan.parameter({count, width}, 0.0F, 0.02F)) {}

void Embedding::forward(Plan& plan, const std::vector<int>& tokens, const Tensor& y) const {
  plan.add([tokens, y, rows = table.weight] {
    const std::int64_t width = rows.dims[1];
#pragma omp parallel for
    for (std::size_t i = 0; i < tokens.size(); ++i)
      std::copy_n(rows.data + tokens[i] * width, width, y.data + static_cast<std::int64_t>(i) * width);
  });
}

void Embedding::backward(Plan& plan, const std::vector<int>& tokens, const Tensor& dy) const {
  plan.add([tokens, dy, rows = table.gradient] {
    const std::int64_t width = rows.dims[1];
    for_each_block(width, [&](std::int64_t first, std::int64_t count) {  // or two threads would add to one row
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const float* const from = dy.data + static_cast<std::int64_t>(i) * width + first;
        float* const to = rows.data + tokens[i] * width + first;
#pragma omp simd
        for (std::int64_t j = 0; j < count; ++j) to[j] += from[j];
      }
    });
  });
}

}  // namespace bench::onednn
