#include "tapegrad/ops/gated.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
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

BOOST_AUTO_TEST_CASE(a_gate_of_minus_infinity_lets_nothing_through_in_any_mode) {
  const Tensor none = zeros({2}, {.dtype = float64});
  for (Tensor (*const f)(const Tensor&, Axis) : {glu, swiglu, geglu}) {
    const Tensor x = from_vector<double>({2.0, -std::numeric_limits<double>::infinity()}, {2}, {.requires_grad = true});
    Tape tape;
    const Tensor y = f(x, 0);
    check_close(y, zeros({1}, {.dtype = float64}), 0.0);
    check_close(tape.gradient(y, x, {.retain = true}), none, 0.0);
    const Tensor differentiable = tape.gradient(y, x, {.retain = true, .create_graph = true});
    check_close(differentiable, none, 0.0);
    check_close(tape.gradient(sum(differentiable), x), none, 0.0);
    const auto along = [f](const Tensor& at) { return f(at, 0); };
    for (const std::vector<double>& v : {std::vector{1.0, 0.0}, {0.0, 1.0}})
      check_close(jvp(along, x.detach(), from_vector<double>(v, {2})).second, zeros({1}, {.dtype = float64}), 0.0);
  }
}

// 1 - sigmoid(40) is 0 in double precision, its slope is not.
BOOST_AUTO_TEST_CASE(an_open_gate_keeps_its_slope) {
  const Tensor x = from_vector<double>({1.0, 40.0}, {2}, {.requires_grad = true});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = glu(x);
    const Tensor dx = tape.gradient(y, x, {.cotangent = ones({1}, {.dtype = float64}), .create_graph = differentiable});
    BOOST_TEST(dx.to_vector<double>()[1] == std::exp(-40.0), boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_SUITE_END()
