// Tensors made of values and compared by all their values.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::test {

using Values = std::vector<double>;

inline void check_values(const Tensor& x, const Shape& shape, const Values& values) {
  BOOST_TEST(to_string(x.shape()) == to_string(shape));
  BOOST_TEST(x.to_vector<double>() == values, boost::test_tools::per_element());
}

inline void check_same_bits(const Tensor& a, const Tensor& b) {
  BOOST_TEST(same_bits(a, b), to_string(a) << "\nand\n" << to_string(b));
}

inline Tensor vector(const Values& values) { return from_vector(values); }

/// Standard normal elements, the same for the same seed.
inline Tensor normal(const Shape& shape, std::uint64_t seed, DType dtype = float64) {
  Generator g(seed);
  return randn(shape, g, {.dtype = dtype});
}

}  // namespace tapegrad::test
