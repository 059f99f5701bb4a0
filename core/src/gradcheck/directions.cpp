#include "gradcheck/directions.hpp"

#include <cmath>

namespace tapegrad::checker {

Values normal_values(std::size_t count, Generator& generator) {
  Values values(count);
  for (double& v : values) v = generator.normal();
  return values;
}

Values direction(int k, std::size_t count, Generator& generator) {
  constexpr int kFew = 4;
  switch (k % 3) {
    case 1: {
      Values values(count, 0.0);
      for (int i = 0; i < kFew && count > 0; ++i)
        values[static_cast<std::size_t>(generator.below(static_cast<std::int64_t>(count)))] = i % 2 == 0 ? 1.0 : -1.0;
      return values;
    }
    case 2: {
      Values values(count);
      for (double& v : values) v = generator.uniform() < 0.5 ? -1.0 : 1.0;
      return values;
    }
    default: return normal_values(count, generator);
  }
}

Values over_finite(Values weights, const Values& at) {
  for (std::size_t i = 0; i < at.size(); ++i)
    if (!std::isfinite(at[i])) weights[i] = 0.0;
  return weights;
}

double weighed_sum(const Values& u, const Values& y) {
  double sum = 0.0;
  for (std::size_t o = 0; o < y.size(); ++o)
    if (u[o] != 0.0) sum += u[o] * y[o];
  return sum;
}

double weighed_reach(const Values& u, const Values& y) {
  double sum = 0.0;
  for (std::size_t o = 0; o < y.size(); ++o)
    if (u[o] != 0.0) sum += std::abs(u[o] * y[o]);
  return sum;
}

}  // namespace tapegrad::checker
