// The arguments of transforms, checks and checkpointed blocks: a node of their own for each, and who holds them.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// The identity: gives an argument a node of its own, so that a function's other uses of the tensor are not
/// differentiated.
struct Argument : Op<Argument> {
  static constexpr std::string_view name = "argument";
  static constexpr std::string_view math = R"(y = x;\quad \bar x = \bar y)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Tensor forward(const Tensor& x) const { return x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy; }
};

/// What a function is called with, and what those were called with that called it. A checkpointed block may refer to
/// all of these and runs again when the functions have returned: its node shares them.
struct ArgumentList {
  std::vector<Tensor> tensors;
  std::shared_ptr<const ArgumentList> outer;
};

/// Of the innermost function that runs on this thread.
inline thread_local std::shared_ptr<const ArgumentList> running_arguments;

/// While it lives, a function runs with these arguments.
class FunctionRun {
 public:
  [[nodiscard]] explicit FunctionRun(std::shared_ptr<const ArgumentList> arguments)
      : before_(std::exchange(running_arguments, std::move(arguments))) {}
  FunctionRun(const FunctionRun&) = delete;
  FunctionRun& operator=(const FunctionRun&) = delete;
  ~FunctionRun() { running_arguments = std::move(before_); }

 private:
  std::shared_ptr<const ArgumentList> before_;
};

}  // namespace tapegrad
