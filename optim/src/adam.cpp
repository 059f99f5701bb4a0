#include "tapegrad/optim/adam.hpp"

namespace tapegrad::optim {
namespace {

constexpr std::size_t kM = 0, kV = 1, kVMax = 2;  // places of the states

}  // namespace

template <AdamDecay decay>
AdamWith<decay>::AdamWith(const std::vector<ParameterGroup<Options>>& groups)
    : FusedOptimizer<Options, AdamTerm>(decay == AdamDecay::decoupled ? "AdamW" : "Adam", {"m", "v", "v_max"}) {
  this->take(groups);
}

template <AdamDecay decay>
AdamWith<decay>::AdamWith(const std::vector<Tensor>& parameters, const Options& options)
    : AdamWith(std::vector<ParameterGroup<Options>>{{parameters, options}}) {}

template <AdamDecay decay>
void AdamWith<decay>::validate(const Options& o) const {
  this->expect_not_negative("lr", o.lr);
  for (const double beta : o.betas) this->expect_fraction("betas", beta);
  this->expect_not_negative("eps", o.eps);
  this->expect_not_negative("weight_decay", o.weight_decay);
}

template <AdamDecay decay>
std::optional<double> AdamWith<decay>::initial_state(int group, std::size_t state) const {
  return state != kVMax || this->options(group).amsgrad ? std::optional(0.0) : std::nullopt;
}

template <AdamDecay decay>
bool AdamWith<decay>::is_of_squares(std::size_t state) const {
  return state != kM;
}

template <AdamDecay decay>
AdamTerm AdamWith<decay>::term_of(const Slot& slot) const {
  return {.parameter = slot.parameter,
          .gradient = slot.parameter.grad(),
          .m = slot.state[kM],
          .v = slot.state[kV],
          .v_max = slot.state[kVMax]};
}

template <AdamDecay decay>
void AdamWith<decay>::apply(const std::vector<AdamTerm>& terms, const Options& o, std::int64_t steps) {
  adam_update(terms,
              {.lr = o.lr,
               .beta1 = o.betas[0],
               .beta2 = o.betas[1],
               .eps = o.eps,
               .weight_decay = o.weight_decay,
               .decoupled = decay == AdamDecay::decoupled,
               .step = steps + 1},
              this->name());
}

template class AdamWith<AdamDecay::in_gradient>;
template class AdamWith<AdamDecay::decoupled>;

}  // namespace tapegrad::optim
