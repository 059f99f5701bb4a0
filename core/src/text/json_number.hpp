// Numbers in JSON, which has no infinities and no NaN.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace tapegrad::json {

/// The number, or "nan", "inf", "-inf".
inline nlohmann::ordered_json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf";
}

}  // namespace tapegrad::json
