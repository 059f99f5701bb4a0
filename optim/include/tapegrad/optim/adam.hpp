// Adam, with the weight decay in the gradient (Adam) or apart from it (AdamW).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "tapegrad/ops/update.hpp"
#include "tapegrad/optim/optimizer.hpp"

namespace tapegrad::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;  ///< L2: weight_decay p is added to the gradient
  bool amsgrad = false;       ///< divides by the largest v so far
};

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;  ///< decoupled: p -= lr weight_decay p
  bool amsgrad = false;        ///< divides by the largest v so far
};

/// Where weight_decay acts.
enum class AdamDecay {
  in_gradient,  ///< Adam: it is part of the gradient g
  decoupled     ///< AdamW: it is subtracted from the parameter beside the step
};

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= lr m^ / (sqrt(v^) + eps), where m^ and v^ are
/// corrected for their start at 0 (Kingma and Ba, ICLR 2015, algorithm 1). The decoupled decay is that of Loshchilov
/// and Hutter, ICLR 2019, algorithm 2, scaled by lr as in PyTorch. With amsgrad the largest v so far, "v_max" in the
/// state, stands in the place of v (Reddi, Kale and Kumar, ICLR 2018, algorithm 2), corrected likewise as in PyTorch.
/// Unlike PyTorch's, a nearly vanished m or v becomes 0 (see AdamRule).
template <AdamDecay decay>
class AdamWith final
    : public FusedOptimizer<std::conditional_t<decay == AdamDecay::decoupled, AdamWOptions, AdamOptions>, AdamTerm> {
 public:
  using Options = std::conditional_t<decay == AdamDecay::decoupled, AdamWOptions, AdamOptions>;

  /// Throws as said at GroupedOptimizer.
  explicit AdamWith(const std::vector<Tensor>& parameters, const Options& options = {});
  explicit AdamWith(const std::vector<ParameterGroup<Options>>& groups);

 private:
  using Slot = Optimizer::Slot;

  void validate(const Options& options) const override;
  std::optional<double> initial_state(int group, std::size_t state) const override;
  bool is_of_squares(std::size_t state) const override;
  AdamTerm term_of(const Slot& slot) const override;
  void apply(const std::vector<AdamTerm>& terms, const Options& options, std::int64_t steps) override;
};

using Adam = AdamWith<AdamDecay::in_gradient>;
using AdamW = AdamWith<AdamDecay::decoupled>;

extern template class AdamWith<AdamDecay::in_gradient>;
extern template class AdamWith<AdamDecay::decoupled>;

}  // namespace tapegrad::optim
