// Where a token stands: added to what it is.
#pragma once

#include <cstdint>

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// Row p of [length, features]: sin(p / 10000^(2i / features)) at feature 2i, the cosine of the same at 2i + 1. Vaswani
/// et al. 2017, arXiv:1706.03762, section 3.5.
Tensor sinusoidal_positions(std::int64_t length, std::int64_t features, DType dtype = float32);

/// Adds sinusoidal positions to x [.., L, features]. Nothing is trained, and any length goes.
class SinusoidalPosition : public Module {
 public:
  /// Throws ValueError for a negative number of features.
  explicit SinusoidalPosition(std::int64_t features);

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  std::int64_t features_;
  Tensor table32_;  // of the usual lengths; longer ones are computed as they come
  Tensor table64_;
};

struct LearnedPositionOptions {
  /// Of the normal distribution at the start, as in BERT and GPT-2.
  double deviation = 0.02;
  DType dtype = float32;
};

/// Adds row p of weight [max_length, features] to position p of x [.., L, features]. Throws ShapeError for L above
/// max_length.
class LearnedPosition : public Module {
 public:
  LearnedPosition(std::int64_t max_length, std::int64_t features, LearnedPositionOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  TAPEGRAD_MODULE(weight)
};

}  // namespace tapegrad::nn
