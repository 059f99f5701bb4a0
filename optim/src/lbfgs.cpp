#include "tapegrad/optim/lbfgs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "expect_option.hpp"
#include "stored_state.hpp"
#include "strong_wolfe.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"
#include "trainable.hpp"

namespace tapegrad::optim {
namespace {

constexpr const char* kLBFGS = "LBFGS";
constexpr std::string_view kPairs = "pairs";
constexpr std::int64_t kMaxTrials = 25;  // along one direction

std::string name_of_pair(std::string_view what, std::int64_t place) { return fmt::format("{}.{}", what, place); }

/// Not dot(), whose chain of additions one thread computes.
double inner(const Tensor& a, const Tensor& b) { return sum(a * b).item(); }

/// NaN where an element is.
double largest_magnitude(const Tensor& x) {
  return x.numel() == 0 ? 0.0 : norm(x, {}, {.p = std::numeric_limits<double>::infinity()}).item();
}

/// Elements of all tensors in one row, float64 [n].
Tensor flattened(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> rows;
  rows.reserve(tensors.size());
  for (const Tensor& x : tensors) rows.push_back(reshape(x.detach().to(float64), {-1}));
  return cat(rows);
}

/// Writes the elements of a row into the parameters that are trained.
void move_to(const std::vector<Tensor>& parameters, const Tensor& row) {
  std::vector<engine::Overwrite> writes;
  std::int64_t begin = 0;
  for (const Tensor& x : parameters) {
    const std::int64_t end = begin + x.numel();
    if (x.requires_grad()) writes.push_back({x, reshape(slice(row, 0, {begin, end}), x.shape())});
    begin = end;
  }
  engine::overwrite(writes, kLBFGS);
}

/// The parameters have no gradients where it is made, nor where it ends.
class WithoutGradients {
 public:
  explicit WithoutGradients(const std::vector<Tensor>& parameters) : parameters_(parameters) { forget(); }
  WithoutGradients(const WithoutGradients&) = delete;
  WithoutGradients& operator=(const WithoutGradients&) = delete;
  ~WithoutGradients() { forget(); }

 private:
  void forget() {
    for (const Tensor& x : parameters_) x.zero_grad();
  }
  const std::vector<Tensor>& parameters_;
};

void expect_loss(const Tensor& loss) {
  if (!loss.defined()) throw ValueError(fmt::format("[{}] the loss is undefined", kLBFGS));
  if (loss.numel() != 1)
    throw ShapeError(fmt::format("[{}] expected a loss of one element, got {}", kLBFGS, to_string(loss.shape())));
  if (!is_floating(loss.dtype()))
    throw DTypeError(fmt::format("[{}] expected a floating loss, got {}", kLBFGS, to_string(loss.dtype())));
  if (!loss.is_tracked())
    throw TapeError(
        fmt::format("[{}] the loss was not recorded: it depends on no tensor that requires a gradient, was detached, "
                    "or computed under NoRecord",
                    kLBFGS));
}

struct LossAndGradient {
  double loss = 0.0;
  Tensor gradient = {};  ///< float64 [n]; undefined where the loss is not finite
};

LossAndGradient evaluate(const Callable<Tensor()>& loss, const std::vector<Tensor>& parameters) {
  Tape tape;
  const WithoutGradients before_and_after(parameters);
  const Tensor y = loss();
  expect_loss(y);
  const double value = y.item();
  if (!std::isfinite(value)) return {.loss = value};
  tape.backward(y);
  if (std::none_of(parameters.begin(), parameters.end(), [](const Tensor& x) { return x.has_grad(); }))
    throw TapeError(
        fmt::format("[{}] the loss reaches none of {} parameters: they are frozen, or the model is another than the "
                    "one whose parameters this optimiser holds, a copy (models and Parameters are values) or one that "
                    "has replaced it",
                    kLBFGS, parameters.size()));
  const NoRecord pause;
  std::vector<Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const Tensor& x : parameters) gradients.push_back(x.has_grad() ? x.grad() : zeros_like(x));
  return {.loss = value, .gradient = flattened(gradients)};
}

/// The first of step, step / 2, step / 4, ... where the function is finite, or `start`.
LinePoint finite_step(const Callable<LinePoint(double)>& function, const LinePoint& start, double step) {
  for (std::int64_t i = 0; i < kMaxTrials; ++i, step /= 2.0)
    if (LinePoint point = function(step); is_finite(point)) return point;
  return start;
}

}  // namespace

std::string_view to_string(LBFGSStop stop) {
  switch (stop) {
    case LBFGSStop::gradient: return "gradient";
    case LBFGSStop::change: return "change";
    case LBFGSStop::iterations: return "iterations";
    case LBFGSStop::evaluations: return "evaluations";
    case LBFGSStop::line_search: return "line_search";
  }
  throw ValueError(fmt::format("[to_string] there is no LBFGSStop {}", static_cast<int>(stop)));
}

LBFGS::LBFGS(const std::vector<Tensor>& parameters, const LBFGSOptions& options)
    : parameters_(parameters), options_(options) {
  const auto expect = [](bool holds, std::string_view option, std::string_view domain, auto value) {
    expect_option(holds, kLBFGS, option, domain, value);
  };
  expect(is_rate(options.lr) && options.lr > 0.0, "lr", "finite and positive", options.lr);
  expect(options.max_iter >= 1, "max_iter", "at least 1", options.max_iter);
  if (options.max_eval) expect(*options.max_eval >= 1, "max_eval", "at least 1", *options.max_eval);
  expect(is_rate(options.tolerance_grad), "tolerance_grad", kRate, options.tolerance_grad);
  expect(is_rate(options.tolerance_change), "tolerance_change", kRate, options.tolerance_change);
  expect(options.history_size >= 1, "history_size", "at least 1", options.history_size);
  if (options.line_search > LineSearch::strong_wolfe) throw ValueError(fmt::format("[{}] no such line_search", kLBFGS));
  if (parameters.empty()) throw ValueError(fmt::format("[{}] there are no parameters to train", kLBFGS));
  ClaimedMemory claimed;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    take_in(parameters[i], claimed, fmt::format("[{}] parameter {}", kLBFGS, i));
  set_named(parameters);
}

std::optional<LBFGS::Pair> LBFGS::pair_of(const Tensor& s, const Tensor& y) {
  const double curvature = inner(s, y), yy = inner(y, y);
  const double scale = curvature / yy;
  const bool is_positive = curvature > std::numeric_limits<double>::epsilon() * std::sqrt(inner(s, s)) * std::sqrt(yy);
  if (!is_positive || !std::isfinite(scale)) return std::nullopt;
  return Pair{.s = s, .y = y, .curvature = curvature, .scale = scale};
}

void LBFGS::remember(const Tensor& s, const Tensor& y) {
  std::optional<Pair> pair = pair_of(s, y);
  if (!pair) return;
  if (static_cast<std::int64_t>(pairs_.size()) == options_.history_size) pairs_.erase(pairs_.begin());
  pairs_.push_back(*std::move(pair));
}

Tensor LBFGS::direction(const Tensor& gradient) const {
  if (pairs_.empty()) return -gradient;
  Tensor r = gradient;
  std::vector<double> alphas(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    alphas[i] = inner(pairs_[i].s, r) / pairs_[i].curvature;
    r = r - alphas[i] * pairs_[i].y;
  }
  r = pairs_.back().scale * r;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const double beta = inner(pairs_[i].y, r) / pairs_[i].curvature;
    r = r + (alphas[i] - beta) * pairs_[i].s;
  }
  return -r;
}

/// One step().
class LBFGS::Minimisation {
 public:
  Minimisation(LBFGS& optimizer, const Callable<Tensor()>& loss)
      : optimizer_(optimizer), options_(optimizer.options_), parameters_(optimizer.parameters_), loss_(loss) {
    const LossAndGradient start = evaluate(loss_, parameters_);
    expect_finite("loss", start.loss);
    expect_finite("gradient", largest_magnitude(start.gradient));
    now_ = {.x = flattened(parameters_), .loss = start.loss, .gradient = start.gradient};
    best_ = now_;
    result_ = {.start_loss = start.loss, .evaluations = 1};
  }

  LBFGSResult run() {
    try {
      std::optional<LBFGSStop> stop;
      if (has_small_gradient()) stop = LBFGSStop::gradient;
      while (!stop) stop = iterate();
      result_.stop = *stop;
    } catch (...) {
      move_to(parameters_, now_.x);
      throw;
    }
    move_to(parameters_, best_.x);
    result_.loss = best_.loss;
    result_.largest_gradient = largest_magnitude(best_.gradient);
    return result_;
  }

 private:
  struct Point {
    Tensor x;
    double loss = 0.0;
    Tensor gradient;
  };

  static void expect_finite(std::string_view what, double value) {
    expect_option(std::isfinite(value), kLBFGS, fmt::format("the {}", what), "finite at the start", value);
  }

  bool has_small_gradient() const { return largest_magnitude(now_.gradient) <= options_.tolerance_grad; }

  bool has_evaluated_enough() const {
    const std::int64_t more = std::max<std::int64_t>(5, options_.max_iter / 4);
    const std::int64_t by_default = options_.max_iter + std::min(more, INT64_MAX - options_.max_iter);
    return result_.evaluations >= options_.max_eval.value_or(by_default);
  }

  /// Goes on by one iteration, or forgets a history that leads nowhere. Why it is the last one, where it is.
  std::optional<LBFGSStop> iterate() {
    const Tensor direction = optimizer_.direction(now_.gradient);
    const double slope = inner(now_.gradient, direction);
    const bool has_history = !optimizer_.pairs_.empty();
    if (slope < 0.0 && std::isfinite(slope)) {
      if (slope > -options_.tolerance_change) return LBFGSStop::change;
      const LinePoint next = search(direction, slope);
      if (next.step > 0.0) return accept(next, direction);
    }
    if (!has_history) return LBFGSStop::line_search;
    optimizer_.reset();
    if (has_evaluated_enough()) return LBFGSStop::evaluations;
    return std::nullopt;
  }

  /// Where to go along a direction, step 0 where nothing good is found.
  LinePoint search(const Tensor& direction, double slope) {
    const Callable<LinePoint(double)> at = [&](double step) -> LinePoint {
      move_to(parameters_, now_.x + step * direction);
      ++result_.evaluations;
      const LossAndGradient there = evaluate(loss_, parameters_);
      return {.step = step,
              .value = there.loss,
              .slope = there.gradient.defined() ? inner(there.gradient, direction) : std::nan(""),
              .gradient = there.gradient};
    };
    const LinePoint start{.step = 0.0, .value = now_.loss, .slope = slope, .gradient = now_.gradient};
    double first = options_.lr;
    if (optimizer_.pairs_.empty()) first *= std::min(1.0, 1.0 / norm(now_.gradient, {}, {.p = 1.0}).item());
    if (options_.line_search == LineSearch::none) return finite_step(at, start, first);
    return strong_wolfe(at, start,
                        {.first = first,
                         .max_evaluations = kMaxTrials,
                         .shortest = options_.tolerance_change / largest_magnitude(direction)});
  }

  std::optional<LBFGSStop> accept(const LinePoint& next, const Tensor& direction) {
    move_to(parameters_, now_.x + next.step * direction);  // it need not be what was tried last
    const Point before =
        std::exchange(now_, {.x = flattened(parameters_), .loss = next.value, .gradient = next.gradient});
    if (now_.loss < best_.loss) best_ = now_;
    ++result_.iterations;
    const Tensor s = now_.x - before.x;
    optimizer_.remember(s, now_.gradient - before.gradient);
    if (has_small_gradient()) return LBFGSStop::gradient;
    if (largest_magnitude(s) <= options_.tolerance_change) return LBFGSStop::change;
    if (std::abs(now_.loss - before.loss) < options_.tolerance_change) return LBFGSStop::change;
    if (result_.iterations == options_.max_iter) return LBFGSStop::iterations;
    if (has_evaluated_enough()) return LBFGSStop::evaluations;
    return std::nullopt;
  }

  LBFGS& optimizer_;
  const LBFGSOptions& options_;
  const std::vector<Tensor>& parameters_;
  const Callable<Tensor()>& loss_;
  Point now_;   // accepted last
  Point best_;  // of those accepted
  LBFGSResult result_;
};

LBFGSResult LBFGS::step(const Callable<Tensor()>& loss) {
  if (!loss) throw ValueError(fmt::format("[{}] expected a function that computes the loss, got an empty one", kLBFGS));
  return Minimisation(*this, loss).run();
}

void LBFGS::reset() { pairs_.clear(); }

NamedTensors LBFGS::state_dict() const {
  NamedTensors state;
  const auto pairs = static_cast<std::int64_t>(pairs_.size());
  state.insert(std::string(kPairs), tensor(pairs, {.dtype = int64}));
  for (std::int64_t i = 0; i < pairs; ++i) {
    const Pair& pair = pairs_[static_cast<std::size_t>(i)];
    state.insert(name_of_pair("s", i), pair.s);
    state.insert(name_of_pair("y", i), pair.y);
  }
  return state;
}

void LBFGS::load_state_dict(const NamedTensors& state) {
  const NoRecord pause;
  StoredState stored(state, kLBFGS);
  const std::int64_t count = stored.count(std::string(kPairs), 0);
  std::int64_t elements = 0;
  for (const Tensor& x : parameters_) elements += x.numel();
  std::vector<Pair> pairs;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto read = [&](std::string_view what) {
      return stored.floating(name_of_pair(what, i), {elements}).detach().to(float64).clone();
    };
    const Tensor s = read("s");
    std::optional<Pair> pair = pair_of(s, read("y"));
    if (!pair) throw ValueError(fmt::format("[{}] pair {} of the state has no positive curvature", kLBFGS, i));
    pairs.push_back(*std::move(pair));
  }
  stored.expect_all_read();
  const std::int64_t surplus = std::max<std::int64_t>(0, count - options_.history_size);
  pairs.erase(pairs.begin(), pairs.begin() + surplus);
  pairs_ = std::move(pairs);
}

}  // namespace tapegrad::optim
