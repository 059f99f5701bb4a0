#include "tape/double_vjp.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tape/private_tape.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {
namespace {

/// Takes the gradients that a differentiable rule gives, one for each input.
class CollectedGradients final : public GradientSink {
 public:
  explicit CollectedGradients(std::size_t inputs) : gradients_(inputs) {}

  void add(int i, Tensor dx) override {
    if (static_cast<std::size_t>(i) >= gradients_.size())
      throw TapeError("[jvp] a rule gave a gradient of input " + std::to_string(i) + " of " +
                      std::to_string(gradients_.size()));
    gradients_[static_cast<std::size_t>(i)] = std::move(dx);
  }
  GradientBuffer buffer(int) override {
    throw TapeError("[jvp] a differentiable rule accumulates through its return value");
  }
  Tensor in_place_of(const Tensor&) override {
    throw TapeError("[jvp] a differentiable rule leaves its cotangents as they are");
  }

  std::vector<Tensor> take() { return std::move(gradients_); }

 private:
  std::vector<Tensor> gradients_;
};

/// What g is recorded at: zeros, for it is linear in v.
std::vector<Tensor> zero_cotangents(std::span<const Tensor> outputs) {
  std::vector<Tensor> v;
  for (const Tensor& output : outputs)
    v.push_back(carries_gradient(output) ? zeros_like(output).set_requires_grad(true) : Tensor());
  return v;
}

/// g(v), recorded on the live tape.
std::vector<Tensor> record_transpose(const OpTable& table, const void* op, const Saved& saved,
                                     const std::vector<Tensor>& v, std::size_t inputs) {
  // On the tape even where the rule hands v on as it is.
  for (const Tensor& t : v) recorder.tape->edge_of(t, table.name);
  // Of a rule that is linear in v = 0 only the graph matters: a strong zero would cut it.
  const StrongZero plain(false);
  CollectedGradients g(inputs);
  table.vjp(op, saved, v, g);
  return g.take();
}

/// Rules may leave broadcasting to the engine: what u must be for <g, u> to be the product with the whole gradient.
Tensor brought_to(const Tensor& u, const Shape& shape) {
  if (u.shape() == shape) return u;
  return broadcasts_to(u.shape(), shape) ? expand(u, shape) : sum_to(u, shape);
}

/// The gradient of <g, u> with respect to each v, left as it is where that is undefined or g does not depend on any.
void differentiate_product(Tape& tape, std::span<const Tensor> g, Tangents us, const std::vector<Tensor>& v,
                           std::span<Tensor> dys) {
  std::vector<Tensor> factors;
  std::vector<Tensor> cotangents;
  for (std::size_t i = 0; i < us.size(); ++i) {
    if (!g[i].defined() || !us[i].defined() || !g[i].is_tracked()) continue;
    factors.push_back(g[i]);
    cotangents.push_back(brought_to(us[i], g[i].shape()));
  }
  if (factors.empty()) return;
  std::vector<Tensor> wanted;
  std::copy_if(v.begin(), v.end(), std::back_inserter(wanted), [](const Tensor& t) { return t.defined(); });
  std::vector<Tensor> products = tape.pull_back(
      factors, cotangents, wanted, {.retain = true, .create_graph = true, .strong_zero = recorder.strong_zero});
  auto next = products.begin();
  for (std::size_t j = 0; j < v.size(); ++j)
    if (v[j].defined()) dys[j] = std::move(*next++);
}

}  // namespace

void jvp_by_double_vjp(const OpTable& table, const void* op, const Saved& saved, Tangents us,
                       std::span<const Tensor> outputs, std::span<Tensor> dys) {
  if (table.vjp == nullptr)
    throw TapeError("[" + std::string(table.name) +
                    "] has no forward rule, and its reverse rule is differentiable only once");
  const std::vector<Tensor> v = zero_cotangents(outputs);
  const auto differentiate = [&](Tape& tape) {
    differentiate_product(tape, record_transpose(table, op, saved, v, us.size()), us, v, dys);
  };
  if (is_recording()) {
    differentiate(recorder.tape->handle());
  } else {
    const TapeAside aside;
    Tape tape;
    differentiate(tape);
    for (Tensor& dy : dys) dy = off_tape(dy);
  }
}

}  // namespace tapegrad
