// The report that docs/gradcheck.md reads line by line is what the checker says.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <regex>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tapegrad/gradcheck/check_gradient.hpp"

using namespace tapegrad;

namespace {

constexpr double kRows[3][2] = {{1.0, 2.0}, {-1.0, 0.5}, {0.3, -0.7}};
constexpr std::size_t kOut = 3, kIn = 2;

/// (W x + b)_i for theta = (W, b).
double affine(std::span<const double> theta, const double (&x)[kIn], std::size_t i) {
  return theta[kIn * i] * x[0] + theta[kIn * i + 1] * x[1] + theta[kIn * kOut + i];
}

double loss(std::span<const double> theta) {
  double sum = 0.0;
  for (const auto& x : kRows)
    for (std::size_t i = 0; i < kOut; ++i) sum += std::log(std::cosh(affine(theta, x, i)));
  return sum / 3.0;
}

/// W's part right, b's without the mean's 1/3.
std::vector<double> loss_gradient(std::span<const double> theta) {
  std::vector<double> gradient(theta.size());
  for (const auto& x : kRows)
    for (std::size_t i = 0; i < kOut; ++i) {
      const double slope = std::tanh(affine(theta, x, i));
      for (std::size_t j = 0; j < kIn; ++j) gradient[kIn * i + j] += slope * x[j] / 3.0;
      gradient[kIn * kOut + i] += slope;
    }
  return gradient;
}

/// What stands in the first block of the page's section "A report, line by line".
std::string printed_block() {
  std::ifstream page(TAPEGRAD_DOCS "/gradcheck.md");
  std::ostringstream text;
  text << page.rdbuf();
  const std::string whole = text.str(), begin = "```text\n";
  const std::size_t section = whole.find("## A report, line by line");
  const std::size_t first = whole.find(begin, section) + begin.size();
  return whole.substr(first, whole.find("```", first) - first);
}

/// What the C library and the machine have no part in: numbers to four digits, errors of fits and times left out, and
/// one blank between words. Which element of what is right has the largest error is theirs too.
std::string without_rounding(const std::string& report) {
  const std::string without_calls =
      std::regex_replace(report, std::regex(R"(\d+ calls, \d+\.\d+ s)"), "N calls in T s");
  const std::string text = std::regex_replace(without_calls, std::regex(R"(\nok .*)"), "\nok");
  const std::regex number(R"(-?\d+\.\d+(e[-+]\d+)?)");
  std::string result;
  auto rest = text.begin();
  for (std::sregex_iterator it(text.begin(), text.end(), number), end; it != end; ++it) {
    result.append(rest, (*it)[0].first);
    rest = (*it)[0].second;
    const double value = std::stod(it->str());
    result += std::abs(value) < 1e-2 ? std::string("E") : fmt::format("{:.4g}", value);
  }
  result.append(rest, text.end());
  return std::regex_replace(result, std::regex(R"(\s+)"), " ");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(documented)

BOOST_AUTO_TEST_CASE(report_is_what_the_checker_says) {
  const std::vector<double> theta = {0.5, -0.2, 0.1, 0.4, -0.3, 0.2, 0.1, 0.3, -0.4};
  const GradcheckReport report =
      check_gradient(loss, loss_gradient, theta, {.input_names = {"W", "b"}, .input_shapes = {{3, 2}, {3}}});
  const std::string expected = without_rounding(printed_block());
  BOOST_TEST(expected.find("constant factor") != std::string::npos);
  BOOST_TEST(without_rounding(to_string(report) + "\n") == expected);
}

BOOST_AUTO_TEST_SUITE_END()
