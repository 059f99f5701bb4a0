#include "as_pytorch.hpp"
#include "says.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/view.hpp"

using namespace tapegrad;
using test::check_as_pytorch;
using test::check_close;
using test::Fixture;

namespace {

/// einsum by its definition: a loop over every index of every letter, in double. Letters only, result given.
Tensor by_definition(const std::vector<std::string>& terms, const std::string& result,
                     const std::vector<Tensor>& operands) {
  std::map<char, std::int64_t> sizes;
  for (std::size_t t = 0; t < terms.size(); ++t)
    for (std::size_t d = 0; d < terms[t].size(); ++d) sizes[terms[t][d]] = operands[t].size(static_cast<int>(d));
  std::map<char, std::int64_t> at;
  const auto flat = [&](const std::string& labels) {
    std::int64_t i = 0;
    for (const char label : labels) i = i * sizes[label] + at[label];
    return static_cast<std::size_t>(i);
  };
  Shape shape;
  for (const char label : result) shape.push_back(sizes[label]);
  std::vector<double> sums(static_cast<std::size_t>(shape.numel()), 0.0);
  std::vector<std::vector<double>> values;
  std::int64_t all = 1;
  for (const auto& [label, size] : sizes) all *= size;
  for (const Tensor& operand : operands) values.push_back(operand.to_vector<double>());
  for (std::int64_t i = 0; i < all; ++i) {
    std::int64_t rest = i;
    for (const auto& [label, size] : sizes) {
      at[label] = rest % size;
      rest /= size;
    }
    double product = 1.0;
    for (std::size_t t = 0; t < terms.size(); ++t) product *= values[t][flat(terms[t])];
    sums[flat(result)] += product;
  }
  return from_vector(sums, shape);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(einsum)

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const char* name : {"attention", "diagonal", "trace", "implicit", "ellipsis", "chain", "lone"}) {
    const Fixture f(std::string("einsum_") + name);
    BOOST_TEST_CONTEXT(name) {
      check_as_pytorch(f, f.names("input."), [&](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{tapegrad::einsum(f.attributes().at("equation"), x)};
      });
    }
  }
}

/// Random equations of up to four operands over five letters: repeated letters, lone ones, outer products, scalars.
BOOST_AUTO_TEST_CASE(random_equations_by_their_definition) {
  Generator g(1);
  const auto below = [&](std::int64_t n) { return randint(0, n, {}, g).item<std::int64_t>(); };
  const std::string letters = "abcde";
  for (int round = 0; round < 200; ++round) {
    std::array<std::int64_t, 5> sizes;
    for (std::int64_t& size : sizes) size = 1 + below(3);
    std::vector<std::string> terms;
    std::vector<Tensor> operands;
    std::string used;
    for (std::int64_t t = below(4); t >= 0; --t) {
      std::string term;
      Shape shape;
      for (std::int64_t d = below(4); d > 0; --d) {
        const auto letter = static_cast<std::size_t>(below(5));
        term.push_back(letters[letter]);
        shape.push_back(sizes[letter]);
        if (used.find(letters[letter]) == std::string::npos) used.push_back(letters[letter]);
      }
      terms.push_back(term);
      operands.push_back(randn(shape, g, {.dtype = float64}));
    }
    std::string result;
    for (const char label : used)
      if (below(2) == 0)
        result.insert(static_cast<std::size_t>(below(static_cast<std::int64_t>(result.size()) + 1)), 1, label);
    std::string equation;
    for (const std::string& term : terms) equation += (equation.empty() && &term == &terms.front() ? "" : ",") + term;
    equation += " -> " + result;
    BOOST_TEST_CONTEXT(equation) {
      check_close(tapegrad::einsum(equation, operands), by_definition(terms, result, operands));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_cheapest_pair_goes_first) {
  // A row times two square matrices: from the row's side each product is one row long.
  const Tensor row = zeros({1, 8}).set_requires_grad(true);
  const Tensor square = zeros({8, 8}).set_requires_grad(true);
  Tape tape;
  (void)tapegrad::einsum("cd,bc,ab->ad", {square, square, row});
  std::istringstream lines(to_string(tape));
  int products = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("= einsum(") == std::string::npos) continue;
    ++products;
    BOOST_TEST(line.find("[8, 8]") == std::string::npos, line);
  }
  BOOST_TEST(products == 2);
}

BOOST_AUTO_TEST_CASE(dot_and_trace) {
  const Tensor a = from_vector<double>({1, 2, 3}, {3}).set_requires_grad(true);
  const Tensor b = from_vector<double>({4, 5, -6}, {3});
  const Tensor m = from_vector<double>({1, 2, 3, 4, 5, 6}, {2, 3}).set_requires_grad(true);
  Tape tape;
  const Tensor ab = dot(a, b);
  BOOST_TEST(ab.item() == -4.0);
  BOOST_TEST(ab.dim() == 0);
  const Tensor t = trace(m);
  BOOST_TEST(t.item() == 6.0);
  BOOST_TEST(tape.gradient(ab, a, {.retain = true}).to_vector<double>() == (std::vector<double>{4, 5, -6}));
  BOOST_TEST(tape.gradient(t, m).to_vector<double>() == (std::vector<double>{1, 0, 0, 0, 1, 0}));
  BOOST_TEST(trace(eye(3, {.dtype = int64})).item() == 3.0);
  BOOST_CHECK_EXCEPTION((void)dot(ones({2}), ones({3})), ShapeError,
                        test::says("[dot] expected two vectors of one length, got [2] and [3]"));
  BOOST_CHECK_EXCEPTION((void)dot(ones({2, 2}), ones({2, 2})), ShapeError, test::says("[dot] expected two vectors"));
  BOOST_CHECK_EXCEPTION((void)dot(ones({2}), arange(2)), DTypeError, test::says("[dot] float32 [2] with int64 [2]"));
  BOOST_CHECK_EXCEPTION((void)dot(arange(2), arange(2)), DTypeError,
                        test::says("[dot] expected a floating tensor, got int64 [2]: convert it with to(float32)"));
  BOOST_CHECK_EXCEPTION((void)trace(ones({3})), ShapeError, test::says("[trace] expected a matrix, got [3]"));
  BOOST_CHECK_EXCEPTION((void)trace(Tensor()), ValueError, test::says("[trace] an input is undefined"));
}

BOOST_AUTO_TEST_SUITE_END()
