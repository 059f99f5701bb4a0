#include "tapegrad/optim/rmsprop.hpp"

namespace tapegrad::optim {
namespace {

constexpr std::size_t kSquare = 0, kMean = 1, kVelocity = 2;  // places of the states

}  // namespace

RMSprop::RMSprop(const std::vector<ParameterGroup<RMSpropOptions>>& groups)
    : FusedOptimizer("RMSprop", {"v", "mean", "velocity"}) {
  take(groups);
}

RMSprop::RMSprop(const std::vector<Tensor>& parameters, const RMSpropOptions& options)
    : RMSprop(std::vector<ParameterGroup<RMSpropOptions>>{{parameters, options}}) {}

void RMSprop::validate(const RMSpropOptions& o) const {
  expect_not_negative("lr", o.lr);
  expect_fraction("alpha", o.alpha);
  expect_not_negative("eps", o.eps);
  expect_not_negative("weight_decay", o.weight_decay);
  expect_fraction("momentum", o.momentum);
}

std::optional<double> RMSprop::initial_state(int group, std::size_t state) const {
  const RMSpropOptions& o = options(group);
  if ((state == kMean && !o.centered) || (state == kVelocity && o.momentum == 0.0)) return std::nullopt;
  return 0.0;
}

bool RMSprop::is_of_squares(std::size_t state) const { return state == kSquare; }

RMSTerm RMSprop::term_of(const Slot& slot) const {
  return {.parameter = slot.parameter,
          .gradient = slot.parameter.grad(),
          .v = slot.state[kSquare],
          .mean = slot.state[kMean],
          .velocity = slot.state[kVelocity]};
}

void RMSprop::apply(const std::vector<RMSTerm>& terms, const RMSpropOptions& o, std::int64_t) {
  rms_update(terms,
             {.lr = o.lr,
              .keep = o.alpha,
              .share = 1.0 - o.alpha,
              .eps = o.eps,
              .momentum = o.momentum,
              .weight_decay = o.weight_decay},
             name());
}

}  // namespace tapegrad::optim
