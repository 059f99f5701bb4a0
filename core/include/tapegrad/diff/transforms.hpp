// Derivatives of functions, as functions.
//
//   auto f = [](const Tensor& x) { return sum(exp(sin(x))); };
//   auto [y, dx] = value_and_grad(f)(x);
//   auto [out, dout] = jvp(f, x, v);              // several inputs: jvp(f, {x, w}, {v, u})
//   auto [out2, pullback] = vjp(f, x);            // pullback(dy) -> dx
//
// All differentiate with respect to the arguments alone: a tensor that f reads besides is a constant, even where it is
// the same tensor as an argument. All nest in any order. While a tape records, a transform works on that tape, so that
// its result can be differentiated again, with respect to what f reads besides too; else it works on a tape of its own
// and its result is a plain tensor. Integer and bool tensors are passed to f and have no derivative (undefined
// tensors).
//
// Results are what f returned: if f returns its argument, the result shares its elements. Derivatives share elements
// with no other tensor.
//
// f is called before the transform returns, and is not kept. grad and value_and_grad keep a copy of f: give them a
// lambda that refers to your model, not the model itself. Throws what f throws, DTypeError where no argument is
// floating, ValueError where what is to be differentiated, or differentiated by, is an undefined tensor, TapeError
// where an operation of f has no derivative of the order asked for.
#pragma once

#include <concepts>
#include <utility>
#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct TransformOptions {
  /// As BackwardOptions::strong_zero, for the reverse rules and the forward rules that the transform runs.
  bool strong_zero = false;
};

namespace engine {

/// A function recorded at a point, ready for reverse sweeps. Copies share the recording.
class Linearization {
 public:
  /// `name` begins error messages.
  Linearization(const char* name, const TensorFunction& f, const std::vector<Tensor>& xs,
                TransformOptions options = {});
  Linearization(const Linearization& other) noexcept;
  Linearization& operator=(Linearization other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Linearization();

  const std::vector<Tensor>& outputs() const;
  /// J^T dy; an undefined dy is zero. `last`: no other pull_back will follow.
  std::vector<Tensor> pull_back(const std::vector<Tensor>& dys, bool last = false) const;
  /// The gradient of the single one-element output.
  std::vector<Tensor> gradient() const;

 private:
  struct State;
  State* state_;  // counts its owners
};

std::pair<std::vector<Tensor>, std::vector<Tensor>> jvp(const TensorFunction& f, const std::vector<Tensor>& xs,
                                                        const std::vector<Tensor>& vs, TransformOptions options = {});
Tensor hvp(const TensorFunction& f, const Tensor& x, const Tensor& v, TransformOptions options);
Tensor jacobian(const TensorFunction& f, const Tensor& x, TransformOptions options);
Tensor hessian(const TensorFunction& f, const Tensor& x, TransformOptions options);

}  // namespace engine

/// The transpose of a function's Jacobian at a point: X = J^T Y. X and Y are Tensor or std::vector<Tensor>. May be
/// called any number of times, by one thread at a time; holds the memory that the reverse sweep needs. Throws
/// ShapeError and DTypeError for cotangents unlike the outputs, TapeError when the tape that recorded the function is
/// gone, and while another thread calls it or a copy.
template <class X, class Y>
class Pullback {
 public:
  explicit Pullback(const engine::Linearization& point) : point_(point) {}
  [[nodiscard]] X operator()(const Y& dy) const {
    if constexpr (std::same_as<Y, Tensor>) {
      return engine::unlist<X>(point_.pull_back({dy}));
    } else {
      return engine::unlist<X>(point_.pull_back(dy));
    }
  }

 private:
  engine::Linearization point_;
};

namespace engine {

template <class X, class F>
auto vjp(F& f, const std::vector<Tensor>& xs, TransformOptions options) {
  using Y = Result<F, X>;
  const Linearization point("vjp", function_of("vjp", f), xs, options);
  std::vector<Tensor> outputs = point.outputs();
  return std::pair<Y, Pullback<X, Y>>(unlist<Y>(std::move(outputs)), Pullback<X, Y>(point));
}

}  // namespace engine

/// y = f(x) and the pullback dy -> J^T dy.
template <class F>
[[nodiscard]] auto vjp(F&& f, const Tensor& x, TransformOptions options = {}) {
  return engine::vjp<Tensor>(f, {x}, options);
}
template <class F>
[[nodiscard]] auto vjp(F&& f, const std::vector<Tensor>& xs, TransformOptions options = {}) {
  return engine::vjp<std::vector<Tensor>>(f, xs, options);
}

/// y = f(x) and its derivative J v along v, in one forward run. ShapeError, DTypeError for a v unlike x; an undefined v
/// is zero.
template <class F>
[[nodiscard]] auto jvp(F&& f, const Tensor& x, const Tensor& v, TransformOptions options = {}) {
  using Y = engine::Result<F, Tensor>;
  auto [y, dy] = engine::jvp(engine::function_of("jvp", f), {x}, {v}, options);
  return std::pair<Y, Y>(engine::unlist<Y>(std::move(y)), engine::unlist<Y>(std::move(dy)));
}
template <class F>
[[nodiscard]] auto jvp(F&& f, const std::vector<Tensor>& xs, const std::vector<Tensor>& vs,
                       TransformOptions options = {}) {
  using Y = engine::Result<F, std::vector<Tensor>>;
  auto [y, dy] = engine::jvp(engine::function_of("jvp", f), xs, vs, options);
  return std::pair<Y, Y>(engine::unlist<Y>(std::move(y)), engine::unlist<Y>(std::move(dy)));
}

namespace engine {

template <class F>
class ValueAndGrad {
 public:
  using TakesOneOrList = void;
  ValueAndGrad(F f, TransformOptions options) : f_(std::move(f)), options_(options) {}
  [[nodiscard]] std::pair<Tensor, Tensor> operator()(const Tensor& x) const {
    const Linearization point = at({x});
    return {point.outputs().front(), unlist<Tensor>(point.gradient())};
  }
  [[nodiscard]] std::pair<Tensor, std::vector<Tensor>> operator()(const std::vector<Tensor>& xs) const {
    const Linearization point = at(xs);
    return {point.outputs().front(), point.gradient()};
  }

 private:
  Linearization at(const std::vector<Tensor>& xs) const {
    return Linearization("value_and_grad", function_of("value_and_grad", f_), xs, options_);
  }

  F f_;
  TransformOptions options_;
};

template <class F>
class Grad {
 public:
  using TakesOneOrList = void;
  Grad(F f, TransformOptions options) : f_(std::move(f)), options_(options) {}
  Tensor operator()(const Tensor& x) const { return unlist<Tensor>(at({x}).gradient()); }
  [[nodiscard]] std::vector<Tensor> operator()(const std::vector<Tensor>& xs) const { return at(xs).gradient(); }

 private:
  Linearization at(const std::vector<Tensor>& xs) const {
    return Linearization("grad", function_of("grad", f_), xs, options_);
  }

  F f_;
  TransformOptions options_;
};

}  // namespace engine

/// x -> (f(x), df/dx) for a function with one one-element result (else ShapeError); on a list of tensors a list of
/// derivatives.
template <class F>
[[nodiscard]] auto value_and_grad(F f, TransformOptions options = {}) {
  return engine::ValueAndGrad<F>(std::move(f), options);
}

/// x -> df/dx for a function with one one-element result (else ShapeError); on a list of tensors a list.
template <class F>
[[nodiscard]] auto grad(F f, TransformOptions options = {}) {
  return engine::Grad<F>(std::move(f), options);
}

/// H v, the derivative of grad(f) along v: forward mode over reverse, at the cost of a few gradients whatever x's size
/// (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
template <class F>
Tensor hvp(F&& f, const Tensor& x, const Tensor& v, TransformOptions options = {}) {
  return engine::hvp(engine::function_of("hvp", f), x, v, options);
}

/// All partial derivatives of f's one result: shape y.shape() + x.shape(), x's dtype. One reverse sweep per element of
/// y or one forward run per element of x, whichever are fewer. Each run draws the same random numbers from the default
/// generator; in all but the first is_replaying() holds, so that a layer's running statistics are updated once. Throws
/// ShapeError where y and x have more than kMaxRank dimensions together.
template <class F>
Tensor jacobian(F&& f, const Tensor& x, TransformOptions options = {}) {
  return engine::jacobian(engine::function_of("jacobian", f), x, options);
}

/// The second derivatives of a function with one one-element result (else ShapeError): shape x.shape() + x.shape(). One
/// hvp per element of x, whose runs of f are as in jacobian(). Throws ShapeError where x has more than kMaxRank / 2
/// dimensions.
template <class F>
Tensor hessian(F&& f, const Tensor& x, TransformOptions options = {}) {
  return engine::hessian(engine::function_of("hessian", f), x, options);
}

}  // namespace tapegrad
