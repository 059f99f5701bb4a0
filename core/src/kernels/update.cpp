#include "kernels/update.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/update.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_UPDATE_TABLE
#define TAPEGRAD_KERNELS_UPDATE_TABLE
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

/// The scalars of a step, computed once in double.
template <class T>
struct AdamStep {
  T beta1, beta1_rest;  ///< and 1 - beta1
  T beta2, beta2_rest;
  T shrink;      ///< 1 - lr wd when the decay is decoupled, else 1
  T decay;       ///< wd when it joins the gradient, else 0
  T rate;        ///< lr / (1 - beta1^step)
  T root_scale;  ///< 1 / sqrt(1 - beta2^step)
  T eps;
};

template <class T>
struct SgdStep {
  T rate, momentum, share, decay;
  bool nesterov;
};

template <class T>
struct RmsStep {
  T rate, keep, share, eps, momentum, decay;
};

template <class T>
struct OptimiserTable {
  void (*adam)(const AdamTensor<T>&, const AdamStep<T>&, std::int64_t begin, std::int64_t end);
  void (*sgd)(const SgdTensor<T>&, const SgdStep<T>&, std::int64_t begin, std::int64_t end);
  void (*rms)(const RmsTensor<T>&, const RmsStep<T>&, std::int64_t begin, std::int64_t end);
  double (*squares)(const T* g, std::int64_t n);
  void (*scale)(T* g, std::int64_t n, T factor);
  double (*clamp)(T* g, std::int64_t n, T limit);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// After many thousand steps without a gradient (9,000 where 0.99 is kept, 87,000 for 0.999) a mean of squares would
/// become subnormal and, like a moment, stay so.
template <class T>
HWY_INLINE Vector<T> unless_subnormal(Vector<T> v) {
  return hn::IfThenZeroElse(hn::Lt(v, splat(std::numeric_limits<T>::min())), v);
}

/// g + decay p; without a decay g itself, also where p is infinite.
template <class T>
HWY_INLINE Vector<T> with_decay(Vector<T> g, Vector<T> p, T decay) {
  return decay == T{0} ? g : hn::MulAdd(splat(decay), p, g);
}

template <class T, bool kAmsGrad>
HWY_INLINE void adam_steps(const AdamTensor<T>& t, const AdamStep<T>& s, std::int64_t begin, std::int64_t end) {
  each_vector<T>(end - begin, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
    const std::int64_t at = begin + i;
    lanes.fetch_ahead(t.parameter + at);
    lanes.fetch_ahead(t.gradient + at);
    lanes.fetch_ahead(t.m + at);
    lanes.fetch_ahead(t.v + at);
    if constexpr (kAmsGrad) lanes.fetch_ahead(t.v_max + at);
    Vector<T> p = lanes.load(t.parameter + at);
    const Vector<T> g = with_decay<T>(lanes.load(t.gradient + at), p, s.decay);
    p = hn::Mul(p, splat(s.shrink));
    Vector<T> m = lanes.load(t.m + at);
    m = unless_faded<T>(hn::MulAdd(g, splat(s.beta1_rest), hn::Mul(m, splat(s.beta1))));
    const Vector<T> v = unless_subnormal<T>(
        hn::MulAdd(hn::Mul(g, splat(s.beta2_rest)), g, hn::Mul(lanes.load(t.v + at), splat(s.beta2))));
    Vector<T> square = v;
    if constexpr (kAmsGrad) {
      const Vector<T> before = lanes.load(t.v_max + at);
      square = hn::IfThenElse(hn::Lt(v, before), before, v);  // a NaN stays
      lanes.store(square, t.v_max + at);
    }
    const Vector<T> root = hn::MulAdd(hn::Sqrt(square), splat(s.root_scale), splat(s.eps));
    lanes.store(hn::NegMulAdd(splat(s.rate), hn::Div(m, root), p), t.parameter + at);
    lanes.store(m, t.m + at);
    lanes.store(v, t.v + at);
  });
}

template <class T>
HWY_NOINLINE void adam(const AdamTensor<T>& t, const AdamStep<T>& s, std::int64_t begin, std::int64_t end) {
  if (t.v_max) {
    adam_steps<T, true>(t, s, begin, end);
  } else {
    adam_steps<T, false>(t, s, begin, end);
  }
}

template <class T>
HWY_NOINLINE void sgd(const SgdTensor<T>& t, const SgdStep<T>& s, std::int64_t begin, std::int64_t end) {
  each_vector<T>(end - begin, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
    const std::int64_t at = begin + i;
    lanes.fetch_ahead(t.parameter + at);
    lanes.fetch_ahead(t.gradient + at);
    if (t.velocity) lanes.fetch_ahead(t.velocity + at);
    const Vector<T> p = lanes.load(t.parameter + at);
    const Vector<T> g = with_decay<T>(lanes.load(t.gradient + at), p, s.decay);
    Vector<T> direction = g;
    if (t.velocity) {
      const Vector<T> velocity =
          unless_faded<T>(hn::MulAdd(splat(s.momentum), lanes.load(t.velocity + at), hn::Mul(splat(s.share), g)));
      lanes.store(velocity, t.velocity + at);
      direction = s.nesterov ? hn::MulAdd(splat(s.momentum), velocity, g) : velocity;
    }
    lanes.store(hn::NegMulAdd(splat(s.rate), direction, p), t.parameter + at);
  });
}

template <class T>
HWY_NOINLINE void rms(const RmsTensor<T>& t, const RmsStep<T>& s, std::int64_t begin, std::int64_t end) {
  each_vector<T>(end - begin, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
    const std::int64_t at = begin + i;
    lanes.fetch_ahead(t.parameter + at);
    lanes.fetch_ahead(t.gradient + at);
    lanes.fetch_ahead(t.v + at);
    const Vector<T> p = lanes.load(t.parameter + at);
    const Vector<T> g = with_decay<T>(lanes.load(t.gradient + at), p, s.decay);
    const Vector<T> v =
        unless_subnormal<T>(hn::MulAdd(hn::Mul(g, splat(s.share)), g, hn::Mul(lanes.load(t.v + at), splat(s.keep))));
    lanes.store(v, t.v + at);
    Vector<T> square = v;
    if (t.mean) {
      const Vector<T> mean =
          unless_faded<T>(hn::MulAdd(lanes.load(t.mean + at), splat(s.keep), hn::Mul(g, splat(s.share))));
      lanes.store(mean, t.mean + at);
      square = hn::NegMulAdd(mean, mean, v);  // a variance, but for rounding errors
      square = hn::IfThenZeroElse(hn::Lt(square, splat(T{0})), square);
    }
    Vector<T> direction = hn::Div(g, hn::Add(hn::Sqrt(square), splat(s.eps)));
    if (t.velocity) {
      direction = unless_faded<T>(hn::MulAdd(lanes.load(t.velocity + at), splat(s.momentum), direction));
      lanes.store(direction, t.velocity + at);
    }
    lanes.store(hn::NegMulAdd(splat(s.rate), direction, p), t.parameter + at);
  });
}

template <class T>
HWY_NOINLINE double squares(const T* g, std::int64_t n) {
  Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
    const Wide<T> v = widen(lanes.load(g + i));
    sum[k] = multiply_add(v, v, sum[k]);
  });
  return total(add(sum[0], sum[1]));
}

template <class T>
HWY_NOINLINE void scale(T* g, std::int64_t n, T factor) {
  scale_row(g, n, factor);
}

template <class T>
HWY_NOINLINE double clamp(T* g, std::int64_t n, T limit) {
  Vector<T> largest = splat(T{0});
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
    const Vector<T> v = lanes.load(g + i);
    const Vector<T> size = hn::Abs(v);
    largest = hn::IfThenElse(hn::Gt(size, largest), size, largest);
    lanes.store(hn::IfThenElse(hn::Gt(size, splat(limit)), hn::CopySign(splat(limit), v), v), g + i);
  });
  return static_cast<double>(hn::GetLane(hn::MaxOfLanes(Tag<T>(), largest)));
}

TAPEGRAD_KERNEL_TABLE(OptimiserTable, adam<T>, sgd<T>, rms<T>, squares<T>, scale<T>, clamp<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(OptimiserTable)

constexpr std::int64_t kChunk = 16384;

/// A part of one tensor, at most kChunk long. Every tensor is cut from its own start.
struct Chunk {
  std::size_t tensor;
  std::int64_t begin, end;
};

/// Calls body(tensor, begin, end, place) for each chunk of each tensor, place counting the chunks from 0 in order.
template <class Tensor, class Body>
void for_chunks(std::span<const Tensor> tensors, std::int64_t steps, const Body& body) {
  static thread_local std::vector<Chunk> chunks;
  chunks.clear();
  std::int64_t elements = 0;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    for (std::int64_t begin = 0; begin < tensors[t].n; begin += kChunk) {
      chunks.push_back({t, begin, std::min(tensors[t].n, begin + kChunk)});
    }
    elements += tensors[t].n;
  }
  const Chunk* list = chunks.data();
  parallel_for(static_cast<std::int64_t>(chunks.size()), 1, steps * elements,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t c = first; c < last; ++c)
                   body(tensors[list[c].tensor], list[c].begin, list[c].end, c);
               });
}

/// kernel(tensor, scalars, begin, end) for each chunk: an update, which costs `steps` for an element.
template <class Tensor, class Scalars>
void update_chunks(std::span<const Tensor> tensors, std::int64_t steps,
                   void (*kernel)(const Tensor&, const Scalars&, std::int64_t, std::int64_t), const Scalars& scalars) {
  for_chunks(tensors, steps, [&](const Tensor& t, std::int64_t begin, std::int64_t end, std::int64_t) {
    kernel(t, scalars, begin, end);
  });
}

/// of(elements, how many) for each chunk of the gradients, in order; valid until the next call on this thread.
template <class Gradient, class Of>
std::span<const double> of_chunks(std::span<const Gradient> tensors, const Of& of) {
  static thread_local std::vector<double> storage;
  std::vector<double>& results = storage;  // the calling thread's, in all of the team
  std::int64_t count = 0;
  for (const Gradient& t : tensors) count += ceil_div(t.n, kChunk);
  results.resize(static_cast<std::size_t>(count));
  for_chunks(tensors, 1, [&](const Gradient& t, std::int64_t begin, std::int64_t end, std::int64_t place) {
    results[static_cast<std::size_t>(place)] = of(t.gradient + begin, end - begin);
  });
  return results;
}

}  // namespace

template <class T>
void adam_update(std::span<const AdamTensor<T>> tensors, const AdamRule& rule) {
  const double step = static_cast<double>(rule.step);
  const AdamStep<T> scalars{
      .beta1 = static_cast<T>(rule.beta1),
      .beta1_rest = static_cast<T>(1 - rule.beta1),
      .beta2 = static_cast<T>(rule.beta2),
      .beta2_rest = static_cast<T>(1 - rule.beta2),
      .shrink = static_cast<T>(rule.decoupled ? 1 - rule.lr * rule.weight_decay : 1.0),
      .decay = static_cast<T>(rule.decoupled ? 0.0 : rule.weight_decay),
      .rate = static_cast<T>(rule.lr / (1 - std::pow(rule.beta1, step))),
      .root_scale = static_cast<T>(1 / std::sqrt(1 - std::pow(rule.beta2, step))),
      .eps = static_cast<T>(rule.eps),
  };
  update_chunks(tensors, 4, table<T>().adam, scalars);
}

template <class T>
void sgd_update(std::span<const SgdTensor<T>> tensors, const SGDRule& rule) {
  const SgdStep<T> scalars{.rate = static_cast<T>(rule.lr),
                           .momentum = static_cast<T>(rule.momentum),
                           .share = static_cast<T>(rule.gradient_share),
                           .decay = static_cast<T>(rule.weight_decay),
                           .nesterov = rule.nesterov};
  update_chunks(tensors, 2, table<T>().sgd, scalars);
}

template <class T>
void rms_update(std::span<const RmsTensor<T>> tensors, const RMSRule& rule) {
  const RmsStep<T> scalars{.rate = static_cast<T>(rule.lr),
                           .keep = static_cast<T>(rule.keep),
                           .share = static_cast<T>(rule.share),
                           .eps = static_cast<T>(rule.eps),
                           .momentum = static_cast<T>(rule.momentum),
                           .decay = static_cast<T>(rule.weight_decay)};
  update_chunks(tensors, 4, table<T>().rms, scalars);
}

template <class T>
double sum_of_squares(std::span<const GradientTensor<const T>> tensors) {
  double sum = 0;
  for (const double partial : of_chunks(tensors, table<T>().squares)) sum += partial;
  return sum;
}

template <class T>
void scale_gradients(std::span<const GradientTensor<T>> tensors, double factor) {
  const auto kernel = table<T>().scale;
  for_chunks(tensors, 1, [&](const GradientTensor<T>& t, std::int64_t begin, std::int64_t end, std::int64_t) {
    kernel(t.gradient + begin, end - begin, static_cast<T>(factor));
  });
}

template <class T>
double clamp_gradients(std::span<const GradientTensor<T>> tensors, double limit) {
  const auto clamp = [kernel = table<T>().clamp, bound = static_cast<T>(limit)](T* gradient, std::int64_t n) {
    return kernel(gradient, n, bound);
  };
  double largest = 0;
  for (const double partial : of_chunks(tensors, clamp)) largest = std::max(largest, partial);
  return largest;
}

#define TAPEGRAD_OPTIMISERS(T)                                                \
  template void adam_update(std::span<const AdamTensor<T>>, const AdamRule&); \
  template void sgd_update(std::span<const SgdTensor<T>>, const SGDRule&);    \
  template void rms_update(std::span<const RmsTensor<T>>, const RMSRule&);    \
  template double sum_of_squares(std::span<const GradientTensor<const T>>);   \
  template void scale_gradients(std::span<const GradientTensor<T>>, double);  \
  template double clamp_gradients(std::span<const GradientTensor<T>>, double)
TAPEGRAD_OPTIMISERS(float);
TAPEGRAD_OPTIMISERS(double);
#undef TAPEGRAD_OPTIMISERS

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
