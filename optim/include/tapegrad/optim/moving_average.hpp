// Averages of a model's parameters over its training: they often do better than the last values.
//
//   optim::MovingAverage average(model.parameters());
//   ...                                                           // in each step:
//   optimizer.step();
//   average.update();
//   ...                                                           // to evaluate:
//   const nn::Substitution averaged(model, average.tensors());    // while it lives, the model has the averages
//
// Buffers, such as the running statistics of a batch norm, are the model's own.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/tape/named_tensors.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

struct MovingAverageOptions {
  double decay = 0.999;  ///< the weight of the old average in an update
  /// In the n-th update the weight is (1 + n) / (10 + n) where that is smaller than `decay`, so that the first values,
  /// which are drawn at random, are forgotten soon: TensorFlow's tf.train.ExponentialMovingAverage with num_updates =
  /// n.
  bool warmup = true;
};

/// The exponential moving average of every parameter, average = decay average + (1 - decay) p: Polyak and Juditsky,
/// "Acceleration of stochastic approximation by averaging", SIAM J. Control and Optimization 30, 1992, with weights
/// that fall off exponentially in the place of equal ones.
class MovingAverage {
 public:
  /// Begins with copies of the parameters' values. Throws ValueError for a decay outside [0, 1) and for an undefined
  /// tensor, DTypeError for one that is not floating.
  explicit MovingAverage(const std::vector<Tensor>& parameters, const MovingAverageOptions& options = {});
  // A copy would share the averages, which each of the two would update.
  MovingAverage(const MovingAverage&) = delete;
  MovingAverage& operator=(const MovingAverage&) = delete;
  MovingAverage(MovingAverage&&) = default;
  MovingAverage& operator=(MovingAverage&&) = default;
  ~MovingAverage() = default;

  /// Updates the averages from the parameters' values, unrecorded. Where the new average is not finite, as when one of
  /// the two is infinite or NaN, it becomes the parameter.
  void update();
  /// One for each parameter, in their order, and of its dtype, also when it has been converted since the last update;
  /// the same tensors until one is converted or a state is loaded.
  const std::vector<Tensor>& tensors() const;

  /// "updates", and "average.3" for each parameter. Handles, not copies: `state_dict().clone()` is a snapshot.
  NamedTensors state_dict() const;
  /// Copies a state in, converted to the parameters' dtypes. Throws ValueError for a name that is missing or does not
  /// fit, for a state that is this one's own (it has changed since) and for `updates` that are no whole number in [0,
  /// 2^53], ShapeError for another shape, DTypeError for an average that is not floating; then nothing has changed.
  void load_state_dict(const NamedTensors& state);

 private:
  MovingAverageOptions options_;
  std::vector<Tensor> parameters_;
  mutable std::vector<Tensor> averages_;  // tensors() brings them to their parameters' dtypes
  std::int64_t updates_ = 0;
};

}  // namespace tapegrad::optim
