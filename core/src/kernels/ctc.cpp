#include "kernels/ctc.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ctc.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_CTC_TABLE
#define TAPEGRAD_KERNELS_CTC_TABLE
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// The logarithm of a probability of 0.
inline constexpr double kNever = -std::numeric_limits<double>::infinity();

/// One sequence without its padding.
template <class T>
struct CtcSequence {
  const T* log_probs;                   // [frames of the batch, classes]
  const std::int64_t *frames, *labels;  // [frame_count] rows of log_probs, [label_count] classes
  const double* direct;  // [label_count + 1]: 0 where a label may follow the one before it at once, else kNever
  std::int64_t frame_count, label_count, classes, blank;
};

/// A number for each state of a frame: labels, and blanks around them, blank i before label i. (The even and the odd
/// states of the paper, apart: a label is come to from three states, a blank from two.) labels[-1] may be read.
struct CtcStates {
  double *labels, *blanks;

  CtcStates(double* memory, std::int64_t label_count) : labels(memory + 1), blanks(labels + label_count) {
    memory[0] = kNever;
  }
};

/// The labels and blanks [begin, end) at which a path may stand in frame k: those that k + 1 frames lead to, and from
/// which the other frames lead to the end.
struct CtcReach {
  std::int64_t begin, labels_end, blanks_end;

  template <class T>
  CtcReach(const CtcSequence<T>& s, std::int64_t k)
      : begin(std::max<std::int64_t>(0, s.label_count - s.frame_count + k)),
        labels_end(std::min(k + 1, s.label_count)),
        blanks_end(std::min(k + 1, s.label_count + 1)) {}
};

template <class T>
struct CtcTable {
  double (*forward)(const CtcSequence<T>&, double* scratch, double* kept, std::int64_t kept_width);
  void (*backward)(const CtcSequence<T>&, double log_likelihood, const double* kept, std::int64_t kept_width,
                   double scale, double* scratch, T* dlog_probs);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// log sum exp; kNever of kNever alone. NaN and +inf give NaN.
template <class... Vectors>
HWY_INLINE DoubleVector log_sum_exp(DoubleVector first, Vectors... others) {
  DoubleVector most = first;
  ((most = hn::Max(others, most)), ...);
  const DoubleVector shift = hn::IfThenZeroElse(hn::Eq(most, splat(kNever)), most);
  DoubleVector sum = exponential<double>(hn::Sub(first, shift));
  ((sum = hn::Add(exponential<double>(hn::Sub(others, shift)), sum)), ...);
  return hn::Add(shift, log(tapegrad::HWY_NAMESPACE::Lanes<Tag<double>>(sum)).v);
}

/// What the frame x says of the labels in reach.
template <class T>
HWY_INLINE void gather_labels(const CtcSequence<T>& s, const CtcReach& reach, const T* x, double* emitted) {
  for (std::int64_t i = reach.begin; i < reach.labels_end; ++i) emitted[i] = static_cast<double>(x[s.labels[i]]);
}

/// alpha, frame by frame: the log-probability of all beginnings that end in a state. scratch: [5 labels + 4]. REQUIRES:
/// no fewer frames than labels.
template <class T>
HWY_NOINLINE double forward(const CtcSequence<T>& s, double* scratch, double* kept, std::int64_t kept_width) {
  const std::int64_t n = s.label_count;
  double* const emitted = scratch;
  double* const rows[2] = {emitted + n, emitted + n + 2 * n + 2};
  // Before the first frame a path stands at the first blank.
  CtcStates from(rows[1], n);
  std::fill_n(from.labels, 2 * n + 1, kNever);
  from.blanks[0] = 0;
  for (std::int64_t k = 0; k < s.frame_count; ++k) {
    const T* const x = s.log_probs + s.frames[k] * s.classes;
    const CtcReach reach(s, k);
    const CtcStates to(kept ? kept + k * kept_width : rows[k % 2], n);
    gather_labels(s, reach, x, emitted);
    each_vector<double>(reach.labels_end - reach.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = reach.begin + at;
      const DoubleVector before = hn::Add(lanes.load(from.labels + i - 1), lanes.load(s.direct + i));
      const DoubleVector paths = log_sum_exp(lanes.load(from.labels + i), lanes.load(from.blanks + i), before);
      lanes.store(hn::Add(paths, lanes.load(emitted + i)), to.labels + i);
    });
    const DoubleVector blank = splat(static_cast<double>(x[s.blank]));
    each_vector<double>(reach.blanks_end - reach.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = reach.begin + at;
      const DoubleVector paths = log_sum_exp(lanes.load(from.blanks + i), lanes.load(from.labels + i - 1));
      lanes.store(hn::Add(paths, blank), to.blanks + i);
    });
    // The next frame reads one state further.
    if (reach.labels_end < n) to.labels[reach.labels_end] = kNever;
    if (reach.blanks_end <= n) to.blanks[reach.blanks_end] = kNever;
    from = to;
  }
  return hn::GetLane(log_sum_exp(splat(from.blanks[n]), splat(from.labels[n - 1])));
}

/// beta, from the last frame to the first: the log-probability of all that may follow a state. scratch: [5 labels + 3 +
/// classes].
template <class T>
HWY_NOINLINE void backward(const CtcSequence<T>& s, double log_likelihood, const double* kept, std::int64_t kept_width,
                           double scale, double* scratch, T* dlog_probs) {
  const std::int64_t n = s.label_count;
  double* const after_labels = scratch;
  double* const after_blanks = after_labels + n;
  double* const from_labels = after_blanks + n + 1;  // the same with the state's own emission
  double* const from_blanks = from_labels + n + 1;
  double* const of_labels = from_blanks + n + 1;  // emissions, then the states' shares
  double* const of_classes = of_labels + n;
  std::fill_n(after_labels, 2 * n + 1, kNever);
  after_blanks[n] = 0;
  if (n > 0) after_labels[n - 1] = 0;
  from_labels[n] = kNever;
  std::fill_n(of_classes, s.classes, 0.0);
  const DoubleVector likelihood = splat(log_likelihood);
  for (std::int64_t k = s.frame_count - 1; k >= 0; --k) {
    const T* const x = s.log_probs + s.frames[k] * s.classes;
    T* const dx = dlog_probs + s.frames[k] * s.classes;
    const CtcReach reach(s, k);
    const double* const alpha_of_labels = kept + k * kept_width + 1;
    const double* const alpha_of_blanks = alpha_of_labels + n;
    gather_labels(s, reach, x, of_labels);
    each_vector<double>(reach.labels_end - reach.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = reach.begin + at;
      const DoubleVector after = lanes.load(after_labels + i);
      lanes.store(hn::Add(after, lanes.load(of_labels + i)), from_labels + i);
      const DoubleVector paths = hn::Add(lanes.load(alpha_of_labels + i), after);
      lanes.store(exponential<double>(hn::Sub(paths, likelihood)), of_labels + i);
    });
    DoubleVector of_blank = splat(0.0);
    const DoubleVector blank = splat(static_cast<double>(x[s.blank]));
    each_vector<double>(reach.blanks_end - reach.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = reach.begin + at;
      const DoubleVector after = lanes.load(after_blanks + i);
      lanes.store(hn::Add(after, blank), from_blanks + i);
      const DoubleVector paths = hn::Add(lanes.load(alpha_of_blanks + i), after);
      of_blank = hn::Add(lanes.or_else(exponential<double>(hn::Sub(paths, likelihood)), 0.0), of_blank);
    });
    dx[s.blank] = static_cast<T>(-scale * total(widen(of_blank)));
    for (std::int64_t i = reach.begin; i < reach.labels_end; ++i) of_classes[s.labels[i]] += of_labels[i];
    for (std::int64_t i = reach.begin; i < reach.labels_end; ++i) {
      const std::int64_t label = s.labels[i];
      dx[label] = static_cast<T>(-scale * of_classes[label]);
    }
    for (std::int64_t i = reach.begin; i < reach.labels_end; ++i) of_classes[s.labels[i]] = 0;
    if (k == 0) break;
    if (reach.begin > 0) from_labels[reach.begin - 1] = from_blanks[reach.begin - 1] = kNever;
    const CtcReach before(s, k - 1);
    each_vector<double>(before.labels_end - before.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = before.begin + at;
      const DoubleVector next = hn::Add(lanes.load(from_labels + i + 1), lanes.load(s.direct + i + 1));
      lanes.store(log_sum_exp(lanes.load(from_labels + i), lanes.load(from_blanks + i + 1), next), after_labels + i);
    });
    each_vector<double>(before.blanks_end - before.begin, [&](std::int64_t at, auto lanes, auto) HWY_ATTR {
      const std::int64_t i = before.begin + at;
      lanes.store(log_sum_exp(lanes.load(from_blanks + i), lanes.load(from_labels + i)), after_blanks + i);
    });
  }
}

TAPEGRAD_KERNEL_TABLE(CtcTable, forward<T>, backward<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(CtcTable)

constexpr std::int64_t kStateWork = 60;  // of one state of a frame: exponentials and a logarithm

/// Writes the places of what is valid among `count`; all of them for null. Returns how many.
std::int64_t places_of_valid(const bool* valid, std::int64_t count, std::int64_t* places) {
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < count; ++i)
    if (!valid || valid[i]) places[found++] = i;
  return found;
}

/// What forward and backward need, whichever needs more.
template <class T>
std::int64_t scratch_size(const Ctc<T>& f) {
  return 5 * f.labels + 4 + f.classes;
}

/// body(n, sequence, scratch) for all sequences of a batch.
template <class T, class Body>
void for_each_sequence(const Ctc<T>& f, const Body& body) {
  const std::int64_t states = f.sequences * f.frames * (2 * f.labels + 1);
  parallel_for(f.sequences, 1, states * kStateWork, [&](std::int64_t begin, std::int64_t end) {
    static thread_local Scratch places, numbers;
    std::int64_t* const frames = places.get<std::int64_t>(f.frames + f.labels);
    std::int64_t* const labels = frames + f.frames;
    double* const direct = numbers.get<double>(f.labels + 1 + scratch_size(f));
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t frame_count =
          places_of_valid(f.valid_frames ? f.valid_frames + n * f.frames : nullptr, f.frames, frames);
      const std::int64_t label_count =
          places_of_valid(f.valid_labels ? f.valid_labels + n * f.labels : nullptr, f.labels, labels);
      for (std::int64_t i = 0; i < label_count; ++i) {
        labels[i] = f.targets[n * f.labels + labels[i]];
        const bool repeated = i > 0 && labels[i] == labels[i - 1];  // a blank must stand between the two
        direct[i] = repeated ? kNever : 0;
      }
      direct[label_count] = kNever;
      body(n,
           CtcSequence<T>{.log_probs = f.log_probs + n * f.frames * f.classes,
                          .frames = frames,
                          .labels = labels,
                          .direct = direct,
                          .frame_count = frame_count,
                          .label_count = label_count,
                          .classes = f.classes,
                          .blank = f.blank},
           direct + f.labels + 1);
    }
  });
}

}  // namespace

template <class T>
void ctc_forward(const Ctc<T>& facts, double* log_likelihood, double* kept) {
  const auto kernel = table<T>().forward;
  const std::int64_t width = ctc_kept_width(facts.labels);
  for_each_sequence(facts, [&](std::int64_t n, const CtcSequence<T>& sequence, double* scratch) {
    double* const to = kept ? kept + n * facts.frames * width : nullptr;
    const bool too_short = sequence.frame_count < sequence.label_count;
    log_likelihood[n] = too_short ? kNever : kernel(sequence, scratch, to, width);
  });
}

template <class T>
void ctc_backward(const Ctc<T>& facts, const double* log_likelihood, const double* kept, const double* scale,
                  T* dlog_probs) {
  const auto kernel = table<T>().backward;
  const std::int64_t width = ctc_kept_width(facts.labels);
  const std::int64_t elements = facts.frames * facts.classes;
  for_each_sequence(facts, [&](std::int64_t n, const CtcSequence<T>& sequence, double* scratch) {
    T* const dx = dlog_probs + n * elements;
    std::fill_n(dx, elements, T(0));
    if (log_likelihood[n] == kNever) return;
    if (std::isnan(log_likelihood[n])) {
      for (std::int64_t k = 0; k < sequence.frame_count; ++k)
        std::fill_n(dx + sequence.frames[k] * facts.classes, facts.classes, std::numeric_limits<T>::quiet_NaN());
      return;
    }
    kernel(sequence, log_likelihood[n], kept + n * facts.frames * width, width, scale[n], scratch, dx);
  });
}

#define TAPEGRAD_CTC(T)                                       \
  template void ctc_forward(const Ctc<T>&, double*, double*); \
  template void ctc_backward(const Ctc<T>&, const double*, const double*, const double*, T*)
TAPEGRAD_CTC(float);
TAPEGRAD_CTC(double);
#undef TAPEGRAD_CTC

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
