// What all optimisers share: groups of parameters, the loop of a step, and a state that can be stored.
//
// Thread safety: one thread at a time.
//
// Invariants:
// 1. a parameter is in one group, once;
// 2. parameters are handles: the optimiser writes into their storage;
// 3. it keeps state (moments, velocities) for each parameter, as far as the options need it; where the parameter
//    requires a gradient when the optimiser is made, that state is made then, before a step's tensors;
// 4. a parameter without a gradient is left out of a step, and its own count of steps stands still.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tapegrad/tape/named_tensors.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// Parameters with options of their own: AdamW optimizer({{weights, {.weight_decay = 0.1}}, {biases, {}}}).
template <class Options>
struct ParameterGroup {
  std::vector<Tensor> parameters;
  Options options = {};
};

struct StepOptions {
  /// Do not throw when no parameter has received a gradient yet.
  bool allow_no_gradient = false;
};

class StoredState;

class Optimizer {
 public:
  // Schedules refer to an optimiser: it stays where it is.
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// Updates every parameter that has a gradient, in place and unrecorded. A tape that still holds a parameter's old
  /// value notices (TapeError in its sweep). Throws TapeError when no parameter has a gradient or ever had one: mostly
  /// the model that was swept is a copy of the one whose parameters are held. Does not throw when all parameters are
  /// frozen, or with .allow_no_gradient, for a part of a model that a loss need not reach.
  void step(const StepOptions& options = {});
  /// Forgets the gradients of all parameters.
  void zero_grad();

  int groups() const { return static_cast<int>(groups_.size()); }
  /// The parameters of all groups.
  std::vector<Tensor> parameters() const;
  /// The parameters of one group. Throws IndexError when there is no such group, as do all functions of a group below.
  const std::vector<Tensor>& parameters(int group) const;

  /// The rate of all groups. Throws ValueError where they differ.
  double lr() const;
  double lr(int group) const;
  /// Sets the rate of all groups, or of one. Throws ValueError for a negative or non-finite rate.
  void set_lr(double lr);
  void set_lr(double lr, int group);
  /// The rate that a schedule starts from: the one in the group's options, or the last that set_lr() has set.
  double base_lr(int group) const;
  /// As set_lr(), for a schedule: what it starts from stays.
  void set_scheduled_lr(double lr, int group);

  /// What a later run needs to go on from here, beside the parameters: "group.0.lr" and "group.0.base_lr", and for each
  /// parameter that has been updated "parameter.3.steps" and its moments, such as "parameter.3.m", counting through all
  /// groups. Of the options the rates alone are in it: the others are for whoever makes the optimiser that goes on, and
  /// with other betas or another weight decay it goes on without complaint (PyTorch's state brings the old ones back).
  /// The moments are handles, not copies: `state_dict().clone()` is a snapshot.
  NamedTensors state_dict() const;
  /// Copies a state in. Floating tensors are converted to their parameter's dtype; a state without base rates leaves
  /// the groups' own. What state_dict() gave is taken as it is, also a moment that holds NaN or an infinity: a run that
  /// had a gradient of NaN goes on from its file as it would have gone on without, and a file that was saved in the
  /// place of an older one can be loaded. When it throws, nothing has changed: ShapeError for another shape, DTypeError
  /// for a moment that is not floating, ValueError for
  /// - a name that does not fit this optimiser or is missing;
  /// - moments that are this optimiser's own, which have changed since: clone() the state;
  /// - a rate that is negative or not finite, and steps that are no whole number in [1, 2^53];
  /// - a moment that is made of squares and holds a number below 0.
  void load_state_dict(const NamedTensors& state);

 protected:
  /// A parameter and what the optimiser remembers about it.
  struct Slot {
    Tensor parameter;
    std::int64_t steps = 0;  ///< updates so far
    /// One per state name, like the parameter, undefined where the options do without; none while it is frozen.
    std::vector<Tensor> state = {};
  };

  /// `name` begins error messages and names the writer of parameters: a literal.
  Optimizer(const char* name, std::vector<std::string_view> state_names);

  /// Takes a group's parameters over. Throws for a parameter as said at GroupedOptimizer; then nothing has changed.
  void add_group(const std::vector<Tensor>& parameters);
  /// Throws ValueError when no group holds a parameter.
  void expect_parameters() const;
  /// Throws ValueError where there are several groups.
  void expect_one_group() const;

  /// Updates the slots of one group, all of which have a gradient, made the same number of updates before, and hold
  /// their state.
  virtual void update(int group, std::span<Slot* const> slots) = 0;
  /// What every element of a state, one of the state names, begins with; none where the options of a group do without.
  virtual std::optional<double> initial_state(int group, std::size_t state) const;
  /// Whether a state is made of squares, so that none of its elements is below 0.
  virtual bool is_of_squares(std::size_t state) const;
  /// The learning rate among a group's options.
  virtual double rate(int group) const = 0;
  virtual void set_rate(int group, double lr) = 0;

  const char* name() const { return name_; }
  /// Throws ValueError "[name] expected option to be ..., got value" unless it holds.
  void expect_option(bool holds, std::string_view option, std::string_view domain, double value) const;
  /// The same for the domains that most options have: finite and at least 0; [0, 1).
  void expect_not_negative(std::string_view option, double value) const;
  void expect_fraction(std::string_view option, double value) const;

 private:
  /// The rates of all groups: those of the next step, and those that schedules start from.
  struct Rates {
    std::vector<double> now;
    std::vector<double> base;
  };

  std::size_t checked(int group) const;
  void expect_a_gradient() const;
  /// The next group's slots, without state. Throws as add_group().
  std::vector<Slot> slots_for(const std::vector<Tensor>& parameters) const;
  Rates read_rates(StoredState& stored) const;
  /// What `present`, the slot of the parameter that `index` counts through all groups, becomes by loading the state.
  Slot read_slot(StoredState& stored, const Slot& present, int group, int index) const;
  void prepare_state(Slot& slot, int group);

  const char* name_;
  std::vector<std::string_view> state_names_;
  std::vector<std::vector<Tensor>> groups_;
  std::vector<double> base_rates_;        // by group
  std::vector<std::vector<Slot>> slots_;  // by group
  std::vector<Slot*> ready_;              // scratch of step()
};

/// The options of each group, for optimisers whose Options hold an `lr`. They are made of a list of parameters with
/// options for all, or of a list of groups. Their constructors throw ValueError for options outside their domain, where
/// there is no parameter, and for a parameter that is undefined, that shares elements with another, as one given twice
/// does, or that the live tape computed; DTypeError for one that is not floating, ShapeError for one that is not
/// contiguous.
template <class Options>
class GroupedOptimizer : public Optimizer {
 public:
  /// The options of the only group. Throws ValueError when there are several groups.
  const Options& options() const {
    expect_one_group();
    return options_.front();
  }
  const Options& options(int group) const {
    parameters(group);
    return options_[static_cast<std::size_t>(group)];
  }

  /// One more group, behind the others: for parameters that are trained from now on, as when layers are unfrozen. A
  /// schedule that was made before does not change its rate. Throws as constructors do, but a group may be empty; when
  /// it throws, nothing has changed.
  void add_group(const ParameterGroup<Options>& group) {
    validate(group.options);
    options_.push_back(group.options);
    try {
      Optimizer::add_group(group.parameters);
    } catch (...) {
      options_.pop_back();
      throw;
    }
  }

 protected:
  using Optimizer::Optimizer;

  /// For the constructor of a final class: checks the options of all groups, then takes their parameters over.
  void take(const std::vector<ParameterGroup<Options>>& groups) {
    for (const ParameterGroup<Options>& group : groups) validate(group.options);
    for (const ParameterGroup<Options>& group : groups) add_group(group);
    expect_parameters();
  }
  /// Throws ValueError for options outside their domain.
  virtual void validate(const Options& options) const = 0;

 private:
  double rate(int group) const final { return options_[static_cast<std::size_t>(group)].lr; }
  void set_rate(int group, double lr) final { options_[static_cast<std::size_t>(group)].lr = lr; }

  std::vector<Options> options_;
};

/// For optimisers that update a whole group by one call, to which they hand a Term for each parameter.
template <class Options, class Term>
class FusedOptimizer : public GroupedOptimizer<Options> {
 protected:
  using Slot = Optimizer::Slot;
  using GroupedOptimizer<Options>::GroupedOptimizer;

  virtual Term term_of(const Slot& slot) const = 0;
  /// Updates parameters and states that have been updated `steps` times.
  virtual void apply(const std::vector<Term>& terms, const Options& options, std::int64_t steps) = 0;

 private:
  void update(int group, std::span<Slot* const> slots) final {
    terms_.clear();  // of a call that has thrown
    for (const Slot* slot : slots) terms_.push_back(term_of(*slot));
    apply(terms_, this->options(group), slots.front()->steps);
    terms_.clear();  // or the gradients would be shared, and the next sweep could not add to them in place
  }

  std::vector<Term> terms_;  // scratch of update()
};

}  // namespace tapegrad::optim
