// Stochastic gradient descent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/ops/update.hpp"
#include "tapegrad/optim/optimizer.hpp"

namespace tapegrad::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;     ///< of the gradient in the velocity, after the first step
  double weight_decay = 0.0;  ///< L2: weight_decay p is added to the gradient
  bool nesterov = false;      ///< needs momentum and no dampening
};

/// g += weight_decay p;  velocity = momentum velocity + (1 - dampening) g (velocity = g in the first step);
/// p -= lr velocity, or p -= lr (g + momentum velocity) with nesterov. PyTorch's definition,
/// except that a nearly vanished velocity becomes 0 (see SGDRule). Without momentum no velocity is kept.
class SGD final : public FusedOptimizer<SGDOptions, SGDTerm> {
 public:
  /// Throws as said at GroupedOptimizer.
  explicit SGD(const std::vector<Tensor>& parameters, const SGDOptions& options = {});
  explicit SGD(const std::vector<ParameterGroup<SGDOptions>>& groups);

 private:
  void validate(const SGDOptions& options) const override;
  std::optional<double> initial_state(int group, std::size_t state) const override;
  SGDTerm term_of(const Slot& slot) const override;
  void apply(const std::vector<SGDTerm>& terms, const SGDOptions& options, std::int64_t steps) override;
};

}  // namespace tapegrad::optim
