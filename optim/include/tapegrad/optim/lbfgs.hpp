// L-BFGS: a quasi-Newton method for smooth losses over all data at once, as of physics-informed networks, of
// hyperparameters and of logistic regression. Not for losses of batches drawn at random, for which there are SGD and
// Adam.
//
//   optim::LBFGS optimizer(model.parameters());
//   const optim::LBFGSResult result = optimizer.step([&] { return mse_loss(model(x), y); });
//
// One call of step() is a whole minimisation, of up to max_iter iterations. The function only computes the loss:
// step() calls it under a Tape of its own and sweeps that.
//
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/named_tensors.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// How far an iteration goes along its direction: `none`, by the rate; strong_wolfe, by a search for a point where the
/// loss is lower and its slope flatter, which mostly takes one or two evaluations.
enum class LineSearch : std::uint8_t { none, strong_wolfe };

struct LBFGSOptions {
  double lr = 1.0;             ///< the step along a direction, or the first that a line search tries
  std::int64_t max_iter = 20;  ///< iterations in one step()
  /// After the first, no iteration of a step() begins after so many evaluations of the loss, one of which is of where
  /// it begins. Undefined: 5/4 max_iter, at least 5 more than max_iter.
  std::optional<std::int64_t> max_eval = std::nullopt;
  double tolerance_grad = 1e-7;  ///< ends where no element of the gradient has a larger magnitude
  /// Ends where no parameter changes by more, where the loss changes by less, and where the slope along the direction
  /// promises less.
  double tolerance_change = 1e-9;
  std::int64_t history_size = 100;  ///< pairs of steps and gradient changes that are remembered, 16 bytes an element
  LineSearch line_search = LineSearch::strong_wolfe;
};

/// Why a step() has ended.
enum class LBFGSStop : std::uint8_t {
  gradient,     ///< no element of the gradient exceeds tolerance_grad
  change,       ///< the parameters, or the loss, changed, or would, by no more than tolerance_change
  iterations,   ///< max_iter
  evaluations,  ///< max_eval, or more, with those of the last iteration
  /// No step along the gradient makes the loss lower: mostly it is exact to rounding. Or |g|^2 is no number above 0, as
  /// it under- or overflows.
  line_search
};
std::string_view to_string(LBFGSStop stop);

struct LBFGSResult {
  double start_loss = 0.0;
  double loss = 0.0;              ///< at the parameters as they now are
  double largest_gradient = 0.0;  ///< the largest magnitude in the gradient, there
  std::int64_t iterations = 0;
  std::int64_t evaluations = 0;  ///< calls of the loss
  LBFGSStop stop = LBFGSStop::iterations;
};

/// Each iteration goes from x along d = -H g, g the gradient and H an estimate of the inverse Hessian, made of the last
/// `history_size` pairs of a step s and the change y of the gradient over it, from (s.y / y.y) I on: Nocedal and
/// Wright, Numerical Optimization, 2nd edition, 2006, algorithms 7.4 and 7.5. The step is lr; while there is no pair
/// yet, d = -g and the step is lr min(1, 1 / |g|_1). A pair without positive curvature, s.y <= eps |s| |y| with eps =
/// 2^-52, is left out, which keeps H positive definite, whatever units loss and parameters are in (after Byrd, Lu,
/// Nocedal and Zhu, "A limited memory algorithm for bound constrained optimization", SIAM J. Scientific Computing 16,
/// 1995, equation 3.9, which has y.y for |s| |y|).
///
/// The options mean what PyTorch's torch.optim.LBFGS means by them. What differs:
/// - the line search is on where nothing else is said, and step() calls the loss once more, so that what it reports is
///   true of the parameters that it leaves: the best of those that it has accepted;
/// - a trial where loss or gradient is not finite shortens the step. A direction that does not descend, and one along
///   which the search finds nothing lower, make it forget the history and go along -g;
/// - all is computed in float64, with s between the parameters as they are rounded to their dtype.
///
/// Frozen parameters stay. One that the loss does not reach has gradient 0. What was in .grad() is forgotten, and
/// nothing is left there; leaves that are not among the parameters collect the gradients of all evaluations.
class LBFGS {
 public:
  /// Throws ValueError for options outside their domain and what is no LineSearch, where there is no parameter,
  /// and for a parameter that is undefined, that shares elements with another, as one given twice does, or that the
  /// live tape computed; DTypeError for one that is not floating, ShapeError for one that is not contiguous.
  explicit LBFGS(const std::vector<Tensor>& parameters, const LBFGSOptions& options = {});
  // Two that remember how one list of parameters moved would each miss the other's steps.
  LBFGS(const LBFGS&) = delete;
  LBFGS& operator=(const LBFGS&) = delete;
  LBFGS(LBFGS&&) = default;
  LBFGS& operator=(LBFGS&&) = default;
  ~LBFGS() = default;

  /// Minimises the loss from the parameters' present values on. The loss is to be the same function each time it is
  /// called in one step(): no dropout. Throws ValueError where loss or gradient is not finite at the start, and for an
  /// undefined loss; ShapeError for one of several elements, DTypeError for one that is not floating; TapeError where
  /// no parameter is reached, and while a Tape records on this thread. When it or the loss throws, the parameters are
  /// those that were accepted last.
  LBFGSResult step(const Callable<Tensor()>& loss);
  /// Forgets the history, as before a loss of another kind.
  void reset();

  const std::vector<Tensor>& parameters() const { return parameters_; }
  const LBFGSOptions& options() const { return options_; }

  /// What a later run needs to go on from here, beside the parameters: "pairs", and of each, oldest first, "s.0" and
  /// "y.0", of all parameters in one row. The options are not in it.
  NamedTensors state_dict() const;
  /// Copies a state in; of more pairs than history_size the last ones. Throws ValueError for a name that is missing or
  /// does not fit, for `pairs` that are no whole number in [0, 2^53] and for a pair without positive curvature,
  /// ShapeError for another shape, DTypeError for a pair that is not floating; then nothing has changed.
  void load_state_dict(const NamedTensors& state);

 private:
  class Minimisation;
  struct Pair {
    Tensor s;  // a step, and
    Tensor y;  // the change of the gradient over it
    double curvature;
    double scale;  // s.y / y.y
  };

  /// None without positive curvature.
  static std::optional<Pair> pair_of(const Tensor& s, const Tensor& y);
  void remember(const Tensor& s, const Tensor& y);
  /// -H g.
  Tensor direction(const Tensor& gradient) const;

  std::vector<Tensor> parameters_;
  LBFGSOptions options_;
  std::vector<Pair> pairs_;  // oldest first
};

}  // namespace tapegrad::optim
