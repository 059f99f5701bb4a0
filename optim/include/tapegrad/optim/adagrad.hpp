// Adagrad: steps along the gradient over the root of all its squares so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/ops/update.hpp"
#include "tapegrad/optim/optimizer.hpp"

namespace tapegrad::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0.0;
  double weight_decay = 0.0;               ///< L2: weight_decay p is added to the gradient
  double initial_accumulator_value = 0.0;  ///< what the sum of squares begins with
  double eps = 1e-10;
};

/// g += weight_decay p;  sum += g^2;  p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(sum) + eps): a rare word's
/// embedding takes longer steps than a frequent one's. Duchi, Hazan and Singer, "Adaptive subgradient methods for
/// online learning and stochastic optimization", JMLR 12, 2011. PyTorch's definition, except that a nearly vanished sum
/// becomes 0 (see RMSRule).
class Adagrad final : public FusedOptimizer<AdagradOptions, RMSTerm> {
 public:
  /// Throws as said at GroupedOptimizer.
  explicit Adagrad(const std::vector<Tensor>& parameters, const AdagradOptions& options = {});
  explicit Adagrad(const std::vector<ParameterGroup<AdagradOptions>>& groups);

 private:
  void validate(const AdagradOptions& options) const override;
  std::optional<double> initial_state(int group, std::size_t state) const override;
  bool is_of_squares(std::size_t state) const override;
  RMSTerm term_of(const Slot& slot) const override;
  void apply(const std::vector<RMSTerm>& terms, const AdagradOptions& options, std::int64_t steps) override;
};

}  // namespace tapegrad::optim
