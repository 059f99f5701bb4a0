// The most multiply-adds that one thread can do in registers, once per instruction set.
#include "bench/peak.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cpp"
#include <hwy/foreach_target.h>
// Highway must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

FusedMultiplyAdds run() {
  constexpr int kRounds = 100'000, kChains = 12;  // as many chains as hide the latency of one
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999F);
  const auto term = hn::Set(d, 0.001F);
  hn::Vec<decltype(d)> chains[kChains];
  // From different numbers: chains that are alike would be computed once.
  for (int i = 0; i < kChains; ++i) chains[i] = hn::Set(d, 0.1F * static_cast<float>(i));
  for (int round = 0; round < kRounds; ++round) {
    HWY_UNROLL(12)
    for (auto& x : chains) x = hn::MulAdd(x, factor, term);
  }
  auto sum = hn::Zero(d);
  for (const auto& x : chains) sum = hn::Add(sum, x);
  return {hn::GetLane(hn::SumOfLanes(d, sum)), 2.0 * kRounds * kChains * static_cast<double>(hn::Lanes(d))};
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(run);

FusedMultiplyAdds fused_multiply_adds() { return HWY_DYNAMIC_DISPATCH(run)(); }

}  // namespace bench
#endif
