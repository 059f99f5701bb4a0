#include "tapegrad/diff/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "base/counted.hpp"
#include "base/ref.hpp"
#include "diff/argument.hpp"
#include "tape/expect.hpp"
#include "tape/forward_mode.hpp"
#include "tape/private_tape.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/replay.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {
namespace {

/// x as a leaf of nobody else's, with its tangents.
Tensor fresh_leaf(const Tensor& x) {
  Tensor leaf = x.detach().set_requires_grad(true);
  if (x.impl()->tangents != nullptr)
    leaf.impl()->tangents = std::make_unique<std::vector<Tangent>>(*x.impl()->tangents);
  return leaf;
}

Tensor as_argument(const Tensor& x) {
  if (!carries_gradient(x)) return x;
  return apply(Argument{}, x.is_tracked() ? x : fresh_leaf(x));
}

/// As expect_floating(), but for an undefined tensor ValueError "[name] expected a floating result to differentiate,
/// got an undefined tensor": what a function takes or gives is no input of an op.
void expect_differentiable(const char* name, const Tensor& x, const char* what) {
  if (!x.defined()) throw ValueError(fmt::format("[{}] expected a floating {}, got an undefined tensor", name, what));
  expect_floating(name, x, what);
}

void expect_floating_argument(const char* name, const std::vector<Tensor>& xs) {
  if (xs.empty()) throw DTypeError(fmt::format("[{}] expected a floating tensor to differentiate by, got none", name));
  if (std::none_of(xs.begin(), xs.end(), carries_gradient))
    expect_differentiable(name, xs.front(), "tensor to differentiate by");
}

}  // namespace

namespace engine {

struct Linearization::State {
  std::atomic<std::int32_t> owners = 1;
  const char* name;
  TransformOptions options;
  std::optional<PrivateTape> own;  // when no tape recorded
  std::uint64_t serial = 0;        // of the tape used
  std::shared_ptr<const ArgumentList> arguments;
  std::vector<Tensor> results;  // on the tape
  std::vector<Tensor> outputs;  // for the caller

  std::vector<Tensor> sweep(Tape& tape, const std::vector<Tensor>& dys, const PullBackOptions& how) const {
    std::vector<Tensor> ys;
    std::vector<Tensor> cotangents;
    for (std::size_t j = 0; j < results.size(); ++j) {
      if (!dys[j].defined() || !carries_gradient(results[j])) continue;
      expect_alike(name, "cotangent", dys[j], results[j]);
      if (results[j].impl()->place.serial != serial) continue;  // independent of the arguments
      ys.push_back(results[j]);
      cotangents.push_back(dys[j]);
    }
    std::vector<Tensor> wanted;
    const std::vector<Tensor>& xs = arguments->tensors;
    for (const Tensor& x : xs)
      if (carries_gradient(x)) wanted.push_back(x);
    std::vector<Tensor> found;
    if (ys.empty()) {
      for (const Tensor& x : wanted) found.push_back(zeros_like(x));
    } else {
      found = tape.pull_back(ys, cotangents, wanted, how);
    }
    std::vector<Tensor> gradients(xs.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < xs.size(); ++i)
      if (carries_gradient(xs[i])) gradients[i] = std::move(found[next++]);
    return gradients;
  }
};

Linearization::Linearization(const char* name, const TensorFunction& f, const std::vector<Tensor>& xs,
                             TransformOptions options)
    : state_(nullptr) {
  expect_floating_argument(name, xs);
  auto state = std::make_unique<State>();
  State& s = *state;
  s.name = name;
  s.options = options;
  const auto record = [&] {
    s.serial = recorder.serial;
    auto arguments = std::make_shared<ArgumentList>();
    for (const Tensor& x : xs) arguments->tensors.push_back(as_argument(x));
    arguments->outer = running_arguments;
    s.arguments = std::move(arguments);
    const FunctionRun run(s.arguments);
    s.results = f(s.arguments->tensors);
  };
  if (is_recording()) {
    record();
    s.outputs = s.results;
  } else {
    s.own.emplace();
    const PrivateTape::Use use(*s.own, name);
    record();
    for (const Tensor& y : s.results) s.outputs.push_back(off_tape(y));
  }
  state_ = state.release();
}

Linearization::Linearization(const Linearization& other) noexcept : state_(other.state_) {
  state_->owners.fetch_add(1, std::memory_order_relaxed);
}

Linearization::~Linearization() {
  if (drop_owner(state_->owners)) delete state_;
}

const std::vector<Tensor>& Linearization::outputs() const { return state_->outputs; }

std::vector<Tensor> Linearization::pull_back(const std::vector<Tensor>& dys, bool last) const {
  State& s = *state_;
  if (dys.size() != s.results.size())
    throw ShapeError(
        fmt::format("[{}] expected {}, got {}", s.name, counted(s.results.size(), "cotangent"), dys.size()));
  if (s.own) {
    for (const Tensor& dy : dys)
      if (dy.is_tracked())
        throw TapeError(
            fmt::format("[{}] the cotangent {} lies on a tape, but the function was recorded before that "
                        "tape lived: call {} while it does, or detach() the cotangent",
                        s.name, to_string(dy.shape()), s.name));
    const PrivateTape::Use use(*s.own, s.name);
    return s.sweep(use.tape(), dys, {.retain = !last, .strong_zero = s.options.strong_zero});
  }
  if (recorder.tape == nullptr || recorder.serial != s.serial)
    throw TapeError(fmt::format("[{}] the tape that recorded the function no longer lives here", s.name));
  return s.sweep(recorder.tape->handle(), dys,
                 {.retain = true, .create_graph = is_recording(), .strong_zero = s.options.strong_zero});
}

std::vector<Tensor> Linearization::gradient() const {
  const std::vector<Tensor>& ys = state_->outputs;
  if (ys.size() == 1 && !ys.front().defined())
    expect_differentiable(state_->name, ys.front(), "result to differentiate");
  if (ys.size() != 1 || ys.front().numel() != 1)
    throw ShapeError(
        fmt::format("[{}] expected a function with one result of one element, got {}", state_->name,
                    ys.size() == 1 ? to_string(ys.front().shape()) : fmt::format("{} results", ys.size())));
  Tensor one;
  {
    const NoRecord pause;
    one = ones_like(ys.front());
  }
  return pull_back({one}, true);
}

namespace {

/// What jvp() gives, to whoever is called `name`.
std::pair<std::vector<Tensor>, std::vector<Tensor>> push_forward(const char* name, const TensorFunction& f,
                                                                 const std::vector<Tensor>& xs,
                                                                 const std::vector<Tensor>& vs,
                                                                 TransformOptions options) {
  expect_floating_argument(name, xs);
  if (xs.size() != vs.size())
    throw ShapeError(fmt::format("[{}] expected {}, got {}", name, counted(xs.size(), "tangent"), vs.size()));
  const ForwardLevel level(options.strong_zero);
  std::vector<Tensor> arguments = xs;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!vs[i].defined() || !carries_gradient(xs[i])) continue;
    expect_alike(name, "tangent", vs[i], xs[i]);
    arguments[i] = with_tangent(xs[i], level.id(), vs[i]);
  }
  std::vector<Tensor> ys = f(arguments);
  std::vector<Tensor> dys;
  for (Tensor& y : ys) {
    Tensor& dy = dys.emplace_back();
    if (!carries_gradient(y)) continue;
    dy = tangent_of(y, level.id());
    const auto shares = [&dy](const Tensor& other) {
      return other.defined() && array_of(other).storage.get() == array_of(dy).storage.get();
    };
    if (!dy.defined()) {
      dy = zeros_like(y);
    } else if (std::any_of(vs.begin(), vs.end(), shares) || std::any_of(dys.begin(), dys.end() - 1, shares)) {
      dy = dy.clone();  // a result that the caller writes may change neither what was given nor another result
    }
    y = without_tangent(y, level.id());
  }
  return {std::move(ys), std::move(dys)};
}

/// f's gradient as a function. REQUIRES: f outlives it.
TensorFunction gradient_of(const TensorFunction& f, const char* name, TransformOptions options) {
  return [&f, name, options](const std::vector<Tensor>& xs) { return Linearization(name, f, xs, options).gradient(); };
}

/// Zeros of x's shape with a 1 at element i.
Tensor unit(const Tensor& x, std::int64_t i) {
  const NoRecord pause;
  Tensor e = zeros(x.shape(), {.dtype = x.dtype()});
  const array::Array& a = array_of(e);
  array::fill(a.view({}, {}, i), 1.0);
  return e;
}

/// Of the derivative of a y by an x.
Shape derivative_shape(const char* name, const Shape& y, const Shape& x) {
  if (y.rank() + x.rank() > kMaxRank)
    throw ShapeError(fmt::format("[{}] expected a derivative of at most {} dimensions, got {} by {}", name, kMaxRank,
                                 to_string(y), to_string(x)));
  Shape shape = y;
  for (const std::int64_t size : x) shape.push_back(size);
  return shape;
}

/// As a vector: a stack of tensors has a dimension more than they, which may be one too many.
Tensor flat(const Tensor& x) { return reshape(x, {x.numel()}); }

/// The Jacobian, of this shape, from J e_i for each element i of x. The first column's run is f's own, which the others
/// repeat.
Tensor by_columns(const char* name, const TensorFunction& f, const Tensor& x, const Shape& shape,
                  TransformOptions options) {
  std::vector<Tensor> columns;
  const RandomStream random = default_generator().state();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::optional<Replay> replay;
    if (i > 0) replay.emplace(random);
    columns.push_back(flat(push_forward(name, f, {x}, {unit(x, i)}, options).second.front()));
  }
  return reshape(stack(columns, -1), shape).to(x.dtype());
}

}  // namespace

std::pair<std::vector<Tensor>, std::vector<Tensor>> jvp(const TensorFunction& f, const std::vector<Tensor>& xs,
                                                        const std::vector<Tensor>& vs, TransformOptions options) {
  return push_forward("jvp", f, xs, vs, options);
}

Tensor hvp(const TensorFunction& f, const Tensor& x, const Tensor& v, TransformOptions options) {
  return push_forward("hvp", gradient_of(f, "hvp", options), {x}, {v}, options).second.front();
}

Tensor jacobian(const TensorFunction& f, const Tensor& x, TransformOptions options) {
  const RandomStream random = default_generator().state();
  Shape shape;
  {
    const Linearization point("jacobian", f, {x}, options);
    if (point.outputs().size() != 1)
      throw ShapeError(fmt::format("[jacobian] expected a function with one result, got {}", point.outputs().size()));
    const Tensor y = point.outputs().front();
    expect_differentiable("jacobian", y, "result to differentiate");
    shape = derivative_shape("jacobian", y.shape(), x.shape());
    if (shape.numel() == 0) return zeros(shape, {.dtype = x.dtype()});
    if (y.numel() <= x.numel()) {
      std::vector<Tensor> rows;
      for (std::int64_t i = 0; i < y.numel(); ++i) rows.push_back(flat(point.pull_back({unit(y, i)}).front()));
      return reshape(stack(rows, 0), shape);
    }
  }
  const Replay replay(random);  // f has run
  return by_columns("jacobian", f, x, shape, options);
}

Tensor hessian(const TensorFunction& f, const Tensor& x, TransformOptions options) {
  expect_floating_argument("hessian", {x});
  const Shape shape = derivative_shape("hessian", x.shape(), x.shape());
  const TensorFunction gradient = gradient_of(f, "hessian", options);
  if (x.numel() == 0) {
    gradient({x});  // which checks f
    return zeros(shape, {.dtype = x.dtype()});
  }
  return by_columns("hessian", gradient, x, shape, options);
}

}  // namespace engine
}  // namespace tapegrad
