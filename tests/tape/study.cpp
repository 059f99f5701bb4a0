#include "tape_test.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(study)

BOOST_AUTO_TEST_CASE(decision_08_a_tape_prints_its_nodes) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}});
  Tape tape;
  const Tensor y = sum(tanh(x) * x);
  const std::string expected = R"(tape of 4 nodes, 64 B kept for the reverse sweep
%0 = leaf                                  [2, 2] float64
%1 = tanh(%0)                              [2, 2] float64  output 32 B                 y = \tanh x;\quad \bar x = \bar y\,(1 - y^2)
%2 = mul(%1, %0)                           [2, 2] float64  input 0 32 B, input 1 32 B  y = a b;\quad \bar a = \bar y\, b,\ \bar b = \bar y\, a
%3 = sum(%2) {axes=[0, 1], keepdim=false}  [] float64      -                           y_j = \sum_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)}
)";
  BOOST_TEST(to_string(tape) == expected);
}

BOOST_AUTO_TEST_CASE(decision_08_nodes_can_be_read) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}});
  Tape tape;
  const Tensor y = sum(x, 1, true);
  const Tensor z = y * tensor(2.0, {.dtype = float64});
  const NodeInfo n = tape.node(1);
  BOOST_TEST(n.position == 1);
  BOOST_TEST(n.op == "sum");
  BOOST_TEST(n.inputs.size() == 1U);
  BOOST_TEST(n.inputs[0].node == 0);
  BOOST_TEST(to_string(n.shapes[0]) == "[2, 1]");
  BOOST_TEST(n.kept.empty());
  BOOST_TEST(n.values.empty());  // not in study mode
  BOOST_TEST(n.scope.empty());
  BOOST_TEST(n.attributes.size() == 2U);
  BOOST_TEST(n.attributes[1].first == "keepdim");
  BOOST_TEST(n.attributes[1].second == "true");
  BOOST_TEST(tape.node(2).inputs[1].node == -1);  // a constant
}

BOOST_AUTO_TEST_CASE(decision_08_study_mode_keeps_values_and_names_scopes) {
  const Tensor x = leaf({2.0});
  Tape tape({.study = true});
  {
    const Scope outer("encoder");
    const Tensor a = neg(x);
    {
      const Scope inner("block");
      const Tensor b = tanh(a);
    }
    const Tensor c = square(a);
  }
  const Tensor d = square(x);
  BOOST_TEST(tape.node(1).scope == "encoder");
  BOOST_TEST(tape.node(2).scope == "encoder/block");
  BOOST_TEST(tape.node(3).scope == "encoder");
  BOOST_TEST(tape.node(4).scope == "");
  BOOST_TEST(tape.node(1).values[0].item() == -2.0);  // neg keeps nothing for its rule
  BOOST_TEST(tape.node(1).input_values[0].item() == 2.0);
  BOOST_TEST(tape.node(3).values[0].item() == 4.0);
  BOOST_TEST(to_string(tape).find("@ encoder/block") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(decision_08_errors_name_the_scope) {
  const Tensor x = leaf({2.0});
  Tensor w = tensor({1.0}, {.dtype = float64});
  Tape tape({.study = true});
  Tensor y;
  {
    const Scope scope("head");
    y = x * w;
  }
  w.mutable_data<double>();
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError, says("[backward] at node 1, mul [1] in head: mul saved"));
}

BOOST_AUTO_TEST_CASE(decision_08_an_observer_sees_every_node_of_a_sweep) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape({.study = true});
  const Tensor cube = square(x) * x;
  const Tensor y = sum(cube + x[0]);
  std::vector<std::string> ops;
  Values into_x = {0.0, 0.0};
  tape.observe([&](const SweepEvent& event) {
    ops.emplace_back(event.node.op);
    BOOST_TEST_REQUIRE(event.cotangents.size() == event.node.shapes.size());
    BOOST_TEST_REQUIRE(event.input_gradients.size() == event.node.inputs.size());
    for (std::size_t i = 0; i < event.node.inputs.size(); ++i) {
      if (event.node.inputs[i].node != 0) continue;
      const Values g = event.input_gradients[i].to_vector<double>();
      for (std::size_t k = 0; k < g.size(); ++k) into_x[k] += g[k];
    }
  });
  const Values g = tape.gradient(y, x).to_vector<double>();
  BOOST_TEST(ops == (std::vector<std::string>{"sum", "add", "select", "mul", "square"}),
             boost::test_tools::per_element());
  BOOST_TEST(g == (Values{5.0, 12.0}));  // 3 x^2, and 2 from x[0] broadcast
  BOOST_TEST(into_x == g);               // the nodes' own contributions add up
}

BOOST_AUTO_TEST_SUITE_END()
