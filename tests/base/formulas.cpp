#include "tapegrad/base/readable_math.hpp"

#include <boost/test/unit_test.hpp>

using tapegrad::display_width;
using tapegrad::readable_math;

BOOST_AUTO_TEST_SUITE(formulas)

BOOST_AUTO_TEST_CASE(rules_read_as_in_a_book) {
  BOOST_TEST(readable_math(R"(y = \tanh x;\quad \bar x = \bar y\,(1 - y^2))") == "y = tanh x;  x\u0304 = ȳ (1 - y²)");
  BOOST_TEST(readable_math(R"(Y = A B;\quad \bar A = \bar Y B^\top)") == "Y = A B;  Ā = Ȳ Bᵀ");
  BOOST_TEST(readable_math(R"(r = (\sigma^2 + \epsilon)^{-1/2})") == "r = (σ² + ε)^(-1/2)");
  BOOST_TEST(readable_math(R"(\overline{\sigma^2} = -\tfrac12 \gamma r^2)") == "σ\u0304²\u0304 = -½ γ r²");
  BOOST_TEST(readable_math(R"(y_j = \sum_{i \mapsto j} x_i)") == "yⱼ = Σ[i ↦ j] xᵢ");
}

BOOST_AUTO_TEST_CASE(quotients_keep_their_order) {
  BOOST_TEST(readable_math(R"(\frac{\bar y}{2y})") == "ȳ/(2y)");
  BOOST_TEST(readable_math(R"(\frac{1}{1 + e^{-x}})") == "1/(1 + e⁻ˣ)");
  BOOST_TEST(readable_math(R"(\frac{a + b}{c})") == "(a + b)/c");
  BOOST_TEST(readable_math(R"(\sqrt{a + b} \sqrt x)") == "√(a + b) √x");
}

BOOST_AUTO_TEST_CASE(indices_without_small_characters_stand_in_brackets) {
  BOOST_TEST(readable_math(R"(y_{i + b} = x_i)") == "y[i + b] = xᵢ");
  BOOST_TEST(readable_math(R"(y_{\mathrm{shape}})") == "y[shape]");
  BOOST_TEST(readable_math(R"(e^{x_i - y_{j(i)}})") == "e^(xᵢ - y[j(i)])");
}

BOOST_AUTO_TEST_CASE(brackets_close_tightly) {
  BOOST_TEST(readable_math(R"(\langle g \hat x \rangle + \vert x\vert)") == "⟨g x\u0302⟩ + |x|");
  BOOST_TEST(readable_math(R"(\min \{ i : x_i \})") == "min { i : xᵢ }");
}

BOOST_AUTO_TEST_CASE(what_is_unknown_or_broken_stays_readable) {
  BOOST_TEST(readable_math(R"(\unheard of)") == "unheard of");
  BOOST_TEST(readable_math(R"(\frac{a)") == "a");
  BOOST_TEST(readable_math(R"(x^)") == "x^");
  BOOST_TEST(readable_math("\\") == "");
  BOOST_TEST(readable_math("a}{ b") == "a b");
  BOOST_TEST(readable_math("").empty());
}

BOOST_AUTO_TEST_CASE(marks_take_no_column) {
  BOOST_TEST(display_width("x\u0304 = y²") == 6U);
  BOOST_TEST(display_width("") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
