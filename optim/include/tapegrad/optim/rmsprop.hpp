// RMSprop: steps along the gradient over its running root mean square.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/ops/update.hpp"
#include "tapegrad/optim/optimizer.hpp"

namespace tapegrad::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  ///< what the running means keep in a step
  double eps = 1e-8;
  double weight_decay = 0.0;  ///< L2: weight_decay p is added to the gradient
  double momentum = 0.0;
  bool centered = false;  ///< over the running standard deviation instead
};

/// g += weight_decay p;  v = alpha v + (1 - alpha) g^2;  d = g / (sqrt(v) + eps);  p -= lr d, or, with momentum,
/// velocity = momentum velocity + d;  p -= lr velocity. Centred: mean = alpha mean + (1 - alpha) g, and v - mean^2
/// stands for v in d. Tieleman and Hinton, "Lecture 6.5 - RMSprop", 2012; centred: Graves, "Generating sequences with
/// recurrent neural networks", arXiv:1308.0850, equations 38 to 41. PyTorch's definition, except that a rounding
/// error makes no variance negative, and nearly vanished state becomes 0 (see RMSRule). Mean and velocity are kept only
/// where they are used.
class RMSprop final : public FusedOptimizer<RMSpropOptions, RMSTerm> {
 public:
  /// Throws as said at GroupedOptimizer.
  explicit RMSprop(const std::vector<Tensor>& parameters, const RMSpropOptions& options = {});
  explicit RMSprop(const std::vector<ParameterGroup<RMSpropOptions>>& groups);

 private:
  void validate(const RMSpropOptions& options) const override;
  std::optional<double> initial_state(int group, std::size_t state) const override;
  bool is_of_squares(std::size_t state) const override;
  RMSTerm term_of(const Slot& slot) const override;
  void apply(const std::vector<RMSTerm>& terms, const RMSpropOptions& options, std::int64_t steps) override;
};

}  // namespace tapegrad::optim
