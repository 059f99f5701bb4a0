#include "gradcheck/noise.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "gradcheck/values.hpp"

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
    const int count = kNoisePoints - k;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) values[i] = values[i + 1] - values[i];
    central *= (2.0 * k) * (2.0 * k - 1.0) / (static_cast<double>(k) * k);
    if (k < kFirst) continue;
    const double size = norm(std::span(values).first(static_cast<std::size_t>(count)));
    if (std::isnan(size)) return size;
    noise = std::max(noise, size / std::sqrt(count * central));
  }
  return noise;
}

bool is_scattered(const std::array<double, kNoisePoints>& values) {
  constexpr double kPlaces = 2.6;  // of independent noise about 4
  double most = 0.0, sum = 0.0;
  for (std::size_t i = 1; i + 1 < values.size(); ++i) {
    const double bend = std::abs(values[i + 1] - 2.0 * values[i] + values[i - 1]);
    most = std::fmax(most, bend);
    sum += bend;
  }
  return sum > kPlaces * most;
}

double rounding_of_quotients(double epsilon, double y, double own) {
  constexpr double kRoundings = 64.0;
  const double divisor = std::min(1.0, own);
  return kRoundings * epsilon * std::max(1.0, std::abs(y)) / (divisor * divisor * divisor);
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
