// A tape as a graph: the text that Graphviz draws.
#include "tapegrad/tape/graphviz.hpp"

#include <sstream>

#include "tape_test.hpp"
#include "tapegrad/base/scope.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(graphviz)

BOOST_AUTO_TEST_CASE(nodes_are_boxes_leaves_ellipses_and_edges_go_to_whoever_reads) {
  const Tensor x = leaf({1.0, 2.0});
  const Tape tape;
  const Tensor y = sum(x * x + 3.0);
  BOOST_TEST(to_dot(tape) == R"(digraph tape {
  node [shape=box, fontname="monospace"];
  n0 [label="%0 = leaf\l[2] float64\l", shape=ellipse];
  n1 [label="%1 = mul(%0, %0)\l[2] float64\l"];
  n2 [label="%2 = add(%1, const)\l[2] float64\l"];
  n3 [label="%3 = sum(%2) {axes=[0], keepdim=false}\l[] float64\l"];
  n0 -> n1;
  n0 -> n1;
  n1 -> n2;
  n2 -> n3;
}
)");
}

BOOST_AUTO_TEST_CASE(a_studied_tape_tells_values_and_cotangents) {
  const Tensor x = leaf({{1.0}, {2.0}});
  Tape tape({.study = true});
  tape.backward(sum(square(x) * 3.0), {.retain = true});
  const std::string text = to_dot(tape);
  BOOST_TEST(text.find(R"(n0 [label="%0 = leaf\l[2, 1] float64\lvalue [[1.],\l       [2.]]\lcotangent [[ 6.],\l)"
                       R"(           [12.]]\l", shape=ellipse];)") != std::string::npos,
             text);
  BOOST_TEST(text.find(R"(n2 [label="%2 = mul(%1, const 3.)\l)") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(scopes_are_frames_within_frames) {
  const Tensor x = leaf({1.0});
  Tape tape({.study = true});
  const Tensor a = neg(x);  // outside, with the leaf
  {
    const Scope model("encoder");
    const Tensor b = neg(a);
    for (const char* name : {"encoder.layers.0", "encoder.layers.1"}) {
      const Scope layer(name);
      (void)neg(b);
    }
    {
      const Scope block("deep.er");
      (void)neg(b);
    }
    (void)neg(b);  // in the frame that is there
  }
  std::string frames;  // what of the text opens, closes and stands within
  std::istringstream text(to_dot(tape));
  for (std::string line; std::getline(text, line);) {
    const std::size_t node = line.find('n');
    if (line.find("label=") == std::string::npos && line.find('}') == std::string::npos) continue;
    frames += line.find('[') != std::string::npos   ? line.substr(node, line.find(' ', node) - node) + " "
              : line.find('}') != std::string::npos ? std::string("} ")
                                                    : line.substr(line.find('"')) + " { ";
  }
  BOOST_TEST(frames == R"(n0 n1 "encoder"; { n2 n6 "layers"; { "0"; { n3 } "1"; { n4 } } "deep.er"; { n5 } } } )");
}

BOOST_AUTO_TEST_CASE(names_cannot_leave_their_quotes) {
  const Tensor x = leaf({1.0});
  const Tape tape({.study = true});
  const Scope scope("a\"]; b\\");
  Labelled op;
  op.label = "c\"d\\\ne";
  (void)apply(op, x);
  const std::string text = to_dot(tape);
  BOOST_TEST(text.find(R"(label="a\"]; b\\";)") != std::string::npos, text);
  BOOST_TEST(text.find(R"({label=c\"d\\\\ne}\l)") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(an_edge_from_a_later_output_bears_its_number) {
  const Tensor x = leaf({3.0, 1.0, 2.0});
  const Tape tape;
  const auto parts = split(x, 1, 0);
  const Tensor y = parts[0] + parts[2];
  const std::string text = to_dot(tape);
  BOOST_TEST(text.find("n1 -> n2;\n  n1 -> n2 [taillabel=\"2\"];\n") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(an_empty_tape_is_a_graph_without_nodes) {
  const Tape tape;
  BOOST_TEST(to_dot(tape) == "digraph tape {\n  node [shape=box, fontname=\"monospace\"];\n}\n");
}

BOOST_AUTO_TEST_SUITE_END()
