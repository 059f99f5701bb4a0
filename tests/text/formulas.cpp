#include "tapegrad/text/readable_math.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace tapegrad;

BOOST_AUTO_TEST_SUITE(formulas)

BOOST_AUTO_TEST_CASE(become_unicode) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(y = \tanh x;\quad \bar x = \bar y\,(1 - y^2))", "y = tanh x;   x̄ = ȳ (1 − y²)"},
      {R"(\bar x_i = \frac{b_i}{1 - p} \bar y_i)", "x̄ᵢ = (bᵢ/(1 − p)) ȳᵢ"},
      {R"(y_j = \sum_{i \mapsto j} x_i)", "yⱼ = ∑_{i ↦ j} xᵢ"},
      {R"(r = (\sigma^2 + \epsilon)^{-1/2})", "r = (σ² + ε)^(−1/2)"},
      {R"(\frac{\partial L}{\partial x})", "∂L/∂x"},
      {R"(\frac{\bar y}{2y})", "ȳ/(2y)"},
      {R"(\frac{2}{r} \langle x \rangle + \frac{a}{b},\ \frac{m}{n} \, \hat x \sum g)", "(2/r) ⟨x⟩ + a/b, (m/n) x̂ ∑ g"},
      {R"(\frac{a}{b} \text{ if } c)", "a/b if c"},
      {R"(\tfrac12 x,\ \frac1n,\ \tfrac2n)", "½ x, 1/n, 2/n"},
      {R"(\sqrt x + \sqrt{a + b})", "√x + √(a + b)"},
      {R"(\overline{\sigma^2})", "σ̅²̅"},
      {R"(\hat x, \dot h, \bar\ell)", "x̂, ḣ, ℓ̄"},
      {R"(Y = A B;\quad \bar A = \bar Y B^\top)", "Y = A B;   Ā = Ȳ Bᵀ"},
      {R"(\frac{1}{1 + e^{-x}})", "1/(1 + e⁻ˣ)"},
      {R"(y_{i + b} = x_i)", "y_{i + b} = xᵢ"},
      {R"(\langle g \hat x \rangle + \vert x\vert)", "⟨g x̂⟩ + |x|"},
      {R"(A^\top,\ x^{(1)},\ e^{x_i})", "Aᵀ, x⁽¹⁾, e^(xᵢ)"},
      {R"(x_{\cdot j \cdot} \mathrel{+}= g)", "x_{·j·} += g"},
      {R"(\left( g - \langle g \rangle \right))", "(g − ⟨g⟩)"},
      {R"(\mathrm{softmax}(x_i)_k)", "softmax(xᵢ)ₖ"},
      {R"(x\log y)", "x log y"},
      {R"(x\;\log y)", "x log y"},
      {R"(2\log y)", "2 log y"},
      {R"(y \text{ if } p = \infty)", "y if p = ∞"},
      {R"(\begin{cases} a & p = 1 \\ b & p = 2 \end{cases})", "{ a if p = 1, b if p = 2 }"},
      {R"(\begin{cases} a & p = 1 \\ b & \text{else} \end{cases})", "{ a if p = 1, else b }"},
      {R"(\sqrt{2\pi} + \sqrt{x} + \sqrt{1 + x})", "√(2π) + √x + √(1 + x)"},
      {R"(\lVert a \rVert + \vert x \vert = \vert y \vert)", "‖a‖ + |x| = |y|"},
      {R"(f'(x) = \{0\})", "f′(x) = {0}"},
      {R"(e^{b \ln a},\ x^{ab},\ x^{-n})", "e^(b ln a), xᵃᵇ, x⁻ⁿ"},
      {R"(\frac{1}{(1 - x)(1 + x)},\ \frac{1}{(1 + x)^2},\ \frac{1}{\sigma(x)})",
       "1/((1 − x)(1 + x)), 1/(1 + x)², 1/σ(x)"},
      {R"(\frac{1}{\sqrt{(1 - x)(1 + x)}},\ \frac{1}{(a)b})", "1/√((1 − x)(1 + x)), 1/((a)b)"},
      {R"(\tfrac12 \ln \frac{1 + x}{1 - x})", "½ ln((1 + x)/(1 − x))"},
      {R"(\ln \frac{1}{1 + e^{-x}} - \log_2 \frac{a}{b} c)", "ln(1/(1 + e⁻ˣ)) − log₂(a/b) c"},
      {R"(p_i \log \frac{p_i}{q_i},\ \ln \tfrac12,\ \sin y \frac{dy}{dx})", "pᵢ log(pᵢ/qᵢ), ln ½, sin y dy/dx"},
      {R"(2\mathrm{artanh}\, \frac{a}{b})", "2 artanh(a/b)"},
      {R"(\operatorname*{argmax}_i x,\ 2\operatorname {sign} x)", "argmaxᵢ x, 2 sign x"},
      {R"(\sqrt[3]{x} + \sqrt[4]{a + b})", "∛x + ∜(a + b)"},
      {R"(\sqrt{\frac{a}{b}} c,\ x^{\frac{ab}{cd}} c,\ {\frac{a}{b}^2} c)", "√(a/b) c, x^(ab/cd) c, (a/b²) c"},
      {R"(b^*(m),\ \mathrm{gru\_cell}^{*}(h),\ v_{b^*(m)})", "b*(m), gru_cell*(h), v_{b*(m)}"},
      {R"(y_{\cdot\, (i + s) \bmod n\, \cdot} = x_{\cdot i \cdot})", "y_{· (i + s) mod n ·} = x_{·i·}"},
      {R"(\bar h_{t-1}^{(t)} + \bar h_t^{(\mathrm{out})})", "h̄ₜ₋₁⁽ᵗ⁾ + h̄ₜ^(out)"},
      {"", ""}};
  for (const auto& [latex, expected] : cases)
    BOOST_TEST(readable_math(latex) == expected, latex + " gave " + readable_math(latex));
}

BOOST_AUTO_TEST_CASE(stay_latex_where_they_are_not_understood) {
  for (const std::string latex : {R"(\unheard x)", R"(\frac{a}{b)", "a}b", R"(\begin{matrix} a \end{matrix})", R"(x_)",
                                  R"(\sqrt[n]{x})", R"(\sqrt[3)", R"(\text{open)", R"(\)", R"(\begin{cases} a)"}) {
    BOOST_TEST(!unicode_math(latex).has_value(), latex);
    BOOST_TEST(readable_math(latex) == latex);
  }
}

BOOST_AUTO_TEST_CASE(stay_latex_where_they_go_too_deep) {
  const auto repeated = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  BOOST_TEST(readable_math(repeated("{", 100) + "x" + repeated("}", 100)) == "x");
  BOOST_TEST(readable_math(repeated(R"(\sqrt{)", 50) + "x" + repeated("}", 50)).ends_with("√x"));
  BOOST_TEST(!unicode_math(repeated("{", 101) + "x" + repeated("}", 101)).has_value());
  // Each with and without an end, by way of groups, scripts, commands and cells.
  constexpr int kMany = 100'000;
  for (const std::string begin : {"{", "x^{", R"(\sqrt)", R"(\sqrt{)", R"(\frac{a}{)", R"(\hat)", R"(\left)",
                                  R"(\mathbf)", R"(\begin{cases})", R"(a_\sqrt)"}) {
    BOOST_TEST(!unicode_math(repeated(begin, kMany)).has_value(), begin);
    BOOST_TEST(!unicode_math(repeated(begin, kMany) + "x" + repeated("}", kMany)).has_value(), begin);
  }
}

BOOST_AUTO_TEST_CASE(have_a_mark_more_for_each_accent) {
  BOOST_TEST(readable_math(R"(\hat{\bar q})") == "q\u0304\u0302");
  BOOST_TEST(readable_math(R"(\bar{a \hat q})") == "a\u0305 \u0305q\u0302\u0305");
  std::string latex = "q";
  std::string expected = "q";
  for (int i = 0; i < 20; ++i) {
    latex = R"(\dot{)" + latex + "}";
    expected += "\u0307";
  }
  BOOST_TEST((readable_math(latex) == expected));
}

BOOST_AUTO_TEST_CASE(stand_in_prose) {
  BOOST_TEST(readable_prose("from $e^y = x$: $y' e^y = 1$; inf at 0") == "from eʸ = x: y′ eʸ = 1; inf at 0");
  BOOST_TEST(readable_prose("costs 5$") == "costs 5$");
  BOOST_TEST(readable_prose("") == "");
}

BOOST_AUTO_TEST_CASE(marks_take_no_column) {
  BOOST_TEST(display_width("x\u0304ᵢ = ȳ") == 6U);
  BOOST_TEST(display_width("") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
