#include <cmath>

#include "tape_test.hpp"
#include "tapegrad/base/scope.hpp"
#include "tapegrad/ops/norm.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(study)

BOOST_AUTO_TEST_CASE(promise_a_tape_prints_its_nodes) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}});
  Tape tape;
  const Tensor y = sum(tanh(x) * x);
  const std::string expected =
      R"(tape of 4 nodes, 64 B kept for the reverse sweep (tensors kept by several nodes counted once)
%0 = leaf                                  [2, 2] float64
%1 = tanh(%0)                              [2, 2] float64  keeps input 0: 32 B
%2 = mul(%1, %0)                           [2, 2] float64  keeps inputs 0, 1: 64 B
%3 = sum(%2) {axes=[0, 1], keepdim=false}  [] float64
rules (x̄ is the cotangent of x: ∂L/∂x; `tapegrad ops NAME` explains the rest)
  tanh  y = tanh x;   x̄ = ȳ/(cosh² x)
  mul   y = a b;   ā = ȳ b, b̄ = ȳ a
  sum   yⱼ = ∑_{i ↦ j} xᵢ;   x̄ᵢ = ȳⱼ₍ᵢ₎
)";
  BOOST_TEST(to_string(tape) == expected);
}

BOOST_AUTO_TEST_CASE(promise_a_studied_tape_prints_cotangents_beside_values) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}});
  const Tensor large = full({5, 5}, 2.0, {.dtype = float64, .requires_grad = true});
  Tape tape({.study = true});
  Tensor y;
  {
    const Scope scope("head");
    y = sum(square(x));
  }
  const Tensor z = sum(large);  // not swept
  tape.backward(y, {.retain = true});
  const std::string expected = R"(tape of 5 nodes, 32 B kept for the reverse sweep
in head
%0 = leaf                                  [2, 2] float64
     value [[1., 2.],     cotangent [[2., 4.],
            [3., 4.]]                [6., 8.]]
%1 = square(%0)                            [2, 2] float64  keeps input 0: 32 B
     value [[ 1.,  4.],   cotangent [[1., 1.],
            [ 9., 16.]]              [1., 1.]]
%2 = sum(%1) {axes=[0, 1], keepdim=false}  [] float64
     value 30.            cotangent 1.
outside of any scope
%3 = leaf                                  [5, 5] float64
     value in [2, 2]
%4 = sum(%3) {axes=[0, 1], keepdim=false}  [] float64
     value 50.
rules (x̄ is the cotangent of x: ∂L/∂x; `tapegrad ops NAME` explains the rest)
  square  y = x²;   x̄ = 2 x ȳ
  sum     yⱼ = ∑_{i ↦ j} xᵢ;   x̄ᵢ = ȳⱼ₍ᵢ₎
)";
  BOOST_TEST(to_string(tape) == expected);
  (void)tape.gradient(z, large, {.retain = true});  // a sweep leaves its own cotangents alone
  BOOST_TEST(tape.node(1).cotangents.empty());
  BOOST_TEST(tape.node(3).cotangents[0].to_vector<double>()[7] == 1.0);
}

BOOST_AUTO_TEST_CASE(names_cannot_break_lines_or_reach_the_terminal) {
  const Tensor x = leaf({1.0});
  Tape tape({.study = true});
  const Scope scope("a\nb\x1b[31m");
  Labelled op;
  op.label = "c\td\x7f\u009b\u2028é";
  (void)apply(op, x);
  const std::string text = to_string(tape);
  BOOST_TEST(text.find("in a\\nb\\x1b[31m\n") != std::string::npos, text);
  BOOST_TEST(text.find("labelled(%0) {label=c\\td\\x7f\\x9b\\u2028é}") != std::string::npos, text);
  BOOST_TEST(text.find('\x1b') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_long_tape_prints_its_ends) {
  const Tensor x = leaf({1.0});
  const auto lines_of_chain = [&](int ops) {
    Tape tape;
    Tensor y = x;
    for (int i = 0; i < ops; ++i) y = -y;
    return to_string(tape);
  };
  const std::string whole = lines_of_chain(999);
  BOOST_TEST(whole.find("\n%499 = neg(%498)") != std::string::npos);
  BOOST_TEST(whole.find("more nodes") == std::string::npos);
  const std::string ends = lines_of_chain(1000);
  BOOST_TEST(ends.find("  %49 = neg(%48)   [1] float64\n... 901 more nodes\n %951 = neg(%950)") != std::string::npos,
             ends.substr(1500, 300));
  BOOST_TEST(ends.find("%1000 = neg(%999)") != std::string::npos);
  {  // what is left out counts, and has its rule
    Tape tape;
    Tensor y = x;
    for (int i = 0; i < 1200; ++i) y = i == 600 ? exp(y) : y * x;
    const std::string text = to_string(tape);
    BOOST_TEST(text.find("\n  exp  y = ") != std::string::npos);
    BOOST_TEST(text.substr(0, text.find('\n')).ends_with(" (tensors kept by several nodes counted once)"));
  }
  BOOST_TEST(std::count(ends.begin(), ends.end(), '\n') == 1 + 50 + 1 + 50 + 2);
}

BOOST_AUTO_TEST_CASE(promise_what_is_wide_is_printed_below_or_by_its_range) {
  const Tensor x = linspace(-1.0, 1.0, 7, {.dtype = float64}).set_requires_grad(true);
  const Tensor wide = linspace(-1.0, 1.0, 30, {.dtype = float64}).set_requires_grad(true);
  Tape tape({.study = true});
  const Tensor y = sum(square(x)) + sum(wide);
  (void)tape.gradient(y, x, {.retain = true});
  const std::string text = to_string(tape);
  BOOST_TEST(text.find(R"(
     value [-1.    , -0.6667, -0.3333,  0.    ,  0.3333,  0.6667,  1.    ]
     cotangent [-2.    , -1.3333, -0.6667,  0.    ,  0.6667,  1.3333,  2.    ]
)") != std::string::npos,
             text);
  BOOST_TEST(text.find("value in [-1, 1]") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(promise_a_studied_tape_shows_its_constants) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor w = tensor({{1.0, 2.0}, {3.0, 0.5}}, {.dtype = float64});
  const auto printed = [&](const TapeOptions& options) {
    Tape tape(options);
    const Tensor y = expand(x, {2, 2}) * w * 2.0;
    return to_string(tape);
  };
  const std::string text = printed({.study = true});
  BOOST_TEST(text.find("= mul(%1, const [2, 2]) ") != std::string::npos, text);
  BOOST_TEST(text.find("input 1 [[1. , 2. ],\n              [3. , 0.5]]\n") != std::string::npos, text);
  BOOST_TEST(text.find("= mul(%2, const 2.) ") != std::string::npos, text);
  BOOST_TEST(printed({}).find("= mul(%1, const) ") != std::string::npos);  // whose values are not kept
}

BOOST_AUTO_TEST_CASE(promise_a_studied_tape_shows_what_is_kept) {
  const Tensor x = leaf({{1.0, 2.0, 4.0, 5.0}, {-1.0, -1.0, 1.0, 1.0}});
  const auto kept_of = [&](const TapeOptions& options, std::string& printed) {
    Tape tape(options);
    const Tensor y = layer_norm(x, {}, {}, 0.0);  // means 3 and 0, variances 2.5 and 1
    printed = to_string(tape);
    return tape.node(1).kept;
  };
  std::string text;
  const std::vector<NodeInfo::Kept> kept = kept_of({.study = true}, text);
  BOOST_TEST_REQUIRE(kept.size() == 3U);
  BOOST_TEST(kept[0].what == "input 0 (x)");
  BOOST_TEST(kept[0].value.to_vector<double>() == x.to_vector<double>());
  BOOST_TEST(kept[1].what == "residual 0 (mean)");
  BOOST_TEST(kept[1].value.to_vector<double>() == (Values{3.0, 0.0}));
  BOOST_TEST(kept[2].what == "residual 1 (r)");
  BOOST_TEST(kept[2].value.to_vector<double>()[0] == 1.0 / std::sqrt(2.5), boost::test_tools::tolerance(1e-15));
  // An input and the output are shown where they are made, or as constants.
  BOOST_TEST(text.find("\n     residual 0 (mean) [3., 0.]\n     residual 1 (r) [0.6325, 1.    ]\n     value [[") !=
                 std::string::npos,
             text);
  BOOST_TEST(text.find("input 0 (x) [") == std::string::npos, text);

  for (const NodeInfo::Kept& one : kept_of({}, text)) BOOST_TEST(!one.value.defined(), one.what);
  BOOST_TEST(text.find("residual 0 (mean) [") == std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(promise_nodes_can_be_read) {
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

BOOST_AUTO_TEST_CASE(promise_study_mode_keeps_values_and_names_scopes) {
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
  BOOST_TEST(to_string(tape).find("\nin encoder/block\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(promise_errors_name_the_scope) {
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

BOOST_AUTO_TEST_CASE(promise_an_observer_sees_every_node_of_a_sweep) {
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
