// Formulas for a terminal.
#include "tapegrad/formula.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/columns.hpp"

using namespace tapegrad::program;

BOOST_AUTO_TEST_SUITE(formula)

BOOST_AUTO_TEST_CASE(becomes_unicode) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(y = \tanh x;\quad \bar x = \bar y\,(1 - y^2))", "y = tanh x;   x̄ = ȳ (1 − y²)"},
      {R"(\bar x_i = \frac{b_i}{1 - p} \bar y_i)", "x̄ᵢ = bᵢ/(1 − p) ȳᵢ"},
      {R"(y_j = \sum_{i \mapsto j} x_i)", "yⱼ = ∑_{i ↦ j} xᵢ"},
      {R"(r = (\sigma^2 + \epsilon)^{-1/2})", "r = (σ² + ε)^(−1/2)"},
      {R"(\frac{\partial L}{\partial x})", "∂L/∂x"},
      {R"(\frac{\bar y}{2y})", "ȳ/(2y)"},
      {R"(\tfrac12 x,\ \frac1n,\ \tfrac2n)", "½ x, 1/n, 2/n"},
      {R"(\sqrt x + \sqrt{a + b})", "√x + √(a + b)"},
      {R"(\overline{\sigma^2})", "σ̅²̅"},
      {R"(\hat x, \dot h, \bar\ell)", "x̂, ḣ, ℓ̄"},
      {R"(A^\top,\ x^{(1)},\ e^{x_i})", "Aᵀ, x⁽¹⁾, e^(xᵢ)"},
      {R"(x_{\cdot j \cdot} \mathrel{+}= g)", "x_{·j·} += g"},
      {R"(\left( g - \langle g \rangle \right))", "(g − ⟨g⟩)"},
      {R"(\mathrm{softmax}(x_i)_k)", "softmax(xᵢ)ₖ"},
      {R"(x\log y)", "xlog y"},
      {R"(x\;\log y)", "x log y"},
      {R"(2\log y)", "2 log y"},
      {R"(y \text{ if } p = \infty)", "y  if  p = ∞"},
      {R"(\begin{cases} a & p = 1 \\ b & p = 2 \end{cases})", "{ a if p = 1, b if p = 2 }"},
      {R"(f'(x) = \{0\})", "f′(x) = {0}"},
      {"", ""}};
  for (const auto& [latex, expected] : cases)
    BOOST_TEST(readable_formula(latex) == expected, latex + " gave " + readable_formula(latex));
}

BOOST_AUTO_TEST_CASE(stays_latex_where_it_is_not_understood) {
  for (const std::string latex : {R"(\unheard x)", R"(\frac{a}{b)", "a}b", R"(\begin{matrix} a \end{matrix})", R"(x_)",
                                  R"(\text{open)", R"(\)", R"(\begin{cases} a)"}) {
    BOOST_TEST(!unicode_formula(latex).has_value(), latex);
    BOOST_TEST(readable_formula(latex) == latex);
  }
}

BOOST_AUTO_TEST_CASE(every_formula_of_the_catalogue_is_understood) {
  for (const tapegrad::catalogue::OpEntry* op : tapegrad::catalogue::all_ops()) {
    BOOST_TEST(unicode_formula(op->math).has_value(), op->name << ": " << op->math);
    for (const tapegrad::catalogue::Step& step : op->derivation())
      BOOST_TEST(unicode_formula(step.latex).has_value(), op->name << ": " << step.latex);
  }
}

BOOST_AUTO_TEST_CASE(combining_marks_take_no_column) {
  BOOST_TEST(columns("x̄ᵢ = ȳ") == 6U);
  BOOST_TEST(padded("x̄", 3) == "x̄  ");
  BOOST_TEST(wrapped("x̄ x̂ y", 3) == (std::vector<std::string>{"x̄ x̂", "y"}), boost::test_tools::per_element());
  BOOST_TEST(wrapped("", 3) == std::vector<std::string>{""}, boost::test_tools::per_element());
  BOOST_TEST(wrapped("a   b toolong", 5) == (std::vector<std::string>{"a   b", "toolong"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
