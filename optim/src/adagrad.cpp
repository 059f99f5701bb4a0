#include "tapegrad/optim/adagrad.hpp"

namespace tapegrad::optim {

Adagrad::Adagrad(const std::vector<ParameterGroup<AdagradOptions>>& groups) : GroupedOptimizer("Adagrad", {"sum"}) {
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

void Adagrad::update(int group, std::span<Slot* const> slots) {
  const AdagradOptions& o = options(group);
  terms_.clear();
  for (const Slot* slot : slots)
    terms_.push_back({.parameter = slot->parameter,
                      .gradient = slot->parameter.grad(),
                      .v = slot->state[0],
                      .mean = {},
                      .velocity = {}});
  const auto steps_before = static_cast<double>(slots.front()->steps);
  rms_update(terms_,
             {.lr = o.lr / (1.0 + steps_before * o.lr_decay),
              .keep = 1.0,
              .share = 1.0,
              .eps = o.eps,
              .momentum = 0.0,
              .weight_decay = o.weight_decay},
             name());
  terms_.clear();  // or the gradients would be shared, and the next sweep could not add to them in place
}

}  // namespace tapegrad::optim
