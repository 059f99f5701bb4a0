// Cross-entropy of classes, over the rows of a contiguous [rows, classes] array of logits.
//
// A row's result depends on that row alone, to the bit, and on no number of threads. Sums run in double precision. A
// row that is -inf throughout has an infinite loss and gradient 0; one that holds NaN or +inf gives NaN. Instantiated
// for float and double.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// Logits x [rows, classes] and what is asked of them, after PyTorch's cross_entropy. REQUIRES: each target is
/// ignore_index or in [0, classes).
template <class T>
struct CrossEntropy {
  const T* logits = nullptr;
  const std::int64_t* targets = nullptr;  ///< [rows]
  std::int64_t rows = 0;
  std::int64_t classes = 0;
  std::int64_t ignore_index = -100;
  double label_smoothing = 0;
  const T* class_weights = nullptr;  ///< [classes]; null: all 1
};

/// Row i with target t: loss = (1 - s) w_t (lse - x_t) + s / C sum_c w_c (lse - x_c), with lse = log sum exp x, s the
/// label smoothing, C the number of classes; 0 for an ignored row. A term with the factor 0 is 0, be x_c -inf.
/// `logsumexp` [rows] is kept for the reverse sweep.
template <class T>
void cross_entropy_forward(const CrossEntropy<T>& facts, T* loss, T* logsumexp);

/// dlogits = scale_i (softmax(x) ((1 - s) w_t + s / C sum_c w_c) - (1 - s) w_t [c = t] - s / C w_c), scale [rows] being
/// the gradient that reaches each row's loss; 0 for an ignored row.
template <class T>
void cross_entropy_backward(const CrossEntropy<T>& facts, const T* logsumexp, const T* scale, T* dlogits);

/// Sum of w_t over the rows not ignored, which divides the sum of losses for their mean.
template <class T>
double cross_entropy_total_weight(const CrossEntropy<T>& facts);

}  // namespace tapegrad::kernels
