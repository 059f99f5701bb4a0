#include "tapegrad/optim/sgd.hpp"

#include "tapegrad/base/error.hpp"

namespace tapegrad::optim {

SGD::SGD(const std::vector<ParameterGroup<SGDOptions>>& groups) : FusedOptimizer("SGD", {"velocity"}) { take(groups); }

SGD::SGD(const std::vector<Tensor>& parameters, const SGDOptions& options)
    : SGD(std::vector<ParameterGroup<SGDOptions>>{{parameters, options}}) {}

void SGD::validate(const SGDOptions& o) const {
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

SGDTerm SGD::term_of(const Slot& slot) const {
  return {.parameter = slot.parameter, .gradient = slot.parameter.grad(), .velocity = slot.state[0]};
}

void SGD::apply(const std::vector<SGDTerm>& terms, const SGDOptions& o, std::int64_t steps) {
  sgd_update(terms,
             {.lr = o.lr,
              .momentum = o.momentum,
              .gradient_share = steps == 0 ? 1.0 : 1.0 - o.dampening,
              .weight_decay = o.weight_decay,
              .nesterov = o.nesterov},
             name());
}

}  // namespace tapegrad::optim
