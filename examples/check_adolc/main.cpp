// Another library's derivatives, checked: ADOL-C tapes a function once and replays the tape at other points. A tape
// keeps the branch that was taken when it was recorded. Where the function branches the other way, ADOL-C prints a
// warning and leaves the gradient undone; a program that goes on has a wrong one, which the check sees.
#include <adolc/adolc.h>
#include <fmt/format.h>
#include <tapegrad/gradcheck/check_gradient.hpp>

#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace tg = tapegrad;

namespace {

constexpr short kTape = 1;
constexpr std::array kPositive = {0.8, 1.7, 0.3};
constexpr std::array kNegative = {-0.8, 1.7, 0.3};

/// A spring that is stiffer when it is pulled, and what it is tied to.
template <class Real>
Real energy(const Real& x, const Real& y, const Real& z) {
  const Real stretch = x > 0.0 ? Real(3.0 * x * x) : Real(x * x);
  return stretch + sin(x * y) + exp(y * z);
}

double energy_of(std::span<const double> p) {
  using std::exp;
  using std::sin;
  return (p[0] > 0.0 ? 3.0 : 1.0) * p[0] * p[0] + sin(p[0] * p[1]) + exp(p[1] * p[2]);
}

void record(std::span<const double> at) {
  trace_on(kTape);
  std::array<adouble, 3> p;
  for (std::size_t i = 0; i < p.size(); ++i) p[i] <<= at[i];
  adouble y = energy(p[0], p[1], p[2]);
  double value = 0.0;
  y >>= value;
  trace_off();
}

std::vector<double> adolc_gradient(std::span<const double> x) {
  std::vector<double> point(x.begin(), x.end());
  std::vector<double> g(x.size());
  gradient(kTape, static_cast<int>(x.size()), point.data(), g.data());
  return g;
}

}  // namespace

int main() {
  const tg::GradcheckOptions options{.input_names = {"position"}};

  record(kPositive);
  const tg::GradcheckReport same_branch = tg::check_gradient(energy_of, adolc_gradient, kPositive, options);
  fmt::print("Replayed where it was recorded:\n{}\n", same_branch);

  const tg::GradcheckReport other_branch = tg::check_gradient(energy_of, adolc_gradient, kNegative, options);
  fmt::print("Replayed where the function takes the other branch:\n{}\n", other_branch);

  record(kNegative);
  const tg::GradcheckReport again = tg::check_gradient(energy_of, adolc_gradient, kNegative, options);
  fmt::print("Recorded there:\n{}\n", again);

  return same_branch.ok() && other_branch.verdict() == tg::Verdict::wrong && again.ok() ? 0 : 1;
}
