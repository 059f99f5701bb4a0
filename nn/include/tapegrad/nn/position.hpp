// Positions of tokens, added to their embeddings.
#pragma once

#include <cstdint>

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// Row p of [length, features]: sin(p / 10000^(2i / features)) at feature 2i, the cosine of the same at 2i + 1. Vaswani
/// et al. 2017, arXiv:1706.03762, section 3.5. Throws ValueError for a negative size, DTypeError for a dtype that is
/// not floating.
Tensor sinusoidal_positions(std::int64_t length, std::int64_t features, DType dtype = float32);

/// Adds sinusoidal positions first ... first + L - 1 to x [.., L, features]. Nothing is trained, and L may be any
/// length. Throws ShapeError for another number of features, ValueError when `first` is negative or the last position
/// does not fit in int64.
///
/// Rows are computed in the first call that needs them and kept, for each dtype in use: later calls cost an addition.
/// Kept are the rows up to the largest first + L, or at most twice as many where that grew from call to call; rows from
/// 65,536 on are computed in each call. A row's bits are the same at any L. Several threads may call a layer at once,
/// or copy it while others call it, without waiting for each other. Copies share the rows computed so far.
class SinusoidalPosition : public Module {
 public:
  /// Throws ValueError for a negative number of features.
  explicit SinusoidalPosition(std::int64_t features);

  Tensor operator()(const Tensor& x, std::int64_t first = 0) const;

  TAPEGRAD_MODULE()

 private:
  /// The rows so far in one dtype: [rows, features], never written again, but replaced by a longer one.
  class Table {
   public:
    Table() = default;
    Table(const Table& other) noexcept : rows_(other.rows()) {}
    Table& operator=(const Table& other) noexcept;

    /// At least `length` rows.
    Tensor at_least(std::int64_t length, std::int64_t features, DType dtype) const;

   private:
    Tensor rows() const noexcept;
    mutable Tensor rows_;  // undefined before the first call
  };

  std::int64_t features_;
  Table table32_;
  Table table64_;
};

struct LearnedPositionOptions {
  /// Standard deviation of the normal distribution that the weight is drawn from; 0.02 as in BERT and GPT-2.
  double stddev = 0.02;
  DType dtype = float32;
};

/// Adds rows first ... first + L - 1 of weight [max_length, features] to x [.., L, features]. Throws ShapeError for
/// first + L above max_length, ValueError for a negative first.
class LearnedPosition : public Module {
 public:
  /// Throws ValueError for a negative size and, unless the table is empty, for a stddev that init::normal refuses;
  /// DTypeError for a dtype that is not floating.
  LearnedPosition(std::int64_t max_length, std::int64_t features, LearnedPositionOptions options = {});

  Tensor operator()(const Tensor& x, std::int64_t first = 0) const;

  Parameter weight;
  TAPEGRAD_MODULE(weight)
};

}  // namespace tapegrad::nn
