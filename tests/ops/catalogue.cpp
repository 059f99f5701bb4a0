// The generated suite: one test case for each op of the build, made from what its struct says about itself. A new op is
// in it by being in the catalogue.
#include "tapegrad/catalogue/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "array/array.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"
#include "tapegrad/diff/gradcheck.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using catalogue::Arguments;
using catalogue::OpEntry;
using catalogue::Sample;

namespace {

bool carries_gradient(const Tensor& x) { return x.defined() && is_floating(x.dtype()); }

std::vector<double> doubles(const Tensor& x) {
  if (x.dtype() == float64) return x.to_vector<double>();
  const std::vector<float> values = x.to_vector<float>();
  return {values.begin(), values.end()};
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const array::Array p = contiguous_array(a);
  const array::Array q = contiguous_array(b);
  return std::equal(p.data(),
                    p.data() + static_cast<std::ptrdiff_t>(a.numel()) * static_cast<std::ptrdiff_t>(size_of(a.dtype())),
                    q.data());
}

/// The largest difference in units of the largest element (or of `size`, if that is more); infinite when shapes,
/// dtypes, infinities or NaNs differ.
double distance(const Tensor& a, const Tensor& b, double size = 0.0) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.defined() != b.defined()) return kInfinity;
  if (!a.defined()) return 0.0;
  if (a.shape() != b.shape() || is_floating(a.dtype()) != is_floating(b.dtype())) return kInfinity;
  if (!is_floating(a.dtype())) return same_bits(a, b) ? 0.0 : kInfinity;
  const std::vector<double> p = doubles(a);
  const std::vector<double> q = doubles(b);
  double most = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (std::isfinite(p[i])) size = std::max(size, std::abs(p[i]));
    if (p[i] == q[i] || (std::isnan(p[i]) && std::isnan(q[i]))) continue;
    if (!std::isfinite(p[i]) || !std::isfinite(q[i])) return kInfinity;
    size = std::max(size, std::abs(q[i]));
    most = std::max(most, std::abs(p[i] - q[i]));
  }
  return most == 0.0 ? 0.0 : most / size;
}

/// The same elements in the same shape, in memory of other strides: every second element of a larger block, dimensions
/// in reverse order.
Tensor scattered(const Tensor& x) {
  if (!x.defined() || x.dim() == 0 || x.numel() == 0) return x;
  const int rank = x.dim();
  Shape strides = Shape::filled(rank, 0);
  std::int64_t stride = 2;
  for (int d = 0; d < rank; ++d) {
    strides[d] = stride;
    stride *= x.shape()[d];
  }
  array::Array block = array::Array::empty({stride + 1}, x.dtype());
  array::fill(block, x.dtype() == boolean ? 1.0 : 77.0);
  const array::Array view = block.view(x.shape(), strides, 1);
  array::assign(view, array_of(x));
  return wrap(view);
}

Arguments scattered(const Arguments& xs) {
  Arguments result;
  for (const Tensor& x : xs) result.push_back(scattered(x));
  return result;
}

Tensor in_float32(const Tensor& x) {
  if (!carries_gradient(x)) return x;
  const std::vector<double> values = x.to_vector<double>();
  Tensor y = empty(x.shape());
  std::transform(values.begin(), values.end(), y.mutable_data<float>("in_float32").begin(),
                 [](double v) { return static_cast<float>(v); });
  return y;
}

/// The float64 tensor that in_float32(x) stands for.
Tensor rounded_to_float32(const Tensor& x) {
  if (!carries_gradient(x)) return x;
  Tensor y = empty(x.shape(), {.dtype = float64});
  const std::vector<double> values = x.to_vector<double>();
  std::transform(values.begin(), values.end(), y.mutable_data<double>("rounded").begin(),
                 [](double v) { return static_cast<double>(static_cast<float>(v)); });
  return y;
}

Tensor normal_like(const Tensor& x, Generator& g) {
  Tensor y = randn(x.shape(), g, {.dtype = float64});
  return x.dtype() == float32 ? in_float32(y) : y;
}

struct Gradients {
  std::vector<Tensor> ys;
  std::vector<Tensor> dxs;  // one per input; undefined where there is none
};

/// Values and gradients under the cotangents us (random ones when empty), with the fused reverse rules or, with
/// create_graph, with the differentiable ones.
Gradients gradients(const Sample& sample, const Arguments& inputs, std::vector<Tensor>& us, bool create_graph,
                    bool expanded = false) {
  const RandomStream random = default_generator().state();
  Tape tape;
  Arguments leaves = inputs;
  std::vector<Tensor> wanted;
  for (Tensor& x : leaves)
    if (carries_gradient(x)) {
      x = x.detach().set_requires_grad(true);
      wanted.push_back(x);
    }
  const std::vector<Tensor> ys = sample.call(leaves);
  default_generator().set_state(random);
  Gradients result;
  std::vector<Tensor> roots;
  std::vector<Tensor> cotangents;
  Generator g(11);
  for (std::size_t j = 0; j < ys.size(); ++j) {
    result.ys.push_back(ys[j].detach());
    if (us.size() <= j) us.push_back(carries_gradient(ys[j]) ? normal_like(ys[j], g) : Tensor());
    if (!carries_gradient(ys[j]) || !ys[j].is_tracked()) continue;
    roots.push_back(ys[j]);
    cotangents.push_back(expanded ? scattered(us[j]) : us[j]);
  }
  std::vector<Tensor> found(wanted.size());
  if (!roots.empty()) found = tape.pull_back(roots, cotangents, wanted, {.create_graph = create_graph});
  std::size_t next = 0;
  for (const Tensor& x : leaves) {
    Tensor dx = carries_gradient(x) ? found[next++] : Tensor();
    result.dxs.push_back(dx.defined() ? dx.detach() : dx);
  }
  return result;
}

/// What differs by more than the tolerance; empty when nothing does.
/// Gradients that are zero but for rounding are measured by the others: `of_all` is how much of their size they may
/// miss.
std::string compare_gradients(const Gradients& a, const Gradients& b, double tolerance, double of_all = 0.0) {
  double all = 0.0;
  for (const Tensor& dx : b.dxs)
    if (dx.defined())
      for (const double v : doubles(dx))
        if (std::isfinite(v)) all = std::max(all, std::abs(v));
  for (std::size_t j = 0; j < a.ys.size(); ++j)
    if (const double d = distance(a.ys[j], b.ys[j]); !(d <= tolerance))
      return fmt::format("output {} differs by {:.3g} of its size (allowed {:.3g})\n{}\n{}", j, d, tolerance, a.ys[j],
                         b.ys[j]);
  for (std::size_t i = 0; i < a.dxs.size(); ++i)
    if (const double d = distance(a.dxs[i], b.dxs[i], all * of_all / tolerance); !(d <= tolerance))
      return fmt::format("the gradient of input {} differs by {:.3g} of its size (allowed {:.3g})\n{}\n{}", i, d,
                         tolerance, a.dxs[i].defined() ? to_string(a.dxs[i]) : "undefined",
                         b.dxs[i].defined() ? to_string(b.dxs[i]) : "undefined");
  return "";
}

bool gradient_fits(const std::vector<Tensor>& dxs, const Arguments& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (carries_gradient(inputs[i]) && dxs[i].defined() &&
        (dxs[i].shape() != inputs[i].shape() || dxs[i].dtype() != inputs[i].dtype()))
      return false;
  return true;
}

bool has_elements(const Sample& sample) {
  return std::all_of(sample.inputs.begin(), sample.inputs.end(),
                     [](const Tensor& x) { return !carries_gradient(x) || x.numel() > 0; });
}

void check_sample(const OpEntry& op, const Sample& sample) {
  const Arguments& inputs = sample.inputs;
  const bool floating = std::any_of(inputs.begin(), inputs.end(), carries_gradient);
  const std::vector<Tensor> values = sample.call(inputs);
  // memory order is nobody's business, but the values are
  const std::vector<Tensor> from_scattered = sample.call(scattered(inputs));
  BOOST_REQUIRE_EQUAL(values.size(), from_scattered.size());
  constexpr double kRounding = 1e-12;
  for (std::size_t j = 0; j < values.size(); ++j)
    BOOST_TEST(distance(values[j], from_scattered[j]) <= kRounding,
               "output " << j << " of non-contiguous inputs differs");
  if (!floating) return;

  std::vector<Tensor> us;
  const Gradients plain = gradients(sample, inputs, us, false);
  BOOST_TEST(gradient_fits(plain.dxs, inputs), "a gradient is unlike its input in shape or dtype");
  if (!op.differentiable) {
    for (const Tensor& dx : plain.dxs) BOOST_TEST(!dx.defined(), "an op without derivative gave a gradient");
    return;
  }
  const std::string other_memory =
      compare_gradients(plain, gradients(sample, scattered(inputs), us, false, true), kRounding);
  BOOST_TEST(other_memory.empty(), "with non-contiguous inputs and cotangents " << other_memory);

  // a zero cotangent gives exactly zero
  std::vector<Tensor> zero;
  for (const Tensor& u : us) zero.push_back(u.defined() ? zeros_like(u) : u);
  bool finite = true;
  for (const Tensor& dx : plain.dxs)
    if (dx.defined())
      for (const double v : doubles(dx)) finite = finite && std::isfinite(v);
  if (finite)
    for (const Tensor& dx : gradients(sample, inputs, zero, false).dxs)
      if (dx.defined())
        for (const double v : doubles(dx)) BOOST_TEST(v == 0.0, "a zero cotangent gave " << v);

  bool once = false;
  try {
    // The two add in different orders, and where terms cancel more than rounding of the result remains.
    const std::string rules = compare_gradients(plain, gradients(sample, inputs, us, true), 100.0 * kRounding);
    BOOST_TEST(rules.empty(), "fused and differentiable reverse rule: " << rules);
  } catch (const TapeError& e) {
    once = std::string(e.what()).find("differentiable only once") != std::string::npos;
    if (!once) throw;
  }
  BOOST_TEST((!once || sample.options.order < 2), "differentiable only once, but the sample says order 2");

  // float32 computes what float64 does on the same numbers
  Arguments narrow, wide;
  for (const Tensor& x : inputs) {
    narrow.push_back(in_float32(x));
    wide.push_back(rounded_to_float32(x));
  }
  if (!sample.options.kink && sample.options.order > 0) {
    std::vector<Tensor> narrow_us, wide_us;
    for (const Tensor& u : us) {
      narrow_us.push_back(in_float32(u));
      wide_us.push_back(rounded_to_float32(u));
    }
    try {
      const std::string precision = compare_gradients(gradients(sample, narrow, narrow_us, false),
                                                      gradients(sample, wide, wide_us, false), 2e-4, 1e-6);
      BOOST_TEST(precision.empty(), "float32 and float64: " << precision);
    } catch (const DTypeError& e) {
      BOOST_TEST_MESSAGE("not in float32: " << e.what());  // the sample's function holds a float64 tensor
    }
  }

  if (sample.options.order == 0) {
    BOOST_TEST(!sample.options.reason.empty(), "order 0 needs its reason");
    return;
  }
  const bool elements =
      has_elements(sample) && std::all_of(values.begin(), values.end(), [](const Tensor& y) { return y.numel() > 0; });
  // On a kink the gradient is a choice, and its own derivative none.
  const GradcheckOptions options{.order = sample.options.kink ? 1 : sample.options.order, .forward_mode = !once};
  // A gradient that is exactly zero on both sides (rounding functions, masked rows) is right; samples without elements
  // have nothing to compare.
  const GradcheckReport report = gradcheck(sample.call, inputs, options);
  for (const GradcheckFinding& f : report.findings) {
    const bool passes = f.verdict == Verdict::ok || (f.verdict == Verdict::kink && sample.options.kink) ||
                        (f.verdict == Verdict::vacuous && (!elements || (f.analytic == 0.0 && f.numeric == 0.0)));
    BOOST_TEST(passes, fmt::format("{}", report));
    if (!passes) break;
  }
}

/// The benchmark case is the large one: the same bits at any number of threads, forward and gradient.
void check_threads(const OpEntry& op) {
  Generator g(5);
  const Sample sample = op.benchmark(g);
  std::vector<Tensor> us;
  set_num_threads(1);
  const Gradients expected = gradients(sample, sample.inputs, us, false);
  for (const int threads : {2, 4}) {
    set_num_threads(threads);
    const Gradients got = gradients(sample, sample.inputs, us, false);
    for (std::size_t j = 0; j < got.ys.size(); ++j)
      BOOST_TEST(same_bits(got.ys[j], expected.ys[j]), "output " << j << " differs with " << threads << " threads");
    for (std::size_t i = 0; i < got.dxs.size(); ++i)
      BOOST_TEST(same_bits(got.dxs[i], expected.dxs[i]), "gradient " << i << " differs with " << threads << " threads");
  }
  set_num_threads(0);
}

void check_errors(const OpEntry& op) {
  for (const catalogue::ErrorSample& error : op.errors()) {
    BOOST_TEST_CONTEXT("error sample \"" << error.name << "\"") {
      try {
        error.call();
        BOOST_TEST(false, "no error; expected \"" << error.message << "\"");
      } catch (const Error& e) {
        BOOST_TEST(std::string(e.what()).rfind(error.message, 0) == 0U, "got \"" << e.what() << "\"");
      }
    }
  }
}

void check_op(const OpEntry& op) {
  BOOST_TEST(!op.math.empty());
  BOOST_TEST(!op.derivation().empty());
  Generator g(3);
  const catalogue::Samples samples = op.samples(g);
  BOOST_TEST(!samples.empty());
  for (const Sample& sample : samples) {
    BOOST_TEST_CONTEXT("sample \"" << sample.name << "\"") {
      BOOST_REQUIRE(static_cast<bool>(sample.call));
      try {
        check_sample(op, sample);
      } catch (const std::exception& e) {
        BOOST_TEST(false, "threw " << e.what());
      }
    }
  }
  check_errors(op);
  check_threads(op);
}

/// Adds the cases when the program starts: they are known only then.
struct Cases {
  explicit Cases(boost::unit_test::test_suite& suite) {
    for (const OpEntry* op : catalogue::all_ops())
      suite.add(boost::unit_test::make_test_case([op] { check_op(*op); }, std::string(op->name), __FILE__, __LINE__));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(catalogue)

namespace {
const Cases cases(boost::unit_test::framework::current_auto_test_suite());
}

BOOST_AUTO_TEST_CASE(names_are_unique) {
  std::set<std::string_view> names;
  for (const OpEntry* op : tapegrad::catalogue::all_ops()) BOOST_TEST(names.insert(op->name).second, op->name);
  BOOST_TEST(names.size() >= 4U);
}

BOOST_AUTO_TEST_SUITE_END()
