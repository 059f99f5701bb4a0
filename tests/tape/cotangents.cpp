#include <array>

#include "tape_test.hpp"
#include "tapegrad/array/memory.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

namespace {

/// (a b, a + b): counts which gradients its rule computes.
struct ProductAndSum : Op<ProductAndSum> {
  static constexpr std::string_view name = "product_and_sum";
  int* products = nullptr;
  int* sums = nullptr;

  std::array<Tensor, 2> forward(const Tensor& a, const Tensor& b) const { return {a * b, a + b}; }
  std::vector<Tensor> vjp(const Saved& s, Cotangents dy) const {
    std::vector<Tensor> gradients(2);
    if (dy[0].defined()) ++*products;
    if (dy[1].defined()) ++*sums;
    for (int i = 0; i < 2; ++i) {
      if (!s.wants(i)) continue;
      Tensor& g = gradients[static_cast<std::size_t>(i)];
      if (dy[0].defined()) g = dy[0] * s.input(1 - i);
      if (dy[1].defined()) g = g.defined() ? g + dy[1] : dy[1];
    }
    return gradients;
  }
};

/// Complains when asked for more than is wanted.
struct Picky : Op<Picky> {
  static constexpr std::string_view name = "picky";
  Tensor forward(const Tensor& a, const Tensor& b) const { return a * b; }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    if (s.wants(1)) throw ValueError("nobody wants the gradient of a constant");
    return {dy * s.input(1), Tensor()};
  }
};

/// y = 2 x, whose rule puts its gradient into the gathering memory.
struct Gathering : Op<Gathering> {
  static constexpr std::string_view name = "gathering";
  Tensor forward(const Tensor& x) const { return x + x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 2.0 * dy; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    GradientBuffer gathered = sink.buffer(0);
    const std::span<double> dx = gathered.tensor.mutable_data<double>("gathering");
    const std::vector<double> g = dy.to_vector<double>();
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = 2.0 * g[i] + (gathered.holds_sum ? dx[i] : 0.0);
  }
};

/// y = 5 x, whose rule gives its gradient in two parts: dy itself, and 4 dy.
struct InTwoParts : Op<InTwoParts> {
  static constexpr std::string_view name = "in_two_parts";
  std::string ways;  // of each part: 'a' adds it, 'b' puts it into the gathering memory

  Tensor forward(const Tensor& x) const { return 5.0 * x; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return 5.0 * dy; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    double factor = 1.0;
    for (const char way : ways) {
      if (way == 'a') {
        sink.add(0, factor == 1.0 ? dy : factor * dy);
      } else {
        GradientBuffer gathered = sink.buffer(0);
        const std::span<double> dx = gathered.tensor.mutable_data<double>("in_two_parts");
        const std::vector<double> g = dy.to_vector<double>();
        for (std::size_t i = 0; i < dx.size(); ++i) dx[i] = factor * g[i] + (gathered.holds_sum ? dx[i] : 0.0);
      }
      factor = 4.0;
    }
  }
};

/// y = x + b, where b lacks the first dimension; its gradient comes in two parts, of y's shape and of b's.
struct BiasInTwoParts : Op<BiasInTwoParts> {
  static constexpr std::string_view name = "bias_in_two_parts";
  Tensor forward(const Tensor& x, const Tensor& b) const { return x + b; }
  std::array<Tensor, 2> vjp(const Saved&, const Tensor& dy) const { return {dy, dy}; }
  void fused_vjp(const Saved&, const Tensor& dy, GradientSink& sink) const {
    sink.add(1, 2.0 * dy);
    sink.add(1, -sum(dy, 0));
    sink.add(0, dy);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cotangents)

BOOST_AUTO_TEST_CASE(promise_undefined_cotangents_are_zeros_that_cost_nothing) {
  const Tensor a = leaf({2.0});
  const Tensor b = leaf({5.0});
  int products = 0;
  int sums = 0;
  ProductAndSum op;
  op.products = &products;
  op.sums = &sums;
  Tape tape;
  auto [product, total] = apply(op, a, b);
  BOOST_TEST(tape.size() == 3);
  BOOST_TEST(tape.node(2).shapes.size() == 2U);
  const auto g = tape.gradient(product, {a, b}, {.retain = true});
  BOOST_TEST(g[0].item() == 5.0);
  BOOST_TEST(g[1].item() == 2.0);
  BOOST_TEST(products == 1);
  BOOST_TEST(sums == 0);
  const auto h = tape.gradient(square(total), {a, b}, {.retain = true});
  BOOST_TEST(h[0].item() == 14.0);
  BOOST_TEST(products == 1);
  const auto both = tape.gradient(product * total, {a, b}, {.retain = true});
  BOOST_TEST(both[0].item() == 7.0 * 5.0 + 10.0);
  BOOST_TEST(both[1].item() == 7.0 * 2.0 + 10.0);
  BOOST_TEST(tape.gradient(square(a), b).item() == 0.0);
  BOOST_TEST(products == 2);  // not reached: its rule did not run
}

BOOST_AUTO_TEST_CASE(promise_only_what_is_wanted_is_computed) {
  const Tensor a = leaf({2.0});
  Tape tape;
  BOOST_TEST(tape.gradient(apply(Picky{}, a, tensor({4.0}, {.dtype = float64})), a).item() == 4.0);
}

BOOST_AUTO_TEST_CASE(promise_several_results_at_once) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor a = square(x);
  const Tensor b = sum(x);
  const auto g = tape.pull_back({a, b}, {tensor({1.0, 10.0}, {.dtype = float64}), Tensor()}, {x}, {.retain = true});
  BOOST_TEST(g[0].to_vector<double>() == (Values{3.0, 41.0}));
  BOOST_CHECK_EXCEPTION((void)tape.pull_back({a, b}, {Tensor()}, {x}), ShapeError,
                        says("[pull_back] expected 2 cotangents, got 1"));
}

BOOST_AUTO_TEST_CASE(promise_fan_out_accumulates_without_touching_what_is_shared) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor seed = tensor({1.0, 1.0}, {.dtype = float64});
  Tape tape;
  const Tensor y = x + x + neg(x) + x;
  BOOST_TEST(tape.gradient(y, x, {.cotangent = seed}).to_vector<double>() == (Values{2.0, 2.0}));
  BOOST_TEST(seed.to_vector<double>() == (Values{1.0, 1.0}));
}

BOOST_AUTO_TEST_CASE(promise_a_held_gradient_is_not_written) {
  Tensor x = leaf({1.0, 2.0});
  Tape tape;
  tape.backward(sum(square(x)));
  const Tensor held = x.grad();
  tape.backward(sum(square(x)));
  BOOST_TEST(held.to_vector<double>() == (Values{2.0, 4.0}));
  BOOST_TEST(x.grad().to_vector<double>() == (Values{4.0, 8.0}));
}

// Clipping writes gradients in place: of two that share elements, each would be written twice.
BOOST_AUTO_TEST_CASE(promise_gradients_of_leaves_share_no_memory) {
  Tensor x = leaf({1.0, 2.0});
  Tensor y = leaf({1.0, 2.0});
  const Tensor seed = tensor({1.0, 1.0}, {.dtype = float64});
  for (const bool create_graph : {false, true}) {
    Tape tape;
    tape.backward(x + y, {.cotangent = seed, .create_graph = create_graph});
    const NoRecord pause;
    for (const Tensor& t : {x, y}) {
      Tensor gradient = t.grad();
      gradient.mutable_data<double>()[0] += 1.0;
    }
    BOOST_TEST(x.grad().to_vector<double>() == (Values{2.0, 1.0}));
    BOOST_TEST(y.grad().to_vector<double>() == (Values{2.0, 1.0}));
    BOOST_TEST(seed.to_vector<double>() == (Values{1.0, 1.0}));
    x.zero_grad();
    y.zero_grad();
  }
  x.set_grad(seed);
  Tensor gradient = x.grad();
  gradient.mutable_data<double>()[0] = 7.0;
  BOOST_TEST(seed.to_vector<double>() == (Values{1.0, 1.0}));
}

BOOST_AUTO_TEST_CASE(promise_differentiable_gradients_share_no_memory) {
  const Tensor a = tensor(2.0, {.dtype = float64}).set_requires_grad(true),
               b = tensor(3.0, {.dtype = float64}).set_requires_grad(true);
  const Tensor cotangent = tensor(1.0, {.dtype = float64});
  Tape tape;
  const Tensor y = a + b;
  const std::vector<Tensor> g =
      tape.gradient(y, {a, b, a}, {.cotangent = cotangent, .retain = true, .create_graph = true});
  {
    const NoRecord pause;
    Tensor gradient = g[0];
    gradient.mutable_data<double>()[0] = 7.0;
  }
  BOOST_TEST(cotangent.item() == 1.0);
  BOOST_TEST(g[1].item() == 1.0);
  BOOST_TEST(g[2].item() == 1.0);
}

BOOST_AUTO_TEST_CASE(promise_any_number_of_targets_at_once) {
  // In any order, some twice, leaves and values of the way.
  std::vector<Tensor> leaves;
  for (int i = 0; i < 40; ++i) leaves.push_back(tensor(i, {.dtype = float64}).set_requires_grad(true));
  Tape tape;
  Tensor y = tensor(0.0, {.dtype = float64});
  std::vector<Tensor> wanted;
  std::vector<double> expected;
  for (int i = 0; i < 40; ++i) {
    y = y + leaves[static_cast<std::size_t>(i)] * static_cast<double>(i);
    wanted.insert(wanted.begin() + i / 2, leaves[static_cast<std::size_t>(i)]);
    expected.insert(expected.begin() + i / 2, i);
    wanted.push_back(y);
    expected.push_back(1.0);
  }
  wanted.push_back(wanted.front());
  expected.push_back(expected.front());
  const std::vector<Tensor> g = tape.gradient(y, wanted);
  for (std::size_t k = 0; k < g.size(); ++k) BOOST_TEST(g[k].item() == expected[k], "gradient " << k);
}

BOOST_AUTO_TEST_CASE(promise_more_inputs_than_two_bytes_count) {
  constexpr int kParts = 70000;
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  const Tensor y = cat(std::vector<Tensor>(kParts, x));
  BOOST_TEST(tape.gradient(sum(y), x).to_vector<double>() == (Values{kParts, kParts}));
}

BOOST_AUTO_TEST_CASE(promise_a_rule_writes_or_adds_as_its_buffer_says) {
  const Tensor x = leaf({1.0, 2.0});
  for (const bool observed : {false, true}) {
    Tape tape;
    Tensor contributions = zeros({2}, {.dtype = float64});
    if (observed)
      tape.observe([&](const SweepEvent& event) {
        if (event.node.op == Gathering::name) contributions = contributions + event.input_gradients[0];
      });
    const Tensor y = apply(Gathering{}, x) + apply(Gathering{}, x);
    const Tensor total = sum(y);
    for (int i = 0; i < 8; ++i) (void)full({2}, 7.0 + i, {.dtype = float64});  // whose memory comes back
    BOOST_TEST(tape.gradient(total, x).to_vector<double>() == (Values{4.0, 4.0}));
    BOOST_TEST(contributions.to_vector<double>() == (observed ? Values{4.0, 4.0} : Values{0.0, 0.0}));
  }
}

// A loop over the rows of x: each adds its piece into the one gradient. One that gave a gradient of x's size, zeros but
// for its row, would hold a second beside it, and fill as many as there are rows.
BOOST_AUTO_TEST_CASE(promise_slices_accumulate_into_regions) {
  constexpr std::int64_t kRows = 256;
  constexpr std::int64_t kColumns = 4096;
  constexpr std::size_t kWhole = kRows * kColumns * sizeof(float);
  const Tensor x = ones({kRows, kColumns}, {.requires_grad = true});
  Tape tape;
  Tensor total = sum(x[0]);
  for (std::int64_t i = 1; i < kRows; ++i) total = total + sum(x[i]) * static_cast<double>(i + 1);
  reset_peak_memory();
  const std::size_t before = memory_statistics().bytes_in_use;
  const Tensor g = tape.gradient(total, x);
  const std::size_t most = memory_statistics().peak_bytes_in_use - before;
  BOOST_TEST(most >= kWhole);
  BOOST_TEST(most < kWhole + kWhole / 2);
  for (std::int64_t i = 0; i < kRows; i += 51) BOOST_TEST(g[i][255].item() == static_cast<double>(i + 1));
}

BOOST_AUTO_TEST_CASE(a_gradient_that_comes_in_parts_is_their_sum_whoever_looks_on) {
  const Tensor x = leaf({1.0, 2.0});
  for (const char* const ways : {"aa", "ab", "ba", "bb"})
    for (const bool observed : {false, true}) {
      BOOST_TEST_CONTEXT(ways << (observed ? ", observed" : "")) {
        const Tensor seed = tensor({1.0, 10.0}, {.dtype = float64});
        InTwoParts op;
        op.ways = ways;
        Tape tape({.anomaly = observed});
        const Tensor y = apply(op, x);
        const Tensor z = 3.0 * x;  // so that something has come before
        Values seen;
        Values cotangent;
        if (observed)
          tape.observe([&](const SweepEvent& event) {
            if (event.node.op != op.name) return;
            seen = event.input_gradients[0].to_vector<double>();
            cotangent = event.cotangents[0].to_vector<double>();
          });
        BOOST_TEST(tape.gradient(y + z, x, {.cotangent = seed}).to_vector<double>() == (Values{8.0, 80.0}));
        BOOST_TEST(seed.to_vector<double>() == (Values{1.0, 10.0}));
        if (!observed) continue;
        BOOST_TEST(seen == (Values{5.0, 50.0}));
        BOOST_TEST(cotangent == (Values{1.0, 10.0}));
      }
    }
}

BOOST_AUTO_TEST_CASE(parts_of_different_shapes_are_brought_to_the_inputs) {
  const Tensor x = leaf({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}});
  const Tensor b = leaf({1.0, 2.0});
  const Tensor seed = tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, {.dtype = float64});
  for (const bool observed : {false, true}) {
    Tape tape;
    if (observed) tape.observe([](const SweepEvent&) {});
    const Tensor y = apply(BiasInTwoParts{}, x, b);
    BOOST_TEST(tape.gradient(y, b, {.cotangent = seed}).to_vector<double>() == (Values{9.0, 12.0}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
