// Losses, and the similarity of vectors. All are differentiable any number of times.
#pragma once

#include <cstdint>

#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// What becomes of the losses of many samples: their mean, their sum, or themselves. ValueError for what is none of
/// these.
enum class Reduction : std::uint8_t { none, mean, sum };

struct CrossEntropyOptions {
  /// A sample with this target counts for nothing: loss 0, gradient 0, not part of the mean.
  std::int64_t ignore_index = -100;
  /// Spreads this share of each target evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567). In [0, 1].
  double label_smoothing = 0.0;
  /// [C], a constant: how much a sample of each class counts. Undefined: 1. A class of weight 0 counts for nothing,
  /// even if its logit is -inf (PyTorch: NaN).
  Tensor weight = {};
  Reduction reduction = Reduction::mean;
};

/// -log softmax(logits)[target]: logits [.., C], targets int64 of logits' shape without the classes. As
/// torch.nn.functional.cross_entropy with classes last: the mean divides by the sum of the weights of the targets. When
/// that is 0 (all ignored or of weight 0, or none there) the mean is 0 with gradient 0 (PyTorch: NaN). Logits of one
/// sample that are all -inf give inf, or 0 where no class of it counts, with gradient 0 to them (PyTorch: NaN).
///
/// Targets of the logits' own shape and dtype are probabilities, of mixed labels or of a teacher: -sum_c target_c log
/// softmax(logits)_c, with gradients to both; the mean is that over the samples, and ignore_index has no meaning. They
/// are not checked to be at least 0 or to sum to 1. A probability of 0 counts for nothing, as a weight of 0 does. A
/// logit of -inf that has a probability makes the loss inf, and no gradient comes from its term.
///
/// Throws IndexError that names the first target outside 0 ... C - 1, ShapeError, DTypeError, ValueError for
/// label_smoothing, TapeError for a weight that is tracked.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

struct LossOptions {
  Reduction reduction = Reduction::mean;
};

/// (input - target)^2. Shapes must be the same: ShapeError (a broadcast here is mostly a mistake); dtypes too, and
/// floating: DTypeError. The mean of no elements is NaN.
Tensor mse_loss(const Tensor& input, const Tensor& target, LossOptions options = {});

/// |input - target|; the slope at 0 is 0. Throws ShapeError and DTypeError as mse_loss does.
Tensor l1_loss(const Tensor& input, const Tensor& target, LossOptions options = {});

struct HuberOptions {
  /// Where the square ends and the straight line begins; above 0.
  double delta = 1.0;
  Reduction reduction = Reduction::mean;
};

/// (input - target)^2 / 2 up to a distance of delta, beyond it delta (|input - target| - delta / 2). Huber 1964.
/// Divided by delta it is PyTorch's smooth_l1_loss with beta = delta. Throws ShapeError and DTypeError as mse_loss
/// does, ValueError for delta.
Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberOptions& options = {});

/// As Reduction; batch_mean is the sum divided by the size of the first dimension: the divergence per sample, where
/// mean is that per entry.
enum class KLReduction : std::uint8_t { none, mean, batch_mean, sum };

struct KLDivOptions {
  KLReduction reduction = KLReduction::mean;
  /// Whether the targets are log-probabilities too.
  bool log_target = false;
};

/// The terms p (log p - input) of the Kullback-Leibler divergence of targets p from exp(input): the input holds
/// log-probabilities, as torch.nn.functional.kl_div's does. A target p = 0 (with log_target: -inf) gives 0, also where
/// the input is -inf (PyTorch: NaN), with gradient 0 to the input. The slope to the target is log p + 1 - input, which
/// is -inf at p = 0 unless the input is -inf too: then 0. The mean of no entries is NaN. Throws ShapeError and
/// DTypeError as mse_loss does; ShapeError too for batch_mean of scalars.
Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivOptions& options = {});

struct NLLOptions {
  /// A sample with this target counts for nothing: loss 0, gradient 0, not part of the mean.
  std::int64_t ignore_index = -100;
  /// [C], a constant: how much a sample of each class counts. Undefined: 1. One of weight 0 counts for nothing,
  /// whatever it holds (PyTorch: NaN where that is -inf).
  Tensor weight = {};
  Reduction reduction = Reduction::mean;
};

/// -log_probs[target]: log-probabilities [.., C], targets int64 of their shape without the classes. As
/// torch.nn.functional.nll_loss with classes last: the mean divides by the sum of the weights of the targets. When that
/// is 0 (all ignored or of weight 0, or none there) the mean is 0 with gradient 0 (PyTorch: NaN). Errors as for
/// cross_entropy.
Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NLLOptions& options = {});

struct CTCOptions {
  /// The class that stands for no label.
  std::int64_t blank = 0;
  Reduction reduction = Reduction::mean;
  /// Whether the loss of a sequence that cannot spell its targets is 0, not inf.
  bool zero_infinity = false;
};

/// -log of the probability that a sequence spells its targets, whatever the alignment: connectionist temporal
/// classification (Graves, Fernandez, Gomez and Schmidhuber 2006). An alignment says a class at each frame, a label or
/// the blank; it spells what is left when runs of one class have become one and blanks are taken out. log_probs [N, T,
/// C] are log-probabilities, as log_softmax gives them; targets are labels, int64 [N, S]. Of the masks only the
/// positions are used, [N, T] of the frames and [N, S] of the targets: what is not valid is left out, whatever it
/// holds.
///
/// As torch.nn.functional.ctc_loss, with the batch first and masks for lengths (Mask::from_lengths). The mean divides
/// each sequence's loss by the number of its targets, at least 1, and averages over the sequences; that of none is 0
/// (PyTorch: NaN). The gradient is that with respect to log_probs: -1 times the probability that class c stands at
/// frame t of an alignment, given the targets. (PyTorch adds exp(log_probs), which behind a log_softmax changes nothing
/// and is wrong elsewhere; its gradient cannot be differentiated.)
///
/// A sequence needs a frame for each target, and one more between equal neighbours. Where it has too few, or each
/// alignment meets a log-probability of -inf, the loss is inf, or 0 with zero_infinity, and the gradient 0 in either
/// case (PyTorch: NaN without zero_infinity). No targets are spelt by blanks alone, or by no frames, with loss 0. NaN
/// and +inf give NaN where an alignment meets them.
///
/// Sums run in double; for the gradient 2 S + 2 doubles are kept of each frame. Throws IndexError that names the first
/// target that is the blank or outside 0 ... C - 1, ValueError for a blank outside, ShapeError, DTypeError.
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Mask& mask = {}, const Mask& target_mask = {},
                const CTCOptions& options = {});

struct BCEOptions {
  /// How much each entry counts; broadcast to the logits. Undefined: 1.
  Tensor weight = {};
  /// How much a positive counts against a negative; broadcast to the logits. Undefined: 1.
  Tensor pos_weight = {};
  Reduction reduction = Reduction::mean;
};

/// -(pos_weight t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), stable in both tails, for finite logits (NaN at
/// infinite ones); targets t in [0, 1] of the logits' shape. The mean divides by the number of entries. Gradients flow
/// into everything given. Throws ShapeError, DTypeError unless all are floating and of one dtype.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const BCEOptions& options = {});

/// The cosine of the angle between vectors along `axis` of a and b, which broadcast: their inner product divided by
/// their norms, a norm below eps counting as eps. As torch.nn.functional.cosine_similarity (whose axis is 1 when not
/// said; here the last). A zero vector gives 0, and so does one whose norm overflows. Below eps the norm is a constant,
/// so that at the zero vector the gradient is that of a linear function, the other's direction divided by eps: large,
/// as eps is small. Throws ShapeError, IndexError, DTypeError, ValueError unless eps > 0.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, Axis axis = -1, double eps = 1e-8);

}  // namespace tapegrad
