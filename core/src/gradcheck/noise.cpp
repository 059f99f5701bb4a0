#include "gradcheck/noise.hpp"

#include <algorithm>
#include <cmath>

namespace tapegrad::checker {

double noise_of(std::array<double, kNoisePoints> values) {
  constexpr int kFirst = 4;
  constexpr int kLast = 5;
  double noise = 0.0;
  double central = 1.0;  // (2k)! / (k!)^2: the variance of the k-th difference of independent noise
  for (int k = 1; k <= kLast; ++k) {
    double squares = 0.0;
    for (int i = 0; i + k < kNoisePoints; ++i) {
      const auto at = static_cast<std::size_t>(i);
      values[at] = values[at + 1] - values[at];
      squares += values[at] * values[at];
    }
    central *= (2.0 * k) * (2.0 * k - 1.0) / (static_cast<double>(k) * k);
    if (k >= kFirst) noise = std::max(noise, std::sqrt(squares / (kNoisePoints - k) / central));
    if (std::isnan(squares)) return squares;
  }
  return noise;
}

}  // namespace tapegrad::checker
