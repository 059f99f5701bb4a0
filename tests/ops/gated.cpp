#include "tapegrad/ops/gated.hpp"

#include <boost/test/unit_test.hpp>

#include "fixture.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;

BOOST_AUTO_TEST_SUITE(gated)

BOOST_AUTO_TEST_CASE(gates_as_pytorch) {
  const std::vector<std::pair<std::string, Tensor (*)(const Tensor&, Axis)>> functions = {
      {"glu", glu}, {"swiglu", swiglu}, {"geglu", geglu}};
  for (const auto& [name, function] : functions) {
    for (const int dim : {1, 2}) {
      BOOST_TEST_CONTEXT(name << " along " << dim) {
        const Fixture f(name + "_dim_" + std::to_string(dim));
        const Tensor x = f.leaf("input.input");
        for (const bool differentiable : {false, true}) {
          Tape tape;
          const Tensor y = function(x, dim);
          check_close(y, f["output.y"]);
          check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"], .create_graph = differentiable}),
                      f["grad.input.input"]);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_second_half_is_the_gate) {
  const Tensor x = from_vector<double>({3.0, -1e3, 5.0, 1e3}, {2, 2});
  check_close(glu(x), from_vector<double>({0.0, 5.0}, {2, 1}), 0.0);
  check_close(swiglu(x), from_vector<double>({0.0, 5e3}, {2, 1}), 0.0);
  check_close(geglu(x), from_vector<double>({0.0, 5e3}, {2, 1}), 0.0);
}

// 1 - sigmoid(40) is 0 in double precision, its slope is not.
BOOST_AUTO_TEST_CASE(an_open_gate_keeps_its_slope) {
  const Tensor x = from_vector<double>({1.0, 40.0}, {2}, true);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = glu(x);
    const Tensor dx = tape.gradient(y, x, {.cotangent = ones({1}, {.dtype = float64}), .create_graph = differentiable});
    BOOST_TEST(dx.to_vector<double>()[1] == std::exp(-40.0), boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_SUITE_END()
