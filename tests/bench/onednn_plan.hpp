// A training step on oneDNN as one plans it by hand: every buffer allocated and every primitive created once, then run
// in order. What oneDNN has no primitive for is a loop.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <functional>
#include <memory>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench::onednn {

using Dims = dnnl::memory::dims;

/// Floats that a plan owns.
struct Tensor {
  float* data = nullptr;
  Dims dims, strides;

  bool defined() const { return data != nullptr; }
  std::int64_t size() const;
  dnnl::memory::desc desc() const { return {dims, dnnl::memory::data_type::f32, strides}; }
  /// With the last two dimensions exchanged.
  Tensor transposed() const;
  /// All but the last dimension of a dense one in one.
  Tensor rows() const;
};

struct Parameter {
  Tensor weight, gradient;
};

/// Steps in their order, and the memory that they work on.
class Plan {
 public:
  Plan() = default;
  Plan(const Plan&) = delete;  // steps point to it
  Plan& operator=(const Plan&) = delete;

  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void add(const dnnl::primitive& primitive, const std::vector<std::pair<int, Tensor>>& arguments);
  void add(const dnnl::primitive& primitive, const std::unordered_map<int, dnnl::memory>& arguments);
  /// An AdamW step of all parameters in one pass.
  void add_update();
  void run();

  dnnl::memory memory(const dnnl::memory::desc& desc);
  dnnl::memory memory(const Tensor& t) const { return {t.desc(), engine_, t.data}; }
  /// The memory of t, or of a copy in another layout that a step renews.
  dnnl::memory reordered(const Tensor& t, const dnnl::memory::desc& desc);
  /// Dense, zeros.
  Tensor zeros(const Dims& dims);
  Tensor normal(const Dims& dims, float mean, float deviation);
  Parameter parameter(const Dims& dims, float mean, float deviation);
  std::vector<int> integers(std::int64_t count, int below);

  const dnnl::engine& engine() const { return engine_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  struct Moments {
    Tensor m, v;
  };
  void update();

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::mt19937 generator_;
  std::vector<dnnl::memory> storage_;
  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;
  std::vector<std::function<void()>> steps_;
  int updates_ = 0;
};

/// One call runs the plan of what it owns.
template <class Planned>
std::function<void()> step_of(std::shared_ptr<Planned> planned) {
  return [planned = std::move(planned)] { planned->plan.run(); };
}

// ---- steps of a plan

/// What a product does to its result before it is stored.
struct Epilogue {
  float scale = 1.0F;
  Tensor bias = {};      ///< [1, n]
  Tensor residual = {};  ///< as the result
  bool accumulate = false;
  bool relu = false;
};
void clear(Plan& plan, const Tensor& t);
/// c = a b
void multiply(Plan& plan, const Tensor& a, const Tensor& b, const Tensor& c, const Epilogue& epilogue = {});
/// c = a + b; c may be either.
void sum(Plan& plan, const Tensor& a, const Tensor& b, const Tensor& c);
void gelu(Plan& plan, const Tensor& x, const Tensor& y);
/// dx may be dy.
void gelu_backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx);
/// In place, from what the function gave.
void relu_backward(Plan& plan, const Tensor& y, const Tensor& dy);
/// Over the last dimension; y may be x.
void softmax(Plan& plan, const Tensor& x, const Tensor& y);
/// From what the function gave; dx may be dy.
void softmax_backward(Plan& plan, const Tensor& y, const Tensor& dy, const Tensor& dx);

/// Means over rows or elements.
struct Loss {
  Tensor value;     ///< [1]
  Tensor gradient;  ///< of what the loss is computed from
};
/// Writes the logarithms of the probabilities over the logits.
Loss cross_entropy(Plan& plan, const Tensor& logits, std::vector<int> targets);
Loss squared_error(Plan& plan, const Tensor& y, const Tensor& target);

// ---- layers

/// y = x W^T + b on matrices of rows. Forward must be planned before backward; an undefined dx is not computed.
struct Linear {
  Parameter weight, bias;  // [out, in], [1, out]

  Linear(Plan& plan, std::int64_t in, std::int64_t out);
  void forward(Plan& plan, const Tensor& x, const Tensor& y, Epilogue epilogue = {}) const;
  void backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx, const Epilogue& epilogue = {}) const;
};

struct LayerNorm {
  Parameter scale, shift;
  Tensor mean, variance;
  dnnl::layer_normalization_forward::primitive_desc forward_desc;

  LayerNorm(Plan& plan, std::int64_t rows, std::int64_t width);
  void forward(Plan& plan, const Tensor& x, const Tensor& y) const;
  /// dx may be dy.
  void backward(Plan& plan, const Tensor& x, const Tensor& dy, const Tensor& dx) const;
};

/// Rows of a table.
struct Embedding {
  Parameter table;

  Embedding(Plan& plan, std::int64_t count, std::int64_t width);
  void forward(Plan& plan, const std::vector<int>& tokens, const Tensor& y) const;
  /// Adds to the table's gradient.
  void backward(Plan& plan, const std::vector<int>& tokens, const Tensor& dy) const;
};

}  // namespace bench::onednn
