#include "tapegrad/ops/norm.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"
#include "values.hpp"

using namespace tapegrad;
using test::check_close;
using test::check_same_bits;
using test::Fixture;
using test::normal;

namespace {

Tensor optional(const Fixture& f, const std::string& key) { return f.has(key) ? f.leaf(key) : Tensor(); }

/// norm(fixture, x, gamma, beta) with the parameters that the fixture has, by the fused rule and the differentiable
/// one.
template <class F>
void check_norm_as_pytorch(const std::string& name, const F& norm) {
  BOOST_TEST_CONTEXT(name) {
    const Fixture f(name);
    const Tensor x = f.leaf("input.input");
    const Tensor gamma = optional(f, "param.weight");
    const Tensor beta = optional(f, "param.bias");
    std::vector<Tensor> inputs{x};
    if (gamma.defined()) inputs.push_back(gamma);
    if (beta.defined()) inputs.push_back(beta);
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const Tensor y = norm(f, x, gamma, beta);
      check_close(y, f["output.y"]);
      const auto d = tape.pull_back({y}, {f["cotangent.y"]}, inputs, {.create_graph = differentiable});
      check_close(d[0], f["grad.input.input"], 1e-11);
      if (gamma.defined()) check_close(d[1], f["grad.param.weight"], 1e-11);
      if (beta.defined()) check_close(d.back(), f["grad.param.bias"], 1e-11);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(normalization)

BOOST_AUTO_TEST_CASE(layer_norm_as_pytorch) {
  for (const std::string name :
       {"layer_norm", "layer_norm_no_affine", "layer_norm_large_eps", "layer_norm_one_feature"})
    check_norm_as_pytorch(name, [](const Fixture& f, const Tensor& x, const Tensor& gamma, const Tensor& beta) {
      return layer_norm(x, gamma, beta, f.number("eps"));
    });
}

BOOST_AUTO_TEST_CASE(rms_norm_as_pytorch) {
  for (const std::string name : {"rms_norm", "rms_norm_large_eps"})
    check_norm_as_pytorch(name, [](const Fixture& f, const Tensor& x, const Tensor& gamma, const Tensor&) {
      return rms_norm(x, gamma, f.number("eps"));
    });
}

BOOST_AUTO_TEST_CASE(batch_norm_as_pytorch) {
  for (const std::string name :
       {"batch_norm_train", "batch_norm_train_no_affine", "batch_norm_train_momentum", "batch_norm_masked"}) {
    BOOST_TEST_CONTEXT(name) {
      const Fixture f(name);
      const double momentum = f.number("momentum");
      const double eps = f.number("eps");
      const Tensor gamma = optional(f, "param.weight");
      const Tensor beta = optional(f, "param.bias");
      for (const bool differentiable : {false, true}) {
        Tensor running_mean = f["buffer.running_mean"];
        Tensor running_var = f["buffer.running_var"];
        std::vector<Tensor> inputs, results, cotangents;
        Tape tape;
        for (const std::string step : {"first", "second"}) {
          const Tensor x = f.leaf("input." + step);
          const Mask mask = f.has("input.keep_" + step) ? Mask::keep_positions(f["input.keep_" + step]) : Mask();
          const BatchNormResult r = batch_norm(x, gamma, beta, {.eps = eps, .mask = mask});
          check_close(r.y, f["output." + step], 1e-11);
          const double n = static_cast<double>(r.count);
          running_mean = running_mean + momentum * (r.mean - running_mean);
          running_var = running_var + momentum * (r.variance * (n / (n - 1)) - running_var);
          inputs.push_back(x);
          results.push_back(r.y);
          cotangents.push_back(f["cotangent." + step]);
        }
        check_close(running_mean, f["buffer_after.running_mean"]);
        check_close(running_var, f["buffer_after.running_var"]);
        if (gamma.defined()) inputs.insert(inputs.end(), {gamma, beta});
        const auto d = tape.pull_back(results, cotangents, inputs, {.create_graph = differentiable});
        check_close(d[0], f["grad.input.first"], 1e-11);
        check_close(d[1], f["grad.input.second"], 1e-11);
        if (!gamma.defined()) continue;
        check_close(d[2], f["grad.param.weight"], 1e-11);
        check_close(d[3], f["grad.param.bias"], 1e-11);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_eval_as_pytorch) {
  const Fixture f("batch_norm_eval");
  const Tensor x = f.leaf("input.input");
  const Tensor gamma = f.leaf("param.weight");
  const Tensor beta = f.leaf("param.bias");
  Tape tape;
  const Tensor y = batch_norm_eval(x, f["buffer.running_mean"], f["buffer.running_var"], gamma, beta);
  check_close(y, f["output.y"]);
  const auto d = tape.pull_back({y}, {f["cotangent.y"]}, {x, gamma, beta});
  check_close(d[0], f["grad.input.input"], 1e-11);
  check_close(d[1], f["grad.param.weight"], 1e-11);
  check_close(d[2], f["grad.param.bias"], 1e-11);
}

BOOST_AUTO_TEST_CASE(what_no_rule_of_a_norm_reads_may_be_written) {
  const Tensor x = normal({4, 3}, 5).set_requires_grad(true);
  const Tensor gamma = ones({3}, {.dtype = float64});
  const Tensor mean = zeros({3}, {.dtype = float64});
  const Tensor variance = ones({3}, {.dtype = float64});
  const auto gradient = [&](const auto& norm, bool write) {
    Tensor beta = zeros({3}, {.dtype = float64});
    Tape tape;
    const Tensor y = sum(square(norm(beta)));
    if (write) beta.mutable_data<double>()[0] = 5.0;
    return tape.gradient(y, x);
  };
  const auto layer = [&](const Tensor& beta) { return layer_norm(x, gamma, beta); };
  const auto eval = [&](const Tensor& beta) { return batch_norm_eval(x, mean, variance, gamma, beta); };
  check_same_bits(gradient(layer, true), gradient(layer, false));
  check_same_bits(gradient(eval, true), gradient(eval, false));
}

// d y_i / d x_j = gamma / sigma (delta_ij - 1 / n - xhat_i xhat_j / n) for every pair of samples of one channel.
BOOST_AUTO_TEST_CASE(batch_norm_ties_samples_together_as_the_closed_form_says) {
  constexpr std::int64_t n = 5;
  const double eps = 0.01;
  const double gamma = 1.7;
  const Tensor x = normal({n, 1}, 3).set_requires_grad(true);
  const std::vector<double> v = x.to_vector<double>();
  long double mean = 0, variance = 0;
  for (const double value : v) mean += static_cast<long double>(value) / n;
  for (const double value : v) variance += (value - mean) * (value - mean) / n;
  const long double sigma = std::sqrt(variance + static_cast<long double>(eps));
  for (std::int64_t i = 0; i < n; ++i) {
    Tape tape;
    const Tensor y = batch_norm(x, full({1}, gamma, {.dtype = float64}), {}, {.eps = eps}).y;
    const std::vector<double> row =
        tape.gradient(tapegrad::select(y, 0, i), x, {.cotangent = ones({1}, {.dtype = float64})}).to_vector<double>();
    for (std::int64_t j = 0; j < n; ++j) {
      const long double xhat_i = (v[static_cast<std::size_t>(i)] - mean) / sigma;
      const long double xhat_j = (v[static_cast<std::size_t>(j)] - mean) / sigma;
      const long double expected = gamma / sigma * ((i == j ? 1.0L : 0.0L) - 1.0L / n - xhat_i * xhat_j / n);
      BOOST_TEST(std::abs(row[static_cast<std::size_t>(j)] - static_cast<double>(expected)) < 1e-14);
    }
  }
}

BOOST_AUTO_TEST_CASE(padding_changes_nothing_for_the_valid_positions) {
  const Tensor valid = normal({5, 3}, 8);
  // Positions 0, 1, 2 of the first sequence and 0, 1 of the second are valid; the rest holds what must not matter.
  std::vector<double> values(24, 1e6);
  const std::vector<double> v = valid.to_vector<double>();
  const std::vector<bool> keep{true, true, true, false, true, true, false, false};
  std::size_t next = 0;
  for (std::size_t p = 0; p < 8; ++p)
    for (std::size_t c = 0; keep[p] && c < 3; ++c) values[3 * p + c] = v[next++];
  const Tensor padded = from_vector(values, {2, 4, 3}, {.requires_grad = true});
  const Tensor alone = from_vector(v, {5, 3}, {.requires_grad = true});
  const Tensor dy = normal({5, 3}, 9);
  Tape tape;
  const BatchNormResult r = batch_norm(padded, {}, {}, {.mask = Mask::keep_positions(from_vector(keep, {2, 4}))});
  const BatchNormResult s = batch_norm(alone);
  BOOST_TEST(r.count == 5);
  check_close(r.mean, s.mean);
  check_close(r.variance, s.variance);
  const std::vector<double> y = r.y.to_vector<double>();
  const std::vector<double> expected = s.y.to_vector<double>();
  std::vector<double> cotangent(24, 3.0);
  const std::vector<double> d = dy.to_vector<double>();
  next = 0;
  for (std::size_t p = 0; p < 8; ++p) {
    for (std::size_t c = 0; c < 3; ++c) {
      if (keep[p]) {
        BOOST_TEST(std::abs(y[3 * p + c] - expected[next]) < 1e-12);
        cotangent[3 * p + c] = d[next++];
      } else {
        BOOST_TEST(y[3 * p + c] == 0.0);
      }
    }
  }
  const auto g = tape.pull_back({r.y, s.y}, {from_vector(cotangent, {2, 4, 3}), dy}, {padded, alone});
  const std::vector<double> dx = g[0].to_vector<double>();
  const std::vector<double> dx_alone = g[1].to_vector<double>();
  next = 0;
  for (std::size_t p = 0; p < 8; ++p)
    for (std::size_t c = 0; c < 3; ++c)
      BOOST_TEST(std::abs(dx[3 * p + c] - (keep[p] ? dx_alone[next++] : 0.0)) < 1e-12);
}

BOOST_AUTO_TEST_CASE(promise_what_padding_holds_reaches_no_derivative) {
  const Mask mask = Mask::from_lengths({2, 1}, 2);
  const auto derivatives = [&](double padding) {
    Tensor x = normal({2, 2, 3}, 6);
    for (double& value : x.mutable_data<double>().subspan(9)) value = padding;
    x.set_requires_grad(true);
    Tape tape;
    const Tensor y = batch_norm(x, {}, {}, {.mask = mask}).y;
    const Tensor dx = tape.gradient(y, x, {.cotangent = normal(y.shape(), 7), .create_graph = true});
    const Tensor second = tape.gradient(sum(square(dx)), x);
    std::vector<double> all = dx.to_vector<double>();
    for (const double value : second.to_vector<double>()) all.push_back(value);
    return all;
  };
  BOOST_TEST(derivatives(std::numeric_limits<double>::quiet_NaN()) == derivatives(0.5),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(statistics_carry_no_gradient_and_nothing_valid_is_skipped) {
  const Tensor x = normal({2, 3}, 4).set_requires_grad(true);
  Tape tape;
  const BatchNormResult r = batch_norm(x);
  BOOST_TEST(!r.mean.is_tracked());
  BOOST_TEST(!r.variance.is_tracked());
  const BatchNormResult none = batch_norm(unsqueeze(x, 1), {}, {}, {.mask = Mask::from_lengths({0, 0}, 1)});
  BOOST_TEST(none.count == 0);
  const Tensor dx = tape.gradient(none.y, x, {.cotangent = ones({2, 1, 3}, {.dtype = float64})});
  for (const double v : none.y.to_vector<double>()) BOOST_TEST(v == 0.0);
  for (const double v : dx.to_vector<double>()) BOOST_TEST(v == 0.0);
}

BOOST_AUTO_TEST_CASE(layer_norm_over_one_feature_is_beta) {
  const Tensor x = from_vector<double>({3.0, -1e8, 0.0}, {3, 1}, {.requires_grad = true});
  Tape tape;
  const Tensor y = layer_norm(x, full({1}, 2.0, {.dtype = float64}), full({1}, 0.5, {.dtype = float64}));
  for (const double v : y.to_vector<double>()) BOOST_TEST(v == 0.5);
  for (const double v : tape.gradient(y, x, {.cotangent = ones({3, 1}, {.dtype = float64})}).to_vector<double>())
    BOOST_TEST(v == 0.0);
}

// With eps = 0, or too small for the dtype, 1 / sqrt(eps) is infinite.
BOOST_AUTO_TEST_CASE(one_value_is_beta_without_eps_too) {
  for (const DType dtype : {float32, float64}) {
    for (const double eps : {0.0, 1e-90}) {
      const TensorOptions options{.dtype = dtype, .requires_grad = true};
      const Tensor x = tensor({{3.0, -1e8}, {0.0, 2.0}}, options);
      const auto check = [&](const Tensor& beta, const Tensor& gamma, const auto& norm) {
        Tape tape;
        const Tensor y = norm(x.reshape({2, 2, 1}));
        for (const double v : y.to(float64).to_vector<double>()) BOOST_TEST(v == 0.5);
        for (const bool differentiable : {false, true}) {
          const auto d = tape.pull_back({y}, {full({2, 2, 1}, 3.0, {.dtype = dtype})}, {x, gamma, beta},
                                        {.retain = true, .create_graph = differentiable});
          for (const double v : d[0].to(float64).to_vector<double>()) BOOST_TEST(v == 0.0);
          for (const double v : d[1].to(float64).to_vector<double>()) BOOST_TEST(v == 0.0);
          BOOST_TEST(sum(d[2]).item() == 12.0);
        }
      };
      Tensor gamma = full({1}, 2.0, {.dtype = dtype}).set_requires_grad(true);
      Tensor beta = full({1}, 0.5, {.dtype = dtype}).set_requires_grad(true);
      check(beta, gamma, [&](const Tensor& z) { return layer_norm(z, gamma, beta, eps); });
      gamma = full({2}, 2.0, {.dtype = dtype}).set_requires_grad(true);
      beta = full({2}, 0.5, {.dtype = dtype}).set_requires_grad(true);
      check(beta, gamma, [&](const Tensor& z) { return group_norm(z, 2, gamma, beta, eps); });
    }
  }
}

BOOST_AUTO_TEST_CASE(layer_norm_of_a_row_is_the_same_in_any_batch) {
  const Tensor gamma = normal({40}, 1, float32);
  const Tensor beta = normal({40}, 2, float32);
  const Tensor dy = normal({9, 7, 40}, 3, float32);
  Tensor x = normal({9, 7, 40}, 4, float32).set_requires_grad(true);
  Tape tape;
  const Tensor y = layer_norm(x, gamma, beta);
  const Tensor dx = tape.gradient(y, x, {.cotangent = dy, .retain = true});
  for (std::int64_t i = 0; i < 9; ++i) {
    Tensor alone = x.detach()[i].clone().set_requires_grad(true);
    const Tensor z = layer_norm(alone, gamma, beta);
    check_same_bits(z, y[i]);
    check_same_bits(tape.gradient(z, alone, {.cotangent = dy[i].contiguous(), .retain = true}), dx[i]);
  }
}

// float32 at mean / deviation = 10,000, against long double.
BOOST_AUTO_TEST_CASE(a_large_mean_costs_no_precision) {
  const Tensor x = normal({1, 64}, 6, float32) + 1e4F;
  const std::vector<float> v = x.to_vector<float>();
  long double mean = 0, variance = 0;
  for (const float value : v) mean += static_cast<long double>(value) / 64;
  for (const float value : v) variance += (value - mean) * (value - mean) / 64;
  const std::vector<float> y = layer_norm(x).to_vector<float>();
  for (std::size_t i = 0; i < 64; ++i) {
    const long double expected = (v[i] - mean) / std::sqrt(variance + 1e-5L);
    BOOST_TEST(std::abs(static_cast<double>(static_cast<long double>(y[i]) - expected)) < 2e-6);
  }
}

BOOST_AUTO_TEST_CASE(group_norm_as_pytorch) {
  for (const std::string name : {"group_norm", "group_norm_one_group", "group_norm_no_affine"})
    check_norm_as_pytorch(name, [](const Fixture& f, const Tensor& x, const Tensor& gamma, const Tensor& beta) {
      return group_norm(x, f.whole_number("groups", 0), gamma, beta, f.number("eps"));
    });
}

BOOST_AUTO_TEST_CASE(instance_norm_as_pytorch) {
  for (const std::string name : {"instance_norm", "instance_norm_no_affine"})
    check_norm_as_pytorch(name, [](const Fixture& f, const Tensor& x, const Tensor& gamma, const Tensor& beta) {
      return instance_norm(x, gamma, beta, f.number("eps"));
    });
}

BOOST_AUTO_TEST_CASE(group_norm_s_ends_are_layer_norm_and_instance_norm) {
  const Tensor x = normal({3, 4, 5}, 21);
  const Tensor gamma = normal({4}, 22);
  const Tensor beta = normal({4}, 23);
  check_same_bits(group_norm(x, 4, gamma, beta), instance_norm(x, gamma, beta));
  check_same_bits(group_norm(x, 1), layer_norm(x.reshape({3, 20})).reshape({3, 4, 5}));
}

BOOST_AUTO_TEST_CASE(a_group_of_one_value_gives_beta_and_no_gradient) {
  const Tensor x = normal({2, 3, 1}, 24).set_requires_grad(true);
  const Tensor beta = normal({3}, 25);
  Tape tape;
  const Tensor y = group_norm(x, 3, {}, beta);
  check_close(y, beta.reshape({1, 3, 1}).expand({2, 3, 1}), 0.0);
  for (const double v : tape.gradient(sum(square(y)), x).to_vector<double>()) BOOST_TEST(v == 0.0);
}

BOOST_AUTO_TEST_CASE(a_large_mean_costs_the_differentiable_rules_no_precision) {
  const Shape shape{6, 3, 7};
  const Tensor x32 = normal(shape, 31, float32) + 1000.0;
  const Tensor dy = normal(shape, 32, float32);
  const auto gradients = [&](DType dtype, const auto& norm, std::int64_t parameters) {
    const Tensor x = x32.to(dtype).set_requires_grad(true);
    const Tensor gamma = full({parameters}, 1.5, {.dtype = dtype, .requires_grad = true});
    Tape tape;
    return tape.pull_back({norm(x, gamma)}, {dy.to(dtype)}, {x, gamma}, {.create_graph = true});
  };
  const auto check = [&](const auto& norm, std::int64_t parameters) {
    const auto single = gradients(float32, norm, parameters);
    const auto exact = gradients(float64, norm, parameters);
    for (std::size_t i = 0; i < single.size(); ++i) check_close(single[i].to(float64), exact[i], 2e-6);
  };
  check([](const Tensor& x, const Tensor& gamma) { return layer_norm(x, gamma); }, 7);
  check([](const Tensor& x, const Tensor& gamma) { return group_norm(x, 1, gamma); }, 3);
  check([](const Tensor& x, const Tensor& gamma) { return batch_norm(x, gamma).y; }, 7);
}

namespace {

using NormOf = std::function<Tensor(const Tensor& x, const Tensor& gamma, double eps)>;

/// All rules in float32 against the plain one in float64, of elements of this size.
void check_rules_at(double scale, double eps, const NormOf& norm, std::int64_t parameters) {
  const Tensor x = normal({2, 3, 4}, 41, float32) * scale, dy = normal({2, 3, 4}, 42, float32);
  const Tensor gamma = normal({parameters}, 43, float32);
  const auto gradients = [&](DType dtype, const PullBackOptions& options) {
    const Tensor at = x.to(dtype).detach().set_requires_grad(true);
    const Tensor by = gamma.to(dtype).detach().set_requires_grad(true);
    Tape tape;
    return tape.pull_back({norm(at, by, eps)}, {dy.to(dtype)}, {at, by}, options);
  };
  const std::vector<Tensor> exact = gradients(float64, {});
  for (const PullBackOptions& options : {PullBackOptions(), {.create_graph = true}, {.strong_zero = true}}) {
    const std::vector<Tensor> found = gradients(float32, options);
    check_close(found[0].to(float64) * scale, exact[0] * scale, 1e-5);
    check_close(found[1].to(float64), exact[1], 1e-5);
  }
  const auto tangent = [&](DType dtype) {
    const auto of_x = [&](const Tensor& a) { return norm(a, gamma.to(dtype), eps); };
    return jvp(of_x, x.to(dtype), (dy * scale).to(dtype)).second.to(float64);
  };
  check_close(tangent(float32), tangent(float64), 1e-5);
}

}  // namespace

BOOST_AUTO_TEST_CASE(rules_hold_where_squares_leave_float32) {
  const auto check = [](const NormOf& norm, std::int64_t parameters) {
    check_rules_at(1e20, 1e-5, norm, parameters);
    check_rules_at(1e-25, 0.0, norm, parameters);
  };
  check([](const Tensor& x, const Tensor& gamma, double eps) { return layer_norm(x, gamma, {}, eps); }, 4);
  check([](const Tensor& x, const Tensor& gamma, double eps) { return rms_norm(x, gamma, eps); }, 4);
  check([](const Tensor& x, const Tensor& gamma, double eps) { return group_norm(x, 1, gamma, {}, eps); }, 3);
  check([](const Tensor& x, const Tensor& gamma, double eps) { return instance_norm(x, gamma, {}, eps); }, 3);
  check([](const Tensor& x, const Tensor& gamma, double eps) { return batch_norm(x, gamma, {}, {.eps = eps}).y; }, 4);
}

BOOST_AUTO_TEST_CASE(a_large_mean_adds_nothing_to_the_gradient_of_gamma) {
  // Normalised values sum to 0; the mean of such rows is rounded to 5e-4 in float32.
  const Tensor x = normal({1, 2, 1000}, 26, float32) + 1e4;
  const Tensor gamma = ones({2}).set_requires_grad(true);
  Tape tape;
  const Tensor y = instance_norm(x, gamma);
  for (const float d : tape.gradient(sum(y), gamma).to_vector<float>()) BOOST_TEST(std::abs(d) < 2e-3F);
}

BOOST_AUTO_TEST_SUITE_END()
