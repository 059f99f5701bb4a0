// Checks hand-written derivatives of plain functions: no tensors, no tape, no base classes.
//
//   double energy(std::span<const double> x);
//   std::vector<double> energy_gradient(std::span<const double> x);
//
//   const auto report = tapegrad::check_gradient(energy, energy_gradient, x);
//   if (!report.ok()) fmt::print("{}\n", report);        // verdict, worst elements, diagnosis
//
// Whatever a codebase calls its derivatives, one of these takes them:
//
//   check_gradient(f, gradient, x)          f: x -> double;      gradient: x -> vector, or (x, out) -> void
//   check_gradient(value_and_gradient, x)   (x, gradient out) -> double, as optimisers want it
//   check_jacobian(f, jacobian, x)          f: x -> vector;      jacobian: x -> m n numbers row-major, or (x, out)
//   check_pullback(f, pullback, x)          f: x -> vector;      pullback: (x, v) -> J^T v, or (x, v, out)
//   check_pushforward(f, pushforward, x)    f: x -> vector;      pushforward: (x, v) -> J v, or (x, v, out)
//
// A Hessian is the Jacobian of a gradient: check_jacobian(gradient, hessian, x). x, v and out are
// std::span<(const) double>, or (const) std::vector<double>&; "vector" is anything that std::vector<double> can be made
// of by begin() and end(). Vector functions may write, too: f: (x, out) -> void when the number of outputs is given,
// check_jacobian(f, m, jacobian, x). What they write to holds NaN before, so that a number that is not set, or that is
// added to what was there, shows: zeros are written too.
//
// x is one vector, or several parts in a row that GradcheckOptions name and shape:
//
//   check_gradient(loss, loss_gradient, theta, {.input_names = {"W", "b"}, .input_shapes = {{40, 12}, {12}}})
//
// Then each part has its own verdict, elements are named by index, and a transposed W is told from a wrong one.
//
// f is evaluated where it pleases the differences: beyond the end of its domain it may return NaN or infinities,
// another number of results, or throw. What it throws at x itself is passed on. Values that are less accurate than
// rounding (an iteration that stops at 1e-8, a simulation) need GradcheckOptions::accuracy. Throws ShapeError for a
// derivative of the wrong size, ValueError for input_shapes that do not add up to x, for options outside their domain
// and for those of tensors (differences_in_float64, strong_zero).
#pragma once

#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad {

namespace engine {

using Point = std::span<const double>;
/// What all plain functions look like from inside: (x) -> values, (x, v) -> values.
using PlainFunction = Callable<std::vector<double>(Point x)>;
using PlainProduct = Callable<std::vector<double>(Point x, Point v)>;

/// The derivatives that were given. Those that are empty were not.
struct PlainDerivatives {
  PlainFunction jacobian = {};     ///< m n numbers, row-major
  PlainProduct pull_back = {};     ///< J^T v
  PlainProduct push_forward = {};  ///< J v
  const char* name = "check";      ///< begins error messages
};

GradcheckReport check_plain(const PlainFunction& f, const PlainDerivatives& derivatives, Point x,
                            const GradcheckOptions& options);

template <class Range>
std::vector<double> as_values(const Range& range) {
  return std::vector<double>(std::begin(range), std::end(range));
}

/// What the arguments of a function of spans are where it takes vectors.
template <class>
using VectorOf = std::vector<double>;

/// Whether f(at...) compiles, for spans or for vectors.
template <class F, class... Points>
inline constexpr bool kGives =
    std::is_invocable_v<F&, Points...> || std::is_invocable_v<F&, const VectorOf<Points>&...>;
/// The same for f(at..., out).
template <class F, class... Points>
inline constexpr bool kWrites = std::is_invocable_v<F&, Points..., std::span<double>> ||
                                std::is_invocable_v<F&, const VectorOf<Points>&..., std::vector<double>&>;

/// A result as a number or as values of its own: what is a view of f's arguments dies with them.
template <class Result>
auto held(const Result& result) {
  if constexpr (std::is_convertible_v<const Result&, double>) {
    return static_cast<double>(result);
  } else {
    return as_values(result);
  }
}

/// f(at...) and f(at..., out), with spans or with vectors.
template <class F, class... Points>
auto value_at(F& f, Points... at) {
  if constexpr (std::is_invocable_v<F&, Points...>) {
    return held(f(at...));
  } else {
    return [&f](const auto&... vectors) { return held(f(vectors...)); }(as_values(at)...);
  }
}
/// A place to write to that holds no number: what a function leaves out, or adds to, shows.
inline std::vector<double> unwritten(std::size_t count) {
  return std::vector<double>(count, std::numeric_limits<double>::quiet_NaN());
}
template <class F, class... Points>
auto write_at(F& f, std::vector<double>& out, Points... at) {
  if constexpr (std::is_invocable_v<F&, Points..., std::span<double>>) {
    return f(at..., std::span<double>(out));
  } else {
    return [&](const auto&... vectors) { return f(vectors..., out); }(as_values(at)...);
  }
}

/// f as x -> values, whether it returns a number, returns a range or writes `count` numbers.
template <class F>
PlainFunction plain_function(F& f, std::size_t count) {
  return [=, &f](Point x) -> std::vector<double> {
    if constexpr (kGives<F, Point>) {
      if constexpr (std::is_same_v<decltype(value_at(f, x)), double>) {
        return {value_at(f, x)};
      } else {
        return value_at(f, x);
      }
    } else {
      static_assert(kWrites<F, Point>,
                    "expected a function of std::span<const double> or const std::vector<double>&, or of that and a "
                    "std::span<double> or std::vector<double>& to write to");
      std::vector<double> out = unwritten(count);
      write_at(f, out, x);
      return out;
    }
  };
}

template <class F>
PlainProduct plain_product(F& f, std::size_t count) {
  return [=, &f](Point x, Point v) -> std::vector<double> {
    // First, since a vector to write to may be read as well.
    if constexpr (kWrites<F, Point, Point>) {
      std::vector<double> out = unwritten(count);
      write_at(f, out, x, v);
      return out;
    } else {
      static_assert(kGives<F, Point, Point>,
                    "expected a function of two std::span<const double> or const std::vector<double>&, or of these and "
                    "a std::span<double> or std::vector<double>& to write to");
      return value_at(f, x, v);
    }
  };
}

/// How many numbers f returns at x.
template <class F>
std::size_t count_outputs(F& f, Point x) {
  static_assert(kGives<F, Point>, "f writes its result: say how many outputs it has, (f, m, ...)");
  return plain_function(f, 0)(x).size();
}

}  // namespace engine

/// The gradient of a scalar function.
template <class F, class G>
GradcheckReport check_gradient(F&& f, G&& gradient, std::span<const double> x, const GradcheckOptions& options = {}) {
  static_assert(engine::kGives<F, engine::Point>,
                "check_gradient takes a function of std::span<const double> or const std::vector<double>&");
  static_assert(std::is_same_v<decltype(engine::value_at(f, x)), double>,
                "check_gradient takes a function that returns a number; see check_jacobian for several");
  return engine::check_plain(engine::plain_function(f, 1),
                             {.jacobian = engine::plain_function(gradient, x.size()), .name = "check_gradient"}, x,
                             options);
}

/// A scalar function that writes its gradient besides: (x, gradient) -> double. Checked: the gradient it writes.
template <class F>
requires engine::kWrites<F, engine::Point> GradcheckReport check_gradient(F&& value_and_gradient,
                                                                          std::span<const double> x,
                                                                          const GradcheckOptions& options = {}) {
  const auto value = [&](std::span<const double> at) -> double {
    std::vector<double> unused = engine::unwritten(at.size());
    return engine::write_at(value_and_gradient, unused, at);
  };
  const auto gradient = [&](std::span<const double> at) {
    std::vector<double> written = engine::unwritten(at.size());
    engine::write_at(value_and_gradient, written, at);
    return written;
  };
  return check_gradient(value, gradient, x, options);
}

/// All partial derivatives of a vector function with `outputs` results.
template <class F, class J>
GradcheckReport check_jacobian(F&& f, std::size_t outputs, J&& jacobian, std::span<const double> x,
                               const GradcheckOptions& options = {}) {
  return engine::check_plain(
      engine::plain_function(f, outputs),
      {.jacobian = engine::plain_function(jacobian, outputs * x.size()), .name = "check_jacobian"}, x, options);
}
template <class F, class J>
GradcheckReport check_jacobian(F&& f, J&& jacobian, std::span<const double> x, const GradcheckOptions& options = {}) {
  return check_jacobian(f, engine::count_outputs(f, x), jacobian, x, options);
}

/// Products of the transposed Jacobian: what reverse mode computes.
template <class F, class P>
GradcheckReport check_pullback(F&& f, std::size_t outputs, P&& pullback, std::span<const double> x,
                               const GradcheckOptions& options = {}) {
  return engine::check_plain(engine::plain_function(f, outputs),
                             {.pull_back = engine::plain_product(pullback, x.size()), .name = "check_pullback"}, x,
                             options);
}
template <class F, class P>
GradcheckReport check_pullback(F&& f, P&& pullback, std::span<const double> x, const GradcheckOptions& options = {}) {
  return check_pullback(f, engine::count_outputs(f, x), pullback, x, options);
}

/// Products of the Jacobian: what forward mode computes.
template <class F, class P>
GradcheckReport check_pushforward(F&& f, std::size_t outputs, P&& pushforward, std::span<const double> x,
                                  const GradcheckOptions& options = {}) {
  return engine::check_plain(engine::plain_function(f, outputs),
                             {.push_forward = engine::plain_product(pushforward, outputs), .name = "check_pushforward"},
                             x, options);
}
template <class F, class P>
GradcheckReport check_pushforward(F&& f, P&& pushforward, std::span<const double> x,
                                  const GradcheckOptions& options = {}) {
  return check_pushforward(f, engine::count_outputs(f, x), pushforward, x, options);
}

}  // namespace tapegrad
