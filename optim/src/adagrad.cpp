#include "tapegrad/optim/adagrad.hpp"

namespace tapegrad::optim {

Adagrad::Adagrad(const std::vector<ParameterGroup<AdagradOptions>>& groups) : FusedOptimizer("Adagrad", {"sum"}) {
  take(groups);
}

Adagrad::Adagrad(const std::vector<Tensor>& parameters, const AdagradOptions& options)
    : Adagrad(std::vector<ParameterGroup<AdagradOptions>>{{parameters, options}}) {}

void Adagrad::validate(const AdagradOptions& o) const {
  expect_not_negative("lr", o.lr);
  expect_not_negative("lr_decay", o.lr_decay);
  expect_not_negative("weight_decay", o.weight_decay);
  expect_not_negative("initial_accumulator_value", o.initial_accumulator_value);
  expect_not_negative("eps", o.eps);
}

std::optional<double> Adagrad::initial_state(int group, std::size_t) const {
  return options(group).initial_accumulator_value;
}

bool Adagrad::is_of_squares(std::size_t) const { return true; }

RMSTerm Adagrad::term_of(const Slot& slot) const {
  return {
      .parameter = slot.parameter, .gradient = slot.parameter.grad(), .v = slot.state[0], .mean = {}, .velocity = {}};
}

void Adagrad::apply(const std::vector<RMSTerm>& terms, const AdagradOptions& o, std::int64_t steps) {
  rms_update(terms,
             {.lr = o.lr / (1.0 + static_cast<double>(steps) * o.lr_decay),
              .keep = 1.0,
              .share = 1.0,
              .eps = o.eps,
              .momentum = 0.0,
              .weight_decay = o.weight_decay},
             name());
}

}  // namespace tapegrad::optim
