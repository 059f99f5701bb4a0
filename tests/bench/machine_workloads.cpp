// What the machine can do, to measure engines by.
#include <omp.h>

#include <memory>
#include <vector>

#include "bench/peak.hpp"
#include "bench/workloads.hpp"

namespace bench {
namespace {

constexpr std::int64_t kTriadSize = 20'000'000;

int team = 1;

Step make_triad() {
  struct Arrays {
    std::vector<float> a, b, c;
  };
  const std::vector<float> ones(kTriadSize, 1.0F);
  const auto arrays = std::make_shared<Arrays>(Arrays{ones, ones, ones});
  return [arrays] {
    float* const a = arrays->a.data();
    const float* const b = arrays->b.data();
    const float* const c = arrays->c.data();
#pragma omp parallel for simd num_threads(team)
    for (std::int64_t i = 0; i < kTriadSize; ++i) a[i] = b[i] + 3.0F * c[i];
  };
}

Step make_multiply_adds() {
  return [] {
#pragma omp parallel num_threads(team)
    {
      volatile float result = fused_multiply_adds().result;
      (void)result;
    }
  };
}

}  // namespace

Engine machine_engine() {
  return {"machine",
          [](int count) { team = count; },
          {{.name = "triad",
            .description = "a = b + s c over 240 MB",
            .make = make_triad,
            .bytes = 3.0 * 4.0 * static_cast<double>(kTriadSize)},
           {.name = kPeak,
            .description = "fused multiply-adds in registers, of each thread",
            .make = make_multiply_adds,
            .flops = fused_multiply_adds().flops}}};
}

}  // namespace bench
