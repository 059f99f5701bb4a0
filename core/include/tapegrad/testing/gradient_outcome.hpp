// A gradient check as one test case, for any test framework: whether it passed, and what to print if not. The headers
// beside this one bind it to Boost.Test and GoogleTest; another framework needs two lines:
//
//   const auto outcome = TAPEGRAD_GRADIENT_OUTCOME(f, x, w);
//   MY_ASSERT(outcome.passed, outcome.message);
//
// The macro is gradient_outcome() of its arguments, which are evaluated with the default generator at a fixed place in
// place of where other cases, or manual_seed(), have left it; afterwards it goes on as before. So a case draws the same
// point whether it is run alone or with others, and randn(...) among the arguments of two gives the same numbers.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/gradcheck/check_gradient.hpp"

namespace tapegrad {

struct [[nodiscard]] GradientOutcome {
  bool passed = false;
  std::string message;  ///< the report: verdict, worst elements, diagnosis, how to reproduce it
};

inline GradientOutcome outcome_of(const GradcheckReport& report) { return {report.ok(), to_string(report)}; }

namespace engine {

/// What test cases draw: a stream from which no check takes its own numbers.
inline constexpr RandomStream kCaseNumbers{.key = 0, .offset = 0};

template <class T>
inline constexpr bool kIsTensor =
    std::is_convertible_v<const T&, Tensor> || std::is_convertible_v<const T&, std::vector<Tensor>>;

/// The arguments of a test case after the function: tensors, lists of tensors, and at most one set of options.
struct TensorCase {
  std::vector<Tensor> inputs;
  GradcheckOptions options;

  void take(const GradcheckOptions& given) { options = given; }
  void take(const std::vector<Tensor>& list) { inputs.insert(inputs.end(), list.begin(), list.end()); }
  void take(const Tensor& x) { inputs.push_back(x); }
};

}  // namespace engine

/// gradient_outcome(f, x, w, ...): gradcheck of a function of tensors.
/// gradient_outcome(f, gradient, x): check_gradient of plain callables; x is anything that a std::span<const double>
/// can be made of. Both take GradcheckOptions as the last argument, in braces after up to three others.
template <class F, class First, class... Rest>
GradientOutcome gradient_outcome(F&& f, First&& first, Rest&&... rest) {
  if constexpr (engine::kIsTensor<std::remove_cvref_t<First>>) {
    engine::TensorCase arguments;
    arguments.take(first);
    (arguments.take(rest), ...);
    return outcome_of(gradcheck(f, arguments.inputs, arguments.options));
  } else {
    return outcome_of(check_gradient(f, first, rest...));
  }
}

// Braces have no type that the function above could deduce.
template <class F, class A>
GradientOutcome gradient_outcome(F&& f, const A& a, const GradcheckOptions& options) {
  return gradient_outcome<F&, const A&, const GradcheckOptions&>(f, a, options);
}
template <class F, class A, class B>
GradientOutcome gradient_outcome(F&& f, const A& a, const B& b, const GradcheckOptions& options) {
  return gradient_outcome<F&, const A&, const B&, const GradcheckOptions&>(f, a, b, options);
}
template <class F, class A, class B, class C>
GradientOutcome gradient_outcome(F&& f, const A& a, const B& b, const C& c, const GradcheckOptions& options) {
  return gradient_outcome<F&, const A&, const B&, const C&, const GradcheckOptions&>(f, a, b, c, options);
}

}  // namespace tapegrad

#define TAPEGRAD_GRADIENT_OUTCOME(...)                                             \
  (static_cast<void>(::tapegrad::RandomNumbers(::tapegrad::engine::kCaseNumbers)), \
   ::tapegrad::gradient_outcome(__VA_ARGS__))
