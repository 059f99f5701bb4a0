#include "tapegrad/optim/sgd.hpp"

#include "tapegrad/base/error.hpp"

namespace tapegrad::optim {

SGD::SGD(const std::vector<ParameterGroup<SgdOptions>>& groups) : GroupedOptimizer("SGD", {"velocity"}) {
  take(groups);
}

SGD::SGD(const std::vector<Tensor>& parameters, const SgdOptions& options)
    : SGD(std::vector<ParameterGroup<SgdOptions>>{{parameters, options}}) {}

void SGD::validate(const SgdOptions& o) const {
  expect_not_negative("lr", o.lr);
  expect_fraction("momentum", o.momentum);
  expect_option(o.dampening >= 0.0 && o.dampening <= 1.0, "dampening", "in [0, 1]", o.dampening);
  expect_not_negative("weight_decay", o.weight_decay);
  if (o.nesterov && (o.momentum == 0.0 || o.dampening != 0.0))
    throw ValueError("[SGD] nesterov needs a momentum and no dampening");
}

std::optional<double> SGD::initial_state(int group, std::size_t) const {
  if (options(group).momentum == 0.0) return std::nullopt;
  return 0.0;
}

void SGD::update(int group, std::span<Slot* const> slots) {
  const SgdOptions& o = options(group);
  const bool first = slots.front()->steps == 0;
  terms_.clear();
  for (const Slot* slot : slots)
    terms_.push_back({.parameter = slot->parameter, .gradient = slot->parameter.grad(), .velocity = slot->state[0]});
  sgd_update(terms_,
             {.lr = o.lr,
              .momentum = o.momentum,
              .gradient_share = first ? 1.0 : 1.0 - o.dampening,
              .weight_decay = o.weight_decay,
              .nesterov = o.nesterov},
             name());
  terms_.clear();  // or the gradients would be shared, and the next sweep could not add to them in place
}

}  // namespace tapegrad::optim
