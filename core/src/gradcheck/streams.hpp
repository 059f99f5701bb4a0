// The random numbers of a check.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tapegrad/base/random.hpp"

namespace tapegrad::checker {

/// What numbers are drawn for.
enum class Purpose : std::uint8_t {
  second_order,    // the cotangents that are inputs at order 2
  repeated_sweep,  // the cotangent with which two sweeps are compared
  coarseness,      // the cotangents of Rounding's measurements
  trial,
  linearity,    // the cotangents that are added and scaled
  joint_kinks,  // directions, and places around the point
  cotangents,   // of products
  directions,   // likewise
  forward_cotangent,
  tangents,
  beside  // a second point, and the product there
};

/// A stream of 2^32 numbers for each purpose and part, at each order: one draw more changes nothing but what is drawn
/// after it for the same purpose and part.
class Streams {
 public:
  Streams(std::uint64_t seed, int order) : key_(2 * seed + static_cast<std::uint64_t>(order)) {}

  Generator of(Purpose purpose, std::size_t part = 0) const {
    Generator generator;
    generator.set_state({key_, (static_cast<std::uint64_t>(purpose) << 56U) + (std::uint64_t{part} << 32U)});
    return generator;
  }

 private:
  std::uint64_t key_;
};

}  // namespace tapegrad::checker
