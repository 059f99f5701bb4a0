#include "tapegrad/planted.hpp"

#include <memory>
#include <utility>

#include "tapegrad/base/random.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad::program {
namespace {

using catalogue::Arguments;
using catalogue::Call;

struct Plan {
  Call function;
  ReverseRule reverse;
  ReverseRule forward;  // whose transpose is the forward rule; empty: that of `reverse`
};

struct Planted : Op<Planted> {
  static constexpr std::string_view name = "planted";
  std::shared_ptr<const Plan> plan;
  std::vector<bool> given;  // by input: others are undefined
  std::size_t count;
  RandomStream random;

  Planted(std::shared_ptr<const Plan> what, const Arguments& inputs, std::size_t results, RandomStream numbers)
      : plan(std::move(what)), count(results), random(numbers) {
    for (const Tensor& x : inputs) given.push_back(x.defined());
  }

  std::size_t outputs() const { return count; }

  std::vector<Tensor> forward(Inputs in) const {
    default_generator().set_state(random);
    Arguments xs;
    for (int i = 0; i < in.size(); ++i) xs.push_back(in[i]);
    return plan->function(xs);
  }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    const RandomNumbers numbers(random);
    return plan->reverse(inputs_of(s), {dys.begin(), dys.end()});
  }

  Arguments inputs_of(const Saved& s) const {
    Arguments xs;
    for (const bool has_it : given) xs.push_back(has_it ? s.input(static_cast<int>(xs.size())) : Tensor());
    return xs;
  }
};

struct PlantedForward : Planted {
  using Planted::Planted;

  std::vector<Tensor> jvp(const Saved& s, Tangents dxs) const {
    const RandomNumbers numbers(random);
    const TensorFunction transposed = with_reverse_rule(plan->function, plan->forward);
    return engine::jvp(transposed, inputs_of(s), {dxs.begin(), dxs.end()}).second;
  }
};

template <class O>
Call planted(Plan what) {
  const auto plan = std::make_shared<const Plan>(std::move(what));
  return [plan](const Arguments& xs) {
    const RandomStream random = default_generator().state();
    const std::size_t outputs = [&] {
      const RandomNumbers numbers(random);
      return plan->function(xs).size();
    }();
    return tapegrad::apply(O(plan, xs, outputs, random), xs);
  };
}

}  // namespace

ReverseRule rule_of(const Call& function) {
  return [function](const Arguments& xs, const std::vector<Tensor>& dys) {
    return engine::Linearization("planted", function, xs).pull_back(dys, true);
  };
}

Call with_reverse_rule(const Call& function, const ReverseRule& rule) { return planted<Planted>({function, rule, {}}); }

Call with_forward_rule(const Call& function, const ReverseRule& rule) {
  ReverseRule reverse = rule_of(function);
  return planted<PlantedForward>({function, std::move(reverse), rule});
}

}  // namespace tapegrad::program
