#include "gradcheck/noise.hpp"

#include <algorithm>
#include <cmath>

namespace tapegrad::checker {
namespace {

constexpr double kAgree = 0.25;  // between the scatter of so few differences and the 1/11 of a kink

}  // namespace

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

double confirmed_noise(const Textures& here, const Textures& wider) {
  const auto agreed = [](const Texture& near, const Texture& far) {
    return near.exact && near.noise > kAgree * far.noise ? std::max(near.noise, far.noise) : 0.0;
  };
  return std::max({agreed(here.narrow, here.middle), agreed(here.middle, here.wide), agreed(here.narrow, wider.narrow),
                   agreed(here.middle, wider.middle), agreed(here.wide, wider.wide)});
}

bool refuted(double confirmed, const Textures& here) {
  const auto upholds = [confirmed](const Texture& t) { return t.still || t.noise >= kAgree * confirmed; };
  return !upholds(here.narrow) && !upholds(here.middle) && !upholds(here.wide);
}

}  // namespace tapegrad::checker
