// A hand-written gradient, checked as it stands: plain functions of numbers, no tensors. Softmax regression over
// N samples with D features and C classes; the parameters are one flat vector of a matrix W [D, C] and a vector b [C].
#include <fmt/format.h>
#include <tapegrad/gradcheck/check_gradient.hpp>

#include <cmath>
#include <span>
#include <vector>

namespace tg = tapegrad;

namespace {

constexpr std::size_t N = 5, D = 3, C = 4;

double feature(std::size_t n, std::size_t d) {
  return std::sin(1.0 + 3.0 * static_cast<double>(n) + static_cast<double>(d));
}
std::size_t label(std::size_t n) { return n * n % C; }

/// The classes' probabilities for sample n.
std::vector<double> probabilities(std::span<const double> theta, std::size_t n) {
  std::vector<double> p(C);
  double sum = 0.0;
  for (std::size_t c = 0; c < C; ++c) {
    double logit = theta[D * C + c];
    for (std::size_t d = 0; d < D; ++d) logit += feature(n, d) * theta[d * C + c];
    sum += p[c] = std::exp(logit);
  }
  for (double& v : p) v /= sum;
  return p;
}

double loss(std::span<const double> theta) {
  double sum = 0.0;
  for (std::size_t n = 0; n < N; ++n) sum -= std::log(probabilities(theta, n)[label(n)]);
  return sum / static_cast<double>(N);
}

/// `forgotten`: as it was written at first.
void loss_gradient(std::span<const double> theta, std::span<double> out, bool forgotten) {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t n = 0; n < N; ++n) {
    const std::vector<double> p = probabilities(theta, n);
    for (std::size_t c = 0; c < C; ++c) {
      const double error = (p[c] - (c == label(n) ? 1.0 : 0.0)) / (forgotten ? 1.0 : static_cast<double>(N));
      for (std::size_t d = 0; d < D; ++d) out[d * C + c] += error * feature(n, d);
      if (forgotten)
        out[D * C + c] = error;
      else
        out[D * C + c] += error;
    }
  }
}

}  // namespace

int main() {
  std::vector<double> theta(D * C + C);
  for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = std::cos(static_cast<double>(i * i));
  const tg::GradcheckOptions parts{.input_names = {"W", "b"}, .input_shapes = {{D, C}, {C}}};

  const auto first = [](std::span<const double> x, std::span<double> out) { loss_gradient(x, out, true); };
  const tg::GradcheckReport wrong = tg::check_gradient(loss, first, theta, parts);
  fmt::print("At first:\n{}\n", wrong);  // W: the 1/N of a mean is missing; b: besides, `=` for `+=`

  const auto mended = [](std::span<const double> x, std::span<double> out) { loss_gradient(x, out, false); };
  const tg::GradcheckReport right = tg::check_gradient(loss, mended, theta, parts);
  fmt::print("Mended:\n{}\n", right);
  return right.ok() && wrong.verdict() == tg::Verdict::wrong ? 0 : 1;
}
