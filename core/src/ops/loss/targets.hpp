// What the losses over classes ask of their int64 targets and their class weights, and what a sample counts.
#pragma once

#include <cstdint>
#include <string_view>

#include "array/array.hpp"
#include "tapegrad/ops/loss.hpp"

namespace tapegrad {

/// `scores` [.., C] must be floating, `targets` int64 of its shape without the classes, `weight` (when given) an
/// untracked [C] of its dtype. Messages begin with [op] and call the scores `what`; that about floating targets ends
/// with `of_floating`.
void expect_classes(std::string_view op, std::string_view what, const Tensor& scores, const Tensor& targets,
                    const Tensor& weight, std::string_view of_floating = "");

/// The dtype alone.
void expect_target_dtype(std::string_view op, const Tensor& targets, std::string_view of_floating = "");

/// The weight alone.
void expect_weight(std::string_view op, const Tensor& scores, const Tensor& weight);

/// Throws IndexError for the first target that is neither a class nor ignored.
void expect_targets(std::string_view op, const array::Array& targets, std::int64_t classes, std::int64_t ignore_index);

/// What each sample's loss counts in the result, `total` being the weight of those that are not ignored: with none of
/// them a mean is 0.
inline double share_of(Reduction reduction, double total) {
  return reduction != Reduction::mean ? 1.0 : total == 0.0 ? 0.0 : 1.0 / total;
}

}  // namespace tapegrad
