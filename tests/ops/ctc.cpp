#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/softmax.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;
using test::Fixture;

BOOST_AUTO_TEST_SUITE(ctc)

namespace {

using Labels = std::vector<std::int64_t>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const CTCOptions kEach{.reduction = Reduction::none};

/// Log-probabilities that sum to no more than 1 by chance, so that nothing rests on it.
Tensor some_numbers(const Shape& shape, std::uint64_t seed, DType dtype = float64) {
  Generator g(seed);
  return rand(shape, g, {.dtype = dtype}) * 3.0 - 3.5;
}

/// What an alignment spells.
Labels spelt(const Labels& path, std::int64_t blank) {
  Labels labels;
  for (std::size_t t = 0; t < path.size(); ++t)
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) labels.push_back(path[t]);
  return labels;
}

/// Sums over all alignments of one sequence [T, C] by counting them up: the loss, the shares gamma of its classes and
/// of pairs of them, [T C] and [T C, T C].
struct Enumerated {
  long double loss;
  std::vector<long double> share, of_pairs;

  Enumerated(const std::vector<double>& x, std::int64_t frames, std::int64_t classes, const Labels& labels,
             std::int64_t blank)
      : share(x.size()), of_pairs(x.size() * x.size()) {
    long double likelihood = 0;
    Labels path(static_cast<std::size_t>(frames), 0);
    for (bool more = true; more;) {
      if (spelt(path, blank) == labels) {
        std::vector<std::size_t> places;
        long double sum = 0;
        for (std::size_t t = 0; t < path.size(); ++t) {
          places.push_back(t * static_cast<std::size_t>(classes) + static_cast<std::size_t>(path[t]));
          sum += static_cast<long double>(x[places.back()]);
        }
        const long double probability = std::exp(sum);
        likelihood += probability;
        for (const std::size_t i : places) {
          share[i] += probability;
          for (const std::size_t j : places) of_pairs[i * x.size() + j] += probability;
        }
      }
      std::size_t t = 0;
      while (t < path.size() && ++path[t] == classes) path[t++] = 0;
      more = t < path.size();
    }
    loss = -std::log(likelihood);
    if (likelihood == 0) return;
    for (long double& v : share) v /= likelihood;
    for (long double& v : of_pairs) v /= likelihood;
  }
};

/// All rows of up to `longest` of the classes but the blank, padded with what is no label.
struct AllTargets {
  std::vector<Labels> rows;
  Labels lengths;
  std::int64_t width;

  AllTargets(std::int64_t classes, std::int64_t blank, std::int64_t longest) : rows{{}}, width(longest) {
    for (std::size_t from = 0; from < rows.size(); ++from) {
      const Labels row = rows[from];
      if (static_cast<std::int64_t>(row.size()) == longest) continue;
      for (std::int64_t c = 0; c < classes; ++c)
        if (c != blank) rows.push_back(row), rows.back().push_back(c);
    }
    for (const Labels& row : rows) lengths.push_back(static_cast<std::int64_t>(row.size()));
  }
  std::int64_t count() const { return static_cast<std::int64_t>(rows.size()); }
  Tensor padded() const {
    Labels all;
    for (const Labels& row : rows) {
      all.insert(all.end(), row.begin(), row.end());
      all.resize(all.size() + static_cast<std::size_t>(width) - row.size(), -7);
    }
    return from_vector(all, {count(), width});
  }
  Mask mask() const { return Mask::from_lengths(lengths, width); }
};

Tensor doubles(const std::vector<long double>& values, const Shape& shape) {
  return from_vector(std::vector<double>(values.begin(), values.end()), shape);
}

}  // namespace

BOOST_AUTO_TEST_CASE(as_pytorch) {
  for (const std::string reduction : {"mean", "sum", "none"})
    for (const std::string blank : {"", "_blank_3"})
      for (const std::string zero_infinity : {"", "_zero_infinity"}) {
        const std::string name = "ctc_loss_" + reduction + blank + zero_infinity;
        BOOST_TEST_CONTEXT(name) {
          const Fixture f(name);
          const Tensor x = f.leaf("input.input");
          const CTCOptions options{.blank = f.whole_number("blank", 0),
                                   .reduction = reduction == "none"  ? Reduction::none
                                                : reduction == "sum" ? Reduction::sum
                                                                     : Reduction::mean,
                                   .zero_infinity = f.truth("zero_infinity")};
          for (const bool differentiable : {false, true}) {
            Tape tape;
            const Tensor y = ctc_loss(log_softmax(x, -1), f["input.target"], Mask::keep_positions(f["input.keep"]),
                                      Mask::keep_positions(f["input.target_keep"]), options);
            check_close(y, f["output.y"]);
            check_close(tape.gradient(y, x, {.cotangent = f["cotangent.y"], .create_graph = differentiable}),
                        f["grad.input.input"]);
          }
        }
      }
}

BOOST_AUTO_TEST_CASE(is_the_sum_over_all_alignments) {
  for (const std::int64_t classes : {2, 3})
    for (const std::int64_t frames : {1, 3, 5})
      for (std::int64_t blank = 0; blank < classes; ++blank) {
        const AllTargets targets(classes, blank, 4);
        const Tensor x = some_numbers({targets.count(), frames, classes}, 3).set_requires_grad(true);
        for (const bool differentiable : {false, true}) {
          Tape tape;
          const Tensor y =
              ctc_loss(x, targets.padded(), {}, targets.mask(), {.blank = blank, .reduction = Reduction::none});
          const Tensor dx =
              tape.gradient(y, x, {.cotangent = ones(y.shape(), {.dtype = float64}), .create_graph = differentiable});
          for (std::int64_t n = 0; n < targets.count(); ++n) {
            const Enumerated all(select(x.detach(), 0, n).to_vector<double>(), frames, classes,
                                 targets.rows[static_cast<std::size_t>(n)], blank);
            const double loss = select(y.detach(), 0, n).item();
            if (std::isinf(all.loss)) {
              BOOST_TEST(loss == kInfinity);
            } else {
              BOOST_TEST(std::abs(static_cast<long double>(loss) - all.loss) < 1e-14L * (1 + all.loss));
            }
            check_close(select(dx.detach(), 0, n), -doubles(all.share, {frames, classes}), 1e-14);
          }
        }
      }
}

// The second derivative of a log-likelihood is a covariance: here of which classes stand at two frames.
BOOST_AUTO_TEST_CASE(its_curvature_is_a_covariance) {
  constexpr std::int64_t kFrames = 4, kClasses = 3;
  for (const Labels& labels : std::vector<Labels>{{1, 2}, {2, 2}, {1}}) {
    Tensor x = some_numbers({1, kFrames, kClasses}, 5);
    x.mutable_data<double>("test")[8] = -kInfinity;  // of a class that is in no alignment then, or in fewer
    const Tensor targets = from_vector(labels, {1, static_cast<std::int64_t>(labels.size())});
    const Enumerated all(x.to_vector<double>(), kFrames, kClasses, labels, 0);
    std::vector<long double> expected = all.of_pairs;
    const std::size_t count = all.share.size();
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j)
        expected[i * count + j] = all.share[i] * all.share[j] - expected[i * count + j];
    const auto loss = [&](const Tensor& z) {
      return ctc_loss(z.reshape({1, kFrames, kClasses}), targets, {}, {}, {.reduction = Reduction::sum});
    };
    const auto size = static_cast<std::int64_t>(count);
    check_close(hessian(loss, x.reshape({size})), doubles(expected, {size, size}), 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(the_mean_is_that_of_the_losses_per_label) {
  const Tensor x = some_numbers({3, 6, 4}, 7);
  const Tensor targets = from_vector<std::int64_t>({1, 2, 3, 3, -1, -1, -1, -1, -1}, {3, 3});
  const Mask labels = Mask::from_lengths({3, 1, 0}, 3);
  const std::vector<double> each = ctc_loss(x, targets, {}, labels, kEach).to_vector<double>();
  BOOST_TEST(ctc_loss(x, targets, {}, labels).item() == (each[0] / 3 + each[1] + each[2]) / 3,
             boost::test_tools::tolerance(1e-15));
  BOOST_TEST(ctc_loss(x, targets, {}, labels, {.reduction = Reduction::sum}).item() == each[0] + each[1] + each[2],
             boost::test_tools::tolerance(1e-15));
}

// One frame too few for the second sequence: a blank must stand between its equal labels.
BOOST_AUTO_TEST_CASE(what_cannot_be_aligned_has_an_infinite_loss_without_gradient) {
  const Tensor x = some_numbers({2, 4, 3}, 11).set_requires_grad(true);
  const Tensor targets = from_vector<std::int64_t>({1, 2, 2, 2}, {2, 2});
  const Mask frames = Mask::from_lengths({4, 2}, 4);
  const Tensor alone = grad([&](const Tensor& z) {
    return ctc_loss(z, slice(targets, 0, {.stop = 1}), {}, {}, {.reduction = Reduction::sum});
  })(slice(x.detach(), 0, {.stop = 1}));
  for (const bool zero_infinity : {false, true})
    for (const bool differentiable : {false, true}) {
      Tape tape;
      const CTCOptions options{.reduction = Reduction::sum, .zero_infinity = zero_infinity};
      const Tensor y = ctc_loss(x, targets, frames, {}, options);
      const double first =
          ctc_loss(slice(x, 0, {.stop = 1}), slice(targets, 0, {.stop = 1}), {}, {}, kEach).to_vector<double>()[0];
      BOOST_TEST(y.item() == (zero_infinity ? first : kInfinity));
      const Tensor dx = tape.gradient(y, x, {.create_graph = differentiable});
      check_close(slice(dx, 0, {.stop = 1}), alone, 1e-15);
      check_close(slice(dx, 0, {.start = 1}), zeros({1, 4, 3}, {.dtype = float64}), 0.0);
    }
}

BOOST_AUTO_TEST_CASE(classes_that_cannot_be_count_for_nothing) {
  // Only blank, 1, blank is left of all alignments of three frames.
  const Tensor x = from_vector<double>({-0.5, -kInfinity, -1, -kInfinity, -0.25, -1, -2, -kInfinity, -1}, {1, 3, 3},
                                       {.requires_grad = true});
  const Tensor target = from_vector<std::int64_t>({1}, {1, 1});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = ctc_loss(x, target);
    BOOST_TEST(y.item() == 2.75);
    check_close(tape.gradient(y, x, {.create_graph = differentiable}),
                from_vector<double>({-1, 0, 0, 0, -1, 0, -1, 0, 0}, {1, 3, 3}), 0.0);
  }
  // And with the label impossible too, nothing.
  const Tensor never = full({1, 3, 3}, -kInfinity, {.dtype = float64}).set_requires_grad(true);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = ctc_loss(never, target);
    BOOST_TEST(y.item() == kInfinity);
    check_close(tape.gradient(y, never, {.create_graph = differentiable}), zeros({1, 3, 3}, {.dtype = float64}), 0.0);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_spelt_by_no_frames_and_by_blanks) {
  const Tensor none = zeros({2, 0}, {.dtype = int64});
  for (const double loss : ctc_loss(zeros({2, 0, 3}, {.dtype = float64}), none, {}, {}, kEach).to_vector<double>())
    BOOST_TEST((loss == 0.0 && !std::signbit(loss)));
  const Tensor without = ctc_loss(zeros({2, 0, 3}), ones({2, 1}, {.dtype = int64}), {}, {}, kEach);
  BOOST_TEST(without.to_vector<float>() == std::vector<float>(2, INFINITY), boost::test_tools::per_element());
  const Tensor x = some_numbers({2, 5, 3}, 13);
  check_close(ctc_loss(x, none, {}, {}, {.blank = 2, .reduction = Reduction::none}), -sum(select(x, 2, 2), 1), 1e-15);
  BOOST_TEST(ctc_loss(zeros({0, 5, 3}), zeros({0, 2}, {.dtype = int64})).item() == 0.0);
}

// What is left out is as if it were not there, to the bit, and may hold anything.
BOOST_AUTO_TEST_CASE(frames_and_targets_are_left_out) {
  const Tensor x = some_numbers({1, 4, 3}, 17);
  const Tensor targets = from_vector<std::int64_t>({1, 2}, {1, 2});
  const auto loss = [&](const Tensor& z) { return ctc_loss(z, targets); };

  const auto with_gaps = [](const Tensor& of, double in_gaps) {
    const Tensor gap = full({1, 1, 3}, in_gaps, {.dtype = float64});
    return cat({slice(of, 1, {.stop = 1}), gap, slice(of, 1, {.start = 1}), gap}, 1);
  };
  const Mask frames = Mask::keep_positions(from_vector<bool>({true, false, true, true, true, false}, {1, 6}));
  const Tensor wide_targets = from_vector<std::int64_t>({0, 1, 99, 2}, {1, 4});
  const Mask labels = Mask::keep_positions(from_vector<bool>({false, true, false, true}, {1, 4}));
  const auto wide_loss = [&](const Tensor& z) { return ctc_loss(z, wide_targets, frames, labels); };

  const Tensor wide = with_gaps(x, kNaN).set_requires_grad(true);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = wide_loss(wide);
    BOOST_TEST(y.item() == loss(x).item());
    check_close(tape.gradient(y, wide, {.create_graph = differentiable}), with_gaps(grad(loss)(x), 0.0), 1e-15);
  }
  const Tensor v = some_numbers({1, 4, 3}, 18);
  const auto slope_along_v = [&](const Tensor& z) { return sum(grad(wide_loss)(z) * with_gaps(v, 0.0)); };
  check_close(grad(slope_along_v)(wide.detach()), with_gaps(hvp(loss, x, v), 0.0), 1e-15);
  for (const double in_gaps : {0.0, kNaN})
    check_close(jvp(wide_loss, wide.detach(), with_gaps(v, in_gaps)).second, jvp(loss, x, v).second, 1e-15);
}

BOOST_AUTO_TEST_CASE(a_sequence_is_the_same_alone_and_in_a_batch) {
  const std::int64_t sequences = 5, frames = 40, classes = 7, labels = 12;
  const Tensor x = some_numbers({sequences, frames, classes}, 19, float32);
  Generator g(23);
  const Tensor targets = randint(1, classes, {sequences, labels}, g);
  const Labels lengths{40, 33, 28, 40, 30}, target_lengths{12, 7, 1, 0, 11};
  const auto both = [](const Tensor& z, const Tensor& t, const Labels& of_z, const Labels& of_t) {
    const Tensor leaf = z.clone().set_requires_grad(true);
    Tape tape;
    const Tensor y = ctc_loss(leaf, t, Mask::from_lengths(of_z, z.size(1)), Mask::from_lengths(of_t, t.size(1)), kEach);
    return std::vector<Tensor>{y.detach(), tape.gradient(y, leaf, {.cotangent = ones(y.shape())})};
  };
  const std::vector<Tensor> batch = both(x, targets, lengths, target_lengths);
  for (std::int64_t n = 0; n < sequences; ++n) {
    const auto at = static_cast<std::size_t>(n);
    const auto own = [&](const Tensor& of, std::int64_t stop) {
      return slice(slice(of, 0, {.start = n, .stop = n + 1}), 1, {.stop = stop});
    };
    const std::vector<Tensor> alone =
        both(own(x, lengths[at]), own(targets, target_lengths[at]), {lengths[at]}, {target_lengths[at]});
    BOOST_TEST(same_bits(alone[0], slice(batch[0], 0, {.start = n, .stop = n + 1})));
    BOOST_TEST(same_bits(alone[1], own(batch[1], lengths[at]).contiguous()));
  }
}

namespace {

/// The recursion of the paper over extended labels, in long double, each frame's states divided by their sum.
double loss_of_one(const Tensor& x, const Labels& labels) {
  const std::vector<double> values = x.to_vector<double>();
  const std::int64_t classes = x.size(-1);
  Labels extended{0};
  for (const std::int64_t label : labels) extended.insert(extended.end(), {label, 0});
  std::vector<long double> alpha(extended.size()), next(extended.size());
  alpha[0] = 1;
  long double log_likelihood = 0;
  for (std::int64_t t = 0; t < x.size(-2); ++t) {
    long double total = 0;
    for (std::size_t s = 0; s < extended.size(); ++s) {
      long double paths = alpha[s] + (s > 0 ? alpha[s - 1] : 0);
      if (s > 1 && extended[s] != 0 && extended[s] != extended[s - 2]) paths += alpha[s - 2];
      next[s] = paths * std::exp(static_cast<long double>(values[static_cast<std::size_t>(t * classes + extended[s])]));
      total += next[s];
    }
    for (std::size_t s = 0; s < extended.size(); ++s) alpha[s] = next[s] / total;
    log_likelihood += std::log(total);
  }
  return static_cast<double>(-log_likelihood - std::log(alpha.back() + alpha[alpha.size() - 2]));
}

}  // namespace

// 3000 frames: a probability below 10^-1000, and shares that add up to 1 at each frame all the same.
BOOST_AUTO_TEST_CASE(long_sequences_keep_their_digits) {
  const std::int64_t frames = 3000, classes = 8;
  const Tensor x = log_softmax(some_numbers({1, frames, classes}, 29, float32), -1);
  Generator g(31);
  const Tensor targets = randint(1, classes, {1, 400}, g);
  const auto loss = [&](const Tensor& z) { return ctc_loss(z, targets, {}, {}, {.reduction = Reduction::sum}); };
  const double exact = loss_of_one(x.to(float64), targets.to_vector<std::int64_t>());
  BOOST_TEST(exact > 2400.0);
  BOOST_TEST(loss(x.to(float64)).item() == exact, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(loss(x).item() == exact, boost::test_tools::tolerance(1e-7));
  const Tensor dx = grad(loss)(x).to(float64);
  check_close(dx, grad(loss)(x.to(float64)), 1e-7);
  check_close(sum(dx, -1), full({1, frames}, -1.0, {.dtype = float64}), 1e-7);
}

BOOST_AUTO_TEST_CASE(nan_and_infinite_log_probabilities_give_nan) {
  const Tensor target = from_vector<std::int64_t>({1, 2}, {1, 2});
  for (const double wrong : {kNaN, kInfinity})
    for (const std::size_t place : {0U, 4U, 5U, 11U}) {
      Tensor x = some_numbers({1, 4, 3}, 37);
      x.mutable_data<double>("test")[place] = wrong;
      x.set_requires_grad(true);
      for (const bool differentiable : {false, true}) {
        Tape tape;
        const Tensor y = ctc_loss(x, target);
        BOOST_TEST(std::isnan(y.item()));
        for (const double v : tape.gradient(y, x, {.create_graph = differentiable}).to_vector<double>())
          BOOST_TEST(std::isnan(v));
      }
    }
}

// Whatever is computed of it: the square's slope is infinite, too.
BOOST_AUTO_TEST_CASE(an_infinite_loss_has_no_gradient_for_any_cotangent) {
  const Tensor targets = from_vector<std::int64_t>({1, 2, 1, 1}, {2, 2});
  const Tensor x = some_numbers({2, 2, 3}, 41).set_requires_grad(true);
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor y = ctc_loss(x, targets, {}, {}, kEach);
    BOOST_TEST(y.to_vector<double>()[1] == kInfinity);
    const Tensor dx = tape.gradient(sum(square(y)), x, {.create_graph = differentiable});
    BOOST_TEST(select(dx, 0, 0).to_vector<double>()[1] != 0.0);
    for (const double v : select(dx, 0, 1).to_vector<double>()) BOOST_TEST(v == 0.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
