// Functions of tensors, whatever their spelling: f(x), f(x, w), f(std::vector<Tensor>), returning a Tensor or several.
#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// What every function looks like from inside the transforms.
using TensorFunction = Callable<std::vector<Tensor>(const std::vector<Tensor>&)>;

namespace engine {

inline constexpr std::size_t kMostArguments = 8;

/// Functions that map one tensor to its derivative or a list to a list: grad() and value_and_grad(). They declare it by
/// a member type, because a generic lambda seems to take both as well.
template <class F>
concept OneOrList = requires {
  typename std::remove_cvref_t<F>::TakesOneOrList;
};

// A struct, because clang 14 drops the pack from an alias that does not use its parameter.
template <std::size_t>
struct TensorArgument {
  using Type = const Tensor&;
};

template <class F, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, typename TensorArgument<I>::Type...>;
}
/// Whether f(x0, ..., x_{count - 1}) compiles.
template <class F, std::size_t Count>
inline constexpr bool kTakes = takes<F>(std::make_index_sequence<Count>{});

inline std::vector<Tensor> as_list(Tensor result) { return {std::move(result)}; }
inline std::vector<Tensor> as_list(std::vector<Tensor> results) { return results; }
template <class Results>
requires requires { std::tuple_size<Results>::value; }
std::vector<Tensor> as_list(Results results) {
  return std::apply([](auto&... each) { return std::vector<Tensor>{std::move(each)...}; }, results);
}
inline std::vector<Tensor> as_list(std::pair<Tensor, std::vector<Tensor>> results) {
  results.second.insert(results.second.begin(), std::move(results.first));
  return std::move(results.second);
}

template <class F, std::size_t... I>
std::vector<Tensor> call_with(F& f, const std::vector<Tensor>& xs, std::index_sequence<I...>) {
  return as_list(f(xs[I]...));
}

/// A bit for each number of tensors that F takes, none aside.
template <class F, std::size_t... I>
constexpr unsigned numbers_taken(std::index_sequence<I...>) {
  return ((kTakes<F, I + 1> ? 1U << (I + 1) : 0U) | ...);
}

/// Throws ValueError "[op] the function does not take 2 tensors: it takes 1 or 3". `taken` has a bit for each number.
[[noreturn]] void refuse_arguments(const char* op, std::size_t count, unsigned taken);

/// Calls f with as many arguments as there are tensors, or with the list. `op` begins the error of a function that
/// takes neither.
template <class F, std::size_t Count = 1>
std::vector<Tensor> call(const char* op, F& f, const std::vector<Tensor>& xs) {
  if constexpr (OneOrList<F>) {
    return as_list(f(xs));
  } else if constexpr (Count <= kMostArguments) {
    if constexpr (kTakes<F, Count>)
      if (xs.size() == Count) return call_with(f, xs, std::make_index_sequence<Count>{});
    return call<F, Count + 1>(op, f, xs);
  } else {
    // A generic lambda of one argument seems to take anything: it is not asked whether it takes a list.
    if constexpr (!kTakes<F, 1>)
      if constexpr (std::is_invocable_v<F&, const std::vector<Tensor>&>) return as_list(f(xs));
    refuse_arguments(op, xs.size(), numbers_taken<F>(std::make_index_sequence<kMostArguments>{}));
  }
}

template <class F, std::size_t... I>
auto result_with(std::index_sequence<I...>)
    -> std::type_identity<std::invoke_result_t<F&, typename TensorArgument<I>::Type...>>;

/// The result of f on X where it takes one or a list, else on as few tensors as it takes, else on a list.
template <class F, class X, std::size_t Count = 1>
auto result_of() {
  if constexpr (OneOrList<F>) {
    return std::type_identity<std::invoke_result_t<F&, const X&>>{};
  } else if constexpr (Count > kMostArguments) {
    return std::type_identity<std::invoke_result_t<F&, const std::vector<Tensor>&>>{};
  } else if constexpr (kTakes<F, Count>) {
    return decltype(result_with<F>(std::make_index_sequence<Count>{})){};
  } else {
    return result_of<F, X, Count + 1>();
  }
}

/// Of f on X, a Tensor or a list of them: Tensor for functions that return one tensor, std::vector<Tensor> for all
/// others.
template <class F, class X>
using Result = std::conditional_t<
    std::same_as<std::remove_cvref_t<typename decltype(result_of<std::remove_reference_t<F>, X>())::type>, Tensor>,
    Tensor, std::vector<Tensor>>;

/// Holds a reference to f. REQUIRES: f outlives the result. `op` begins the error of a function that does not take the
/// arguments.
template <class F>
TensorFunction function_of(const char* op, F& f) {
  return [op, &f](const std::vector<Tensor>& xs) { return call(op, f, xs); };
}

/// The list as what the caller gets: itself, or its one tensor.
template <class As>
As unlist(std::vector<Tensor>&& list) {
  if constexpr (std::same_as<As, Tensor>) {
    return std::move(list.front());
  } else {
    return std::move(list);
  }
}

}  // namespace engine
}  // namespace tapegrad
