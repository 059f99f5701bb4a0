#include "tapegrad/mutants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "suite/tensors.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::program {
namespace {

using catalogue::Arguments;
using catalogue::Call;
using catalogue::Sample;
using suite::carries_gradient;

/// What is known of a sample before mistakes are made in it.
struct Point {
  Call function;
  Arguments inputs;
  std::vector<Tensor> outputs;
  ReverseRule right;
  Jacobian jacobian;
  std::vector<std::size_t> offsets;  // of each input's first column
};

class Planter {
 public:
  explicit Planter(const Sample& sample) {
    point_.function = sample.call;
    point_.inputs = sample.inputs;
    point_.outputs = sample.call(sample.inputs);
    point_.right = rule_of(sample.call);
    point_.jacobian = jacobian_of(point_.right, sample.call, sample.inputs);
    std::size_t column = 0;
    for (const Tensor& x : sample.inputs) {
      point_.offsets.push_back(column);
      if (carries_gradient(x)) column += static_cast<std::size_t>(x.numel());
    }
  }

  std::vector<Mutant> all() {
    for (std::size_t i = 0; i < point_.inputs.size(); ++i) {
      const Tensor& x = point_.inputs[i];
      if (!x.defined()) continue;
      if (!carries_gradient(x)) {
        if (x.dtype() == boolean) inverted_mask(i);
        continue;
      }
      plant_of_gradient(kScale, i, "", [](const Tensor& dx) { return 1.03 * dx; });
      plant_of_gradient(kSign, i, "", [](const Tensor& dx) { return -dx; });
      transposed(i);
      fan_out(i);
      missing_sum(i);
      dead_elements(i);
      stale(i);
      detached_statistics(i);
    }
    wrong_axis();
    misplaced_eps();
    return std::move(mutants_);
  }

 private:
  void plant(Bug bug, std::size_t input, std::string_view variant, ReverseRule rule) {
    mutants_.push_back({bug, fmt::format("input {}{}{}", input, variant.empty() ? "" : ", ", variant), point_.function,
                        point_.inputs, std::move(rule)});
  }

  /// The right rule, with one input's gradient changed.
  template <class Change>
  void plant_of_gradient(Bug bug, std::size_t i, std::string_view variant, Change change) {
    plant(bug, i, variant, [right = point_.right, i, change](const Arguments& xs, const std::vector<Tensor>& dys) {
      std::vector<Tensor> dxs = right(xs, dys);
      if (dxs[i].defined()) dxs[i] = change(dxs[i]);
      return dxs;
    });
  }

  /// Elements in column order where rows belong.
  void transposed(std::size_t i) {
    if (point_.inputs[i].dim() < 2) return;
    plant_of_gradient(kTranspose, i, "", [](const Tensor& dx) { return reshape(transpose(dx, -1, -2), dx.shape()); });
  }

  /// The input is used once more beside the function; one of the two contributions overwrites the other.
  void fan_out(std::size_t i) {
    if (!carries_gradient(point_.outputs.front())) return;
    const Tensor weights =
        reshape(linspace(0.5, 1.5, point_.inputs[i].numel(), {.dtype = float64}), point_.inputs[i].shape());
    const Call both = [f = point_.function, weights, i](const Arguments& xs) {
      std::vector<Tensor> ys = f(xs);
      ys.front() = ys.front() + sum(weights * xs[i]);
      return ys;
    };
    mutants_.push_back(
        {kFanOut, fmt::format("input {}, the op's own part survives", i), both, point_.inputs, point_.right});
    mutants_.push_back({kFanOut, fmt::format("input {}, the other part survives", i), both, point_.inputs,
                        [right = point_.right, weights, i](const Arguments& xs, const std::vector<Tensor>& dys) {
                          std::vector<Tensor> dxs = right(xs, dys);
                          dxs[i] = dys.front().defined() ? sum(dys.front()) * weights : Tensor();
                          return dxs;
                        }});
  }

  /// The rule of the same function along another axis, where shapes do not forbid it.
  void wrong_axis() {
    const auto turned = [](const Tensor& x) { return x.defined() && x.dim() >= 2 ? transpose(x, 0, x.dim() - 1) : x; };
    const auto all_turned = [turned](const std::vector<Tensor>& xs) {
      std::vector<Tensor> result;
      std::transform(xs.begin(), xs.end(), std::back_inserter(result), turned);
      return result;
    };
    const ReverseRule rule = [right = point_.right, all_turned](const Arguments& xs, const std::vector<Tensor>& dys) {
      return all_turned(right(all_turned(xs), all_turned(dys)));
    };
    if (std::none_of(point_.inputs.begin(), point_.inputs.end(),
                     [](const Tensor& x) { return carries_gradient(x) && x.dim() >= 2; }))
      return;
    if (fits(rule)) plant(kWrongAxis, 0, "first and last change places", rule);
  }

  /// Whether the rule runs and gives each input a gradient of its shape.
  bool fits(const ReverseRule& rule) const try {
    std::vector<Tensor> dys;
    for (const Tensor& y : point_.outputs) dys.push_back(carries_gradient(y) ? ones_like(y) : Tensor());
    const std::vector<Tensor> dxs = rule(point_.inputs, dys);
    for (std::size_t i = 0; i < dxs.size(); ++i)
      if (dxs[i].defined() && dxs[i].shape() != point_.inputs[i].shape()) return false;
    return true;
  } catch (...) {  // whatever somebody's own function throws where it is not defined
    return false;
  }

  /// Only the first of the elements that an input was spread over gives it a gradient.
  void missing_sum(std::size_t i) {
    const Tensor& x = point_.inputs[i];
    const Tensor& y = point_.outputs.front();
    if (!carries_gradient(y) || x.numel() >= y.numel()) return;
    for (int d = 0; d < y.dim(); ++d) {
      const int own = d - (y.dim() - x.dim());
      if (y.size(d) < 2 || (own >= 0 && x.size(own) != 1)) continue;
      Shape along = Shape::filled(y.dim(), 1);
      along[d] = y.size(d);
      Tensor first = zeros(along, {.dtype = float64});
      first.mutable_data<double>("missing_sum").front() = 1.0;
      plant(kBroadcast, i, fmt::format("axis {} of the output", d),
            [right = point_.right, i, first](const Arguments& xs, std::vector<Tensor> dys) {
              std::vector<Tensor> dxs = right(xs, dys);
              if (dys.front().defined()) dys.front() = dys.front() * first;
              dxs[i] = right(xs, dys)[i];
              return dxs;
            });
      return;
    }
  }

  double element(std::size_t row, std::size_t i, std::size_t j) const {
    return point_.jacobian.rows[row][point_.offsets[i] + j];
  }

  /// Elements that no output depends on get a gradient, or one that some do depend on gets none.
  void dead_elements(std::size_t i) {
    const Tensor& x = point_.inputs[i];
    const auto count = static_cast<std::size_t>(x.numel());
    std::vector<double> dead(count, 1.0);
    for (std::size_t row = 0; row < point_.jacobian.rows.size(); ++row)
      for (std::size_t j = 0; j < count; ++j)
        if (element(row, i, j) != 0.0) dead[j] = 0.0;
    const auto first_alive = std::find(dead.begin(), dead.end(), 0.0);
    if (first_alive == dead.end() || std::find(dead.begin(), dead.end(), 1.0) == dead.end()) return;
    if (!carries_gradient(point_.outputs.front())) return;
    const Tensor leak = from_vector(dead, x.shape());
    plant(kMask, i, "masked elements get a gradient",
          [right = point_.right, i, leak](const Arguments& xs, const std::vector<Tensor>& dys) {
            std::vector<Tensor> dxs = right(xs, dys);
            if (dys.front().defined()) dxs[i] = dxs[i] + leak * mean(dys.front());
            return dxs;
          });
    std::vector<double> alive(count, 1.0);
    alive[static_cast<std::size_t>(first_alive - dead.begin())] = 0.0;
    plant_of_gradient(kMask, i, "one element too many is masked",
                      [mask = from_vector(alive, x.shape())](const Tensor& dx) { return dx * mask; });
  }

  void inverted_mask(std::size_t i) {
    const ReverseRule rule = [right = point_.right, i](Arguments xs, const std::vector<Tensor>& dys) {
      xs[i] = logical_not(xs[i]);
      return right(xs, dys);
    };
    if (fits(rule)) plant(kMask, i, "inverted", rule);
  }

  /// The rule reads an input that has moved since.
  void stale(std::size_t i) {
    const ReverseRule rule = [right = point_.right, i](Arguments xs, const std::vector<Tensor>& dys) {
      xs[i] = 0.95 * xs[i];
      return right(xs, dys);
    };
    if (fits(rule)) plant(kStale, i, "", rule);
  }

  /// Elements that act on each other both ways do so through a statistic of all; taken as a constant, it leaves each
  /// element its own slope.
  void detached_statistics(std::size_t i) {
    const Tensor& x = point_.inputs[i];
    const Tensor& y = point_.outputs.front();
    if (point_.outputs.size() != 1 || !carries_gradient(y) || y.shape() != x.shape() || x.numel() < 2) return;
    const auto count = static_cast<std::size_t>(x.numel());
    std::vector<double> own(count);
    bool coupled = false;
    for (std::size_t r = 0; r < count; ++r) {
      own[r] = element(r, i, r);
      for (std::size_t c = 0; c < r; ++c) {
        if ((element(r, i, c) != 0.0) != (element(c, i, r) != 0.0)) return;
        coupled = coupled || element(r, i, c) != 0.0;
      }
    }
    if (!coupled || std::none_of(own.begin(), own.end(), [](double v) { return v != 0.0; })) return;
    plant(kStatistics, i, "",
          [right = point_.right, i, slope = from_vector(own, x.shape())](const Arguments& xs,
                                                                         const std::vector<Tensor>& dys) {
            std::vector<Tensor> dxs = right(xs, dys);
            dxs[i] = dys.front().defined() ? slope * dys.front() : Tensor();
            return dxs;
          });
  }

  /// The eps that an operation of the function names among its attributes.
  std::optional<double> eps() const {
    Tape tape;
    Arguments xs = point_.inputs;
    for (Tensor& x : xs)
      if (carries_gradient(x)) x = x.detach().set_requires_grad(true);
    point_.function(xs);
    for (std::int64_t n = 0; n < tape.size(); ++n) {
      const NodeInfo node = tape.node(n);
      for (const auto& [name, value] : node.attributes) {
        double number = 0.0;
        if (name == "eps" && std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc())
          return number;
      }
    }
    return std::nullopt;
  }

  /// 1 / (sigma + eps) where 1 / sqrt(sigma^2 + eps) belongs: near sigma = 1 another eps' = 2 eps + eps^2 inside the
  /// root. What is normalised depends on x / sqrt(eps) alone, so its rule with eps' is c times the rule at c x, c^2 =
  /// eps / eps'.
  void misplaced_eps() {
    const std::optional<double> found = eps();
    if (!found || *found <= 0.0 || !carries_gradient(point_.inputs.front()) || !scale_free()) return;
    const double c = std::sqrt(*found / (2.0 * *found + *found * *found));
    const ReverseRule rule = [right = point_.right, c](Arguments xs, const std::vector<Tensor>& dys) {
      xs[0] = c * xs[0];
      std::vector<Tensor> dxs = right(xs, dys);
      if (dxs[0].defined()) dxs[0] = c * dxs[0];
      return dxs;
    };
    if (fits(rule)) plant(kEps, 0, "", rule);
  }

  /// Whether large inputs give what twice as large ones do: then eps no longer counts. Not so where they are refused.
  bool scale_free() const try {
    Arguments large = point_.inputs;
    Arguments larger = point_.inputs;
    large[0] = 1e6 * large[0];
    larger[0] = 2e6 * larger[0];
    const std::vector<Tensor> a = point_.function(large);
    const std::vector<Tensor> b = point_.function(larger);
    return suite::distance(a.front(), b.front()) < 1e-6;
  } catch (...) {
    return false;
  }

  Point point_;
  std::vector<Mutant> mutants_;
};

}  // namespace

bool Jacobian::finite() const {
  return std::all_of(rows.begin(), rows.end(), [](const std::vector<double>& row) {
    return std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); });
  });
}

double Jacobian::largest() const {
  double most = 0.0;
  for (const std::vector<double>& row : rows)
    for (const double v : row) most = std::max(most, std::abs(v));
  return most;
}

Jacobian jacobian_of(const ReverseRule& rule, const Call& function, const Arguments& inputs) {
  Jacobian jacobian;
  const std::vector<Tensor> ys = function(inputs);
  for (std::size_t j = 0; j < ys.size(); ++j) {
    if (!carries_gradient(ys[j])) continue;
    for (std::int64_t o = 0; o < ys[j].numel(); ++o) {
      std::vector<Tensor> dys(ys.size());
      dys[j] = zeros_like(ys[j]);
      dys[j].mutable_data<double>("jacobian").data()[o] = 1.0;
      const std::vector<Tensor> dxs = rule(inputs, dys);
      std::vector<double>& row = jacobian.rows.emplace_back();
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!carries_gradient(inputs[i])) continue;
        const std::vector<double> values = dxs[i].defined()
                                               ? suite::doubles(expand(dxs[i], inputs[i].shape()))
                                               : std::vector<double>(static_cast<std::size_t>(inputs[i].numel()), 0.0);
        row.insert(row.end(), values.begin(), values.end());
      }
    }
  }
  return jacobian;
}

double distance(const Jacobian& a, const Jacobian& b) {
  double most = 0.0;
  for (std::size_t r = 0; r < a.rows.size(); ++r)
    for (std::size_t c = 0; c < a.rows[r].size(); ++c) {
      const double difference = std::abs(a.rows[r][c] - b.rows[r][c]);
      if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
      most = std::max(most, difference);
    }
  return most == 0.0 ? 0.0 : most / a.largest();
}

std::vector<Mutant> mutants_of(const Sample& sample) { return Planter(sample).all(); }

}  // namespace tapegrad::program
