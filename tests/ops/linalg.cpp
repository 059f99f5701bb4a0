// Products of matrices and vectors.
#include "tapegrad/ops/linalg.hpp"

#include "as_pytorch.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::Fixture;

BOOST_AUTO_TEST_SUITE(linalg)

BOOST_AUTO_TEST_CASE(matmul_as_pytorch) {
  for (const char* const operands :
       {"matrices", "vectors", "matrix_vector", "vector_matrix", "batched", "broadcast_right", "broadcast_left",
        "broadcast_both", "batched_vector", "vector_batched", "inner_1", "inner_0", "empty_batch"}) {
    BOOST_TEST_CONTEXT(operands) {
      check_as_pytorch(Fixture(std::string("matmul_") + operands), {"input", "other"},
                       [](const std::vector<Tensor>& x) { return std::vector<Tensor>{matmul(x[0], x[1])}; });
    }
  }
}

BOOST_AUTO_TEST_CASE(outer_as_pytorch) {
  check_as_pytorch(Fixture("outer"), {"a", "b"},
                   [](const std::vector<Tensor>& x) { return std::vector<Tensor>{outer(x[0], x[1])}; });
}

BOOST_AUTO_TEST_SUITE_END()
