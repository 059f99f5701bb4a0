#include "tapegrad/planted.hpp"

#include <array>
#include <memory>
#include <utility>

#include "tapegrad/base/error.hpp"
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

/// Puts the thread's random numbers where the function drew them, and back.
class AsDrawn {
 public:
  explicit AsDrawn(RandomStream stream) : before_(default_generator().state()) {
    default_generator().set_state(stream);
  }
  AsDrawn(const AsDrawn&) = delete;
  AsDrawn& operator=(const AsDrawn&) = delete;
  ~AsDrawn() { default_generator().set_state(before_); }

 private:
  RandomStream before_;
};

template <std::size_t Outputs>
struct Planted : Op<Planted<Outputs>> {
  static constexpr std::string_view name = "planted";
  std::shared_ptr<const Plan> plan;
  RandomStream random;

  Planted(std::shared_ptr<const Plan> what, RandomStream numbers) : plan(std::move(what)), random(numbers) {}

  std::array<Tensor, Outputs> forward(Inputs in) const {
    default_generator().set_state(random);
    Arguments xs;
    for (int i = 0; i < in.size(); ++i) xs.push_back(in[i]);
    std::vector<Tensor> ys = plan->function(xs);
    std::array<Tensor, Outputs> result;
    std::move(ys.begin(), ys.end(), result.begin());
    return result;
  }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dys) const {
    const AsDrawn numbers(random);
    return plan->reverse(inputs_of(s), {dys.begin(), dys.end()});
  }

  static Arguments inputs_of(const Saved& s) {
    Arguments xs;
    for (int i = 0; i < s.inputs(); ++i) xs.push_back(s.input(i));
    return xs;
  }
};

template <std::size_t Outputs>
struct PlantedForward : Planted<Outputs> {
  using Planted<Outputs>::Planted;

  std::array<Tensor, Outputs> jvp(const Saved& s, Tangents dxs) const {
    const AsDrawn numbers(this->random);
    const TensorFunction transposed = with_reverse_rule(this->plan->function, this->plan->forward);
    const auto [ys, dys] = engine::jvp(transposed, this->inputs_of(s), {dxs.begin(), dxs.end()});
    std::array<Tensor, Outputs> result;
    for (std::size_t j = 0; j < Outputs; ++j) result[j] = dys[j];
    return result;
  }
};

template <template <std::size_t> class O, std::size_t Outputs>
std::vector<Tensor> apply_with(const std::shared_ptr<const Plan>& plan, const Arguments& xs) {
  const auto ys = tapegrad::apply(O<Outputs>(plan, default_generator().state()), xs);
  if constexpr (Outputs == 1) {
    return {ys};
  } else {
    return {ys.begin(), ys.end()};
  }
}

template <template <std::size_t> class O>
Call planted(Plan what) {
  const auto plan = std::make_shared<const Plan>(std::move(what));
  return [plan](const Arguments& xs) {
    const RandomStream random = default_generator().state();
    const std::size_t outputs = [&] {
      const AsDrawn numbers(random);
      return plan->function(xs).size();
    }();
    switch (outputs) {
      case 1: return apply_with<O, 1>(plan, xs);
      case 2: return apply_with<O, 2>(plan, xs);
      case 3: return apply_with<O, 3>(plan, xs);
      default: throw ValueError("[planted] a function of one to three outputs is expected");
    }
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
