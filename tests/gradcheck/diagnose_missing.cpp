// Terms that are missing, or there where they should not be.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "gradcheck/diagnosed.hpp"

using namespace tapegrad;
using namespace tapegrad::testing_functions;

BOOST_AUTO_TEST_SUITE(diagnose_missing)

BOOST_AUTO_TEST_CASE(missing_accumulation_is_told) {
  // y_k = x_(index_k): elements that are read twice must collect both gradients.
  const std::vector<std::size_t> index = {0, 3, 1, 3, 2, 0};
  const auto gather = [&](Point x) {
    Numbers y;
    for (const std::size_t i : index) y.push_back(x[i]);
    return y;
  };
  const auto rule = [&](bool accumulate) {
    return [&, accumulate](Point x, Point dy) {
      Numbers dx(x.size(), 0.0);
      for (std::size_t k = 0; k < index.size(); ++k) dx[index[k]] = (accumulate ? dx[index[k]] : 0.0) + dy[k];
      return dx;
    };
  };
  const Numbers x = normal(5, 6);
  BOOST_TEST(check_pullback(gather, rule(true), x).ok());
  expect(check_pullback(gather, rule(false), x), GradcheckMistake::missing_accumulation, "+=");
  // a residual connection
  const auto residual = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(p[k] + std::sin(p[k] * p[(k + 1) % p.size()]));
    return y;
  };
  const auto without_skip = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) {
      const std::size_t next = (k + 1) % p.size();
      j(k, k) += std::cos(p[k] * p[next]) * p[next];
      j(k, next) += std::cos(p[k] * p[next]) * p[k];
    }
    return j.values;
  };
  expect(check_jacobian(residual, without_skip, x), GradcheckMistake::missing_accumulation, "identity");
  // weight decay
  const auto loss = [](Point p) {
    double s = 0.0;
    for (const double v : p) s += std::sin(v) + 0.05 * v * v;
    return s;
  };
  const auto without_decay = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(std::cos(v));
    return g;
  };
  expect(check_gradient(loss, without_decay, x), GradcheckMistake::missing_accumulation, "weight decay");
}

BOOST_AUTO_TEST_CASE(a_sum_missing_over_broadcast_rows_is_told) {
  constexpr std::size_t kRows = 4;
  const GradcheckOptions options{
      .input_names = {"b"}, .input_shapes = {{kSide}}, .output_shape = {std::int64_t{kRows}, std::int64_t{kSide}}};
  const auto add_to_rows = [](Point b) {
    Numbers y;
    for (std::size_t r = 0; r < kRows; ++r)
      for (const double v : b) y.push_back(std::sin(v) * static_cast<double>(r + 1));
    return y;
  };
  const auto rule = [](bool all_rows) {
    return [all_rows](Point b, Point dy) {
      Numbers db(b.size(), 0.0);
      for (std::size_t r = all_rows ? 0 : kRows - 1; r < kRows; ++r)
        for (std::size_t k = 0; k < b.size(); ++k)
          db[k] += std::cos(b[k]) * static_cast<double>(r + 1) * dy[r * b.size() + k];
      return db;
    };
  };
  const Numbers b = normal(kSide, 8);
  BOOST_TEST(check_pullback(add_to_rows, rule(true), b, options).ok());
  expect(check_pullback(add_to_rows, rule(false), b, options), GradcheckMistake::missing_sum,
         "the axis that the input is broadcast along is missing");
}

BOOST_AUTO_TEST_CASE(masks_are_told) {
  const Numbers x = normal(16, 7);
  const auto kept = [](std::size_t k) { return k % 3 != 0; };
  const Function masked = [&](Point p) {
    Numbers y = sines(p);
    for (std::size_t k = 0; k < y.size(); ++k)
      if (!kept(k)) y[k] = 0.0;
    return y;
  };
  const auto right = [&](Point p, std::size_t k) { return kept(k) ? std::cos(p[k]) : 0.0; };
  BOOST_TEST(check_elementwise(right, masked, x, {}).ok());
  expect(check_elementwise([](Point p, std::size_t k) { return std::cos(p[k]); }, masked, x, {}),
         GradcheckMistake::ignored_mask, "a mask is ignored");
  expect(check_elementwise([&](Point p, std::size_t k) { return kept(k) ? 0.0 : std::cos(p[k]); }, masked, x, {}),
         GradcheckMistake::ignored_mask, "inverted");
}

BOOST_AUTO_TEST_CASE(a_term_too_many_is_not_called_missing) {
  const Numbers x = normal(5, 6);
  const auto sum_of_sines = [](Point p) {
    double sum = 0.0;
    for (const double v : p) sum += std::sin(v);
    return sum;
  };
  const auto decayed = [](Point p) {
    Numbers g;
    for (const double v : p) g.push_back(std::cos(v) + 0.01 * v);
    return g;
  };
  expect(check_gradient(sum_of_sines, decayed, x), GradcheckMistake::extra_term,
         "analytic has the gradient of 0.005 |x|^2 (weight decay) too much");
  const auto coupled = [](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(std::sin(p[k] * p[(k + 1) % p.size()]));
    return y;
  };
  const auto with_skip = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t k = 0; k < p.size(); ++k) {
      const std::size_t next = (k + 1) % p.size();
      j(k, k) += std::cos(p[k] * p[next]) * p[next] + 1.0;
      j(k, next) += std::cos(p[k] * p[next]) * p[k];
    }
    return j.values;
  };
  expect(check_jacobian(coupled, with_skip, x), GradcheckMistake::extra_term, "analytic has 1 × identity too much");
}

BOOST_AUTO_TEST_CASE(a_diagonal_alone_is_told) {
  const auto f = [](Point x) {
    Numbers y = log_softmax_of_rows(x, 4);
    for (double& v : y) v = std::exp(v);
    return y;
  };
  const auto diagonal = [&](Point x, Point dy) {
    Numbers dx = f(x);
    for (std::size_t k = 0; k < dx.size(); ++k) dx[k] *= (1.0 - dx[k]) * dy[k];
    return dx;
  };
  for (const std::size_t count : {4U, 12U})
    expect(check_pullback(f, diagonal, normal(count, 17)), GradcheckMistake::missing_coupling,
           "only the diagonal of the Jacobian is there");
}

// A dropout's mask that is drawn anew for the reverse sweep, or left from another call.
BOOST_AUTO_TEST_CASE(another_mask_is_told) {
  const auto mask = [](std::uint64_t seed) {
    Numbers m;
    for (const double v : normal(16, seed)) m.push_back(v > 0.0 ? 2.0 : 0.0);
    return m;
  };
  const Numbers x = normal(16, 7);
  const auto check = [&](std::uint64_t seed) {
    const Function dropped = [m = mask(40)](Point p) {
      Numbers y = sines(p);
      for (std::size_t k = 0; k < y.size(); ++k) y[k] *= m[k];
      return y;
    };
    return check_elementwise([m = mask(seed)](Point p, std::size_t k) { return m[k] * std::cos(p[k]); }, dropped, x,
                             {});
  };
  BOOST_TEST(check(40).ok());
  for (const std::uint64_t seed : {41U, 42U, 43U})
    expect(check(seed), GradcheckMistake::stale_value, "another mask than the function's");
  // Of a loss, and of what the elements are mixed with afterwards.
  const Numbers mixing = normal(8 * 16, 44);
  const auto mixed = [&, m = mask(40)](Point p) {
    Numbers y(8, 0.0);
    for (std::size_t o = 0; o < 8; ++o)
      for (std::size_t k = 0; k < 16; ++k) y[o] += mixing[o * 16 + k] * m[k] * p[k];
    return y;
  };
  const auto rule = [&, m = mask(41)](Point p, Point dy) {
    Numbers dx(p.size(), 0.0);
    for (std::size_t o = 0; o < 8; ++o)
      for (std::size_t k = 0; k < 16; ++k) dx[k] += mixing[o * 16 + k] * m[k] * dy[o];
    return dx;
  };
  expect(check_pullback(mixed, rule, x), GradcheckMistake::stale_value, "another mask than the function's");
  const auto loss = [&](Point p) { return mixed(p)[0]; };
  const auto gradient = [&](Point p) {
    Numbers dy(8, 0.0);
    dy[0] = 1.0;
    return rule(p, dy);
  };
  expect(check_gradient(loss, gradient, x), GradcheckMistake::stale_value, "another mask than the function's");
}

// One place where others agree is enough: a loop that ends one element too early.
BOOST_AUTO_TEST_CASE(one_element_without_gradient_is_told) {
  const auto loss = [](Point p) {
    double s = 0.0;
    for (const double v : p) s += std::sin(v);
    return s;
  };
  const auto stops_early = [](Point p) {
    Numbers g(p.size(), 0.0);
    for (std::size_t k = 0; k + 1 < p.size(); ++k) g[k] = std::cos(p[k]);
    return g;
  };
  expect(check_gradient(loss, stops_early, normal(5, 3)), GradcheckMistake::no_gradient,
         "the last of the 5 elements of the input goes without gradient, as where a loop ends too early");
  BOOST_TEST(!check_gradient(loss, stops_early, normal(2, 3)).findings.front().diagnosis.has_value());
}

// Masks that have no element in common, nor all between them.
BOOST_AUTO_TEST_CASE(another_mask_is_not_told_as_the_inverted_one) {
  constexpr std::array<double, 8> kMask = {1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0};
  constexpr std::array<double, 8> kOther = {0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0};
  const auto f = [&](Point p) {
    Numbers y;
    for (std::size_t k = 0; k < p.size(); ++k) y.push_back(kMask[k] * std::sin(p[k]));
    return y;
  };
  const auto rule = [&](Point p, Point v) {
    Numbers dx;
    for (std::size_t k = 0; k < p.size(); ++k) dx.push_back(kOther[k] * v[k] * std::cos(p[k]));
    return dx;
  };
  const GradcheckReport report = check_pullback(f, rule, normal(8, 3));
  BOOST_TEST((report.verdict() == Verdict::wrong), to_string(report));
  BOOST_TEST(to_string(report).find("inverted") == std::string::npos, to_string(report));
}

// The rest of a number that is no multiple of a block's, an edge of a matrix, and any.
BOOST_AUTO_TEST_CASE(where_the_elements_lie_that_go_without_gradient_is_told) {
  const auto expect_words = [](const std::vector<std::int64_t>& shape, const std::function<bool(std::size_t)>& goes,
                               const std::string& words) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    const auto loss = [](Point p) {
      double s = 0.0;
      for (const double v : p) s += std::sin(v);
      return s;
    };
    const auto gradient = [&](Point p) {
      Numbers g;
      for (std::size_t k = 0; k < p.size(); ++k) g.push_back(goes(k) ? 0.0 : std::cos(p[k]));
      return g;
    };
    expect(check_gradient(loss, gradient, normal(count, 3), {.input_shapes = {shape}}), GradcheckMistake::no_gradient,
           words);
  };
  expect_words(
      {19}, [](std::size_t k) { return k >= 16; },
      "the last 3 of the 19 elements of the input go without gradient, as where a loop ends too early");
  expect_words(
      {4, 5}, [](std::size_t k) { return k == 0; },
      "the first of the 20 elements of the input goes without gradient, as where a loop begins too late");
  expect_words(
      {4, 5}, [](std::size_t k) { return k % 5 == 4; },
      "the 4 elements of the input at the last index along axis 1 go without gradient, as where a loop ends");
  expect_words(
      {4, 5}, [](std::size_t k) { return k % 5 == 0; }, "at the first index along axis 1 go");
  expect_words(
      {4, 5}, [](std::size_t k) { return k % 5 == 2; }, "4 elements of the input go without gradient, as by");
  expect_words(
      {4, 5}, [](std::size_t k) { return k == 7; }, "one element of the input goes without gradient, as by");
}

BOOST_AUTO_TEST_CASE(a_sum_without_the_element_itself_is_told_beside_a_residual_connection) {
  const auto cumsum = [](Point p) {
    Numbers y(p.begin(), p.end());
    for (std::size_t k = 1; k < y.size(); ++k) y[k] += y[k - 1];
    return y;
  };
  const auto exclusive = [](Point p) {
    Jacobian j{p.size(), p.size()};
    for (std::size_t o = 0; o < p.size(); ++o)
      for (std::size_t k = 0; k < o; ++k) j(o, k) = 1.0;
    return j.values;
  };
  expect(check_jacobian(cumsum, exclusive, normal(5, 3)), GradcheckMistake::missing_accumulation,
         "or a sum leaves out each element itself");
}

BOOST_AUTO_TEST_SUITE_END()
