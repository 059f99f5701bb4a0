// Callable: any function of one signature, held by value. As much of std::function as the engine needs: <functional>
// brings searchers and hash tables along, and would be a quarter of what it costs to compile tapegrad/tapegrad.hpp.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

template <class Signature>
class Callable;

/// Holds a copy of a function, lambda or object that can be copied and called with Args, or nothing; copying copies it.
template <class R, class... Args>
class Callable<R(Args...)> {
 public:
  Callable() = default;
  Callable(std::nullptr_t) {}
  /// A null pointer and an empty std::function are nothing.
  // is_same is tested first: is_copy_constructible<Callable> would recurse into this constraint.
  template <class F>
  requires(!std::is_same_v<F, Callable> && std::is_copy_constructible_v<F> && std::is_invocable_r_v<R, F&, Args...>)
      Callable(F function) {
    if constexpr (std::is_constructible_v<F, std::nullptr_t> && requires { function == nullptr; })
      if (function == nullptr) return;
    held_ = new Held<F>(std::move(function));
  }
  Callable(const Callable& other) : held_(other.held_ == nullptr ? nullptr : other.held_->clone()) {}
  Callable(Callable&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  Callable& operator=(Callable other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~Callable() { delete held_; }

  /// Whether it holds something.
  explicit operator bool() const { return held_ != nullptr; }
  /// Throws ValueError when it holds nothing.
  R operator()(Args... args) const {
    if (held_ == nullptr) throw ValueError("[Callable] there is no function to call");
    return held_->call(std::forward<Args>(args)...);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Base* clone() const = 0;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Held final : Base {
    explicit Held(F value) : function(std::move(value)) {}
    Base* clone() const override { return new Held(function); }
    R call(Args... args) override { return static_cast<R>(function(std::forward<Args>(args)...)); }
    F function;
  };
  Base* held_ = nullptr;
};

}  // namespace tapegrad
