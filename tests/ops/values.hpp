// Tensors by their shape and all their values.
#pragma once

#include <boost/test/unit_test.hpp>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::test {

using Values = std::vector<double>;

inline void check_values(const Tensor& x, const Shape& shape, const Values& values) {
  BOOST_TEST(to_string(x.shape()) == to_string(shape));
  BOOST_TEST(x.to_vector<double>() == values, boost::test_tools::per_element());
}

}  // namespace tapegrad::test
