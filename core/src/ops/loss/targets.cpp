#include "ops/loss/targets.hpp"

#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tape/forward_mode.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

/// What to do about targets of a shape that is often given, or nothing. `samples` is the scores' shape without classes.
std::string_view advice(const Shape& targets, const Shape& scores, const Shape& samples) {
  Shape column = samples;
  if (samples.rank() < kMaxRank) column.push_back(1);
  if (targets == scores) return ": a row for each sample, as one-hot, must be floating; else argmax(targets, -1)";
  if (targets == column) return ": squeeze(targets, -1)";
  if (scores.rank() == 3 && targets == Shape{scores[0], scores[2]})  // PyTorch's layout, [N, C, T]
    return ": classes stand last, transpose(1, 2) a [N, C, ..]";
  return "";
}

}  // namespace

void expect_classes(std::string_view op, std::string_view what, const Tensor& scores, const Tensor& targets,
                    const Tensor& weight, std::string_view of_floating) {
  if (!scores.defined()) throw_undefined_input(op, scores, fmt::format("input 0 ({})", what));
  expect_defined(op, targets, "input 1 (targets)");
  expect_floating(op, scores);
  if (scores.dim() == 0) throw ShapeError(fmt::format("[{}] expected {} [.., classes], got []", op, what));
  expect_target_dtype(op, targets, of_floating);
  Shape samples = scores.shape();
  samples.erase(samples.rank() - 1);
  if (targets.shape() != samples)
    throw ShapeError(fmt::format("[{}] expected targets {} for {} {}, got {}{}", op, to_string(samples), what,
                                 to_string(scores.shape()), to_string(targets.shape()),
                                 advice(targets.shape(), scores.shape(), samples)));
  expect_weight(op, scores, weight);
}

void expect_target_dtype(std::string_view op, const Tensor& targets, std::string_view of_floating) {
  if (targets.dtype() != int64)
    throw DTypeError(fmt::format(
        "[{}] expected targets of dtype int64, got {} {}: say {{.dtype = int64}}, or to(int64){}", op,
        to_string(targets.dtype()), to_string(targets.shape()), is_floating(targets.dtype()) ? of_floating : ""));
}

void expect_weight(std::string_view op, const Tensor& scores, const Tensor& weight) {
  if (!weight.defined()) return;
  expect_same_dtype(op, scores, weight);
  if (weight.shape() != Shape{scores.shape().back()})
    throw ShapeError(
        fmt::format("[{}] expected weight [{}], got {}", op, scores.shape().back(), to_string(weight.shape())));
  if (weight.is_tracked() || innermost_level(weight) > 0)
    throw TapeError(fmt::format("[{}] the class weights are constants: detach() them", op));
}

void expect_targets(std::string_view op, const array::Array& targets, std::int64_t classes, std::int64_t ignore_index) {
  const std::int64_t* t = targets.as<std::int64_t>();
  for (std::int64_t i = 0, n = targets.shape.numel(); i < n; ++i)
    if ((t[i] < 0 || t[i] >= classes) && t[i] != ignore_index)
      throw IndexError(fmt::format("[{}] target {} at position {} is not one of {} classes{}", op, t[i], i, classes,
                                   t[i] < 0 ? " (nor .ignore_index, which leaves a position out)" : ""));
}

}  // namespace tapegrad
