#include "norm_study/model.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "console/interrupt.hpp"
#include "norm_study/training.hpp"
#include "study/made_up_dictionary.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace norm_study;
namespace tg = tapegrad;

namespace {

const std::vector<EncodedWord>& words() {
  static const std::vector<EncodedWord> few{{{2, 3, 4}, 0},    {{5, 6}, 1}, {{7, 2, 3, 4, 5}, 2},
                                            {{3, 3, 3, 3}, 3}, {{4, 2}, 4}, {{6, 7, 5}, 5}};
  return few;
}

std::vector<std::size_t> first(std::size_t count) {
  std::vector<std::size_t> picks(count);
  std::iota(picks.begin(), picks.end(), std::size_t{0});
  return picks;
}

ModelOptions options(Norm norm, std::int64_t ghost = 0) { return {.letters = 8, .norm = {norm, ghost}}; }

std::vector<float> logits(WordClassifier& model, const Batch& batch) {
  return logits_of(model, batch).to_vector<float>();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model)

BOOST_AUTO_TEST_CASE(batches_hold_letters_and_neighbours) {
  const Batch batch = make_batch(words(), first(2), 4);
  const std::vector<std::int64_t> letters{2, 3, 4, 0, 5, 6, 0, 0}, previous{0, 2, 3, 0, 0, 5, 0, 0},
      next{3, 4, 0, 0, 6, 0, 0, 0};
  BOOST_TEST(batch.letters.to_vector<std::int64_t>() == letters, boost::test_tools::per_element());
  BOOST_TEST(batch.previous.to_vector<std::int64_t>() == previous, boost::test_tools::per_element());
  BOOST_TEST(batch.next.to_vector<std::int64_t>() == next, boost::test_tools::per_element());
  BOOST_TEST(batch.mask.valid_count(2, 4) == 5);
}

BOOST_AUTO_TEST_CASE(an_epoch_uses_each_word_once) {
  std::vector<EncodedWord> many;
  for (std::int64_t i = 0; i < 30; ++i)
    many.push_back({std::vector<std::int64_t>(static_cast<std::size_t>(2 + i % 5)), 0});
  for (const BatchOrder order : {BatchOrder::shuffled, BatchOrder::by_length}) {
    BatchSource source(many, 6, order, 3);
    std::vector<int> used(many.size(), 0);
    std::size_t mixed = 0;
    for (int b = 0; b < 5; ++b) {
      std::set<std::int64_t> lengths;
      for (const std::size_t i : source.next()) {
        ++used[i];
        lengths.insert(many[i].length());
      }
      mixed += lengths.size() > 1 ? 1 : 0;
    }
    BOOST_TEST(used == std::vector<int>(many.size(), 1), boost::test_tools::per_element());
    BOOST_TEST((order == BatchOrder::by_length ? mixed == 0 : mixed >= 3));
  }
  BOOST_CHECK_THROW(BatchSource(many, 31, BatchOrder::shuffled, 1), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(every_normalisation_gives_logits_and_gradients) {
  const Batch batch = make_batch(words(), first(6));
  for (const Norm norm :
       {Norm::layer, Norm::batch, Norm::batch_unmasked, Norm::none, Norm::rms, Norm::tanh, Norm::layer_detached}) {
    for (const bool norm_first : {true, false}) {
      ModelOptions o = options(norm);
      o.norm_first = norm_first;
      WordClassifier model(o, 1);
      tg::Tape tape;
      const tg::Tensor y = model(batch);
      BOOST_TEST((y.shape() == tg::Shape{6, 12}));
      tape.backward(tg::cross_entropy(y, batch.languages));
      for (const tg::Tensor& parameter : model.parameters()) {
        BOOST_REQUIRE(parameter.has_grad());
        BOOST_TEST(std::isfinite(tg::sum(parameter.grad()).item()));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_seed_gives_the_same_weights_whatever_the_normalisation) {
  WordClassifier a(options(Norm::layer), 5), b(options(Norm::batch), 5), c(options(Norm::layer), 6);
  BOOST_TEST(a.layers[1].linear2.weight->to_vector<float>() == b.layers[1].linear2.weight->to_vector<float>(),
             boost::test_tools::per_element());
  BOOST_TEST(a.head.weight->to_vector<float>() == b.head.weight->to_vector<float>(), boost::test_tools::per_element());
  BOOST_CHECK(a.head.weight->to_vector<float>() != c.head.weight->to_vector<float>());
}

BOOST_AUTO_TEST_CASE(dropout_is_for_training) {
  ModelOptions o = options(Norm::layer);
  o.dropout = 0.5;
  WordClassifier model(o, 1), without(options(Norm::layer), 1);
  const Batch batch = make_batch(words(), first(6));
  BOOST_CHECK(logits(model, batch) != logits(model, batch));
  model.eval();
  without.eval();
  BOOST_TEST(logits(model, batch) == logits(without, batch), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_ghost_batch_is_blind_to_the_others) {
  // Words 0 and 1 share statistics; so do 2 and 3. Another word in the place of 3 changes 2's logits but not 0's.
  WordClassifier model(options(Norm::batch, 2), 1);
  model.set_tracking(false);
  const auto one = logits(model, make_batch(words(), std::vector<std::size_t>{0, 1, 2, 3}, 6));
  const auto other = logits(model, make_batch(words(), std::vector<std::size_t>{0, 1, 2, 5}, 6));
  for (std::size_t k = 0; k < 24; ++k) BOOST_TEST(one[k] == other[k]);
  bool moved = false;
  for (std::size_t k = 24; k < 36; ++k) moved = moved || one[k] != other[k];
  BOOST_TEST(moved);
}

BOOST_AUTO_TEST_CASE(running_statistics_move_a_tenth_towards_the_batch) {
  Normalizer norm(1, {.norm = Norm::batch});
  const tg::Tensor x = tg::from_vector<float>({1, 3, 100, 8}, {2, 2, 1});  // the third position is padding
  const tg::Mask mask = tg::Mask::keep_positions(tg::from_vector<bool>({true, true, false, true}, {2, 2}));
  (void)norm(x, mask);
  // Of 1, 3 and 8: mean 4, biased variance 26/3, unbiased 13.
  BOOST_TEST(norm.running_mean->item() == 0.4, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(norm.running_var->item() == 0.9 + 1.3, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(norm.batch_variance.item() == 26.0 / 3, boost::test_tools::tolerance(1e-6));
  norm.tracking = false;
  (void)norm(x, mask);
  BOOST_TEST(norm.running_mean->item() == 0.4, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(detached_statistics_change_the_gradient_and_not_the_value) {
  Normalizer whole(4, {.norm = Norm::layer}), detached(4, {.norm = Norm::layer_detached});
  tg::Tensor x = tg::from_vector<float>({1, 2, 4, 9}, {1, 1, 4});
  x.set_requires_grad(true);
  std::vector<std::vector<float>> gradients;
  for (Normalizer* norm : {&whole, &detached}) {
    tg::Tape tape;
    const tg::Tensor y = (*norm)(x, {});
    // Mean 4, variance 9.5: the first feature becomes -3 / sqrt(9.5 + 1e-5).
    BOOST_TEST(y.to_vector<float>()[0] == -3 / std::sqrt(9.5 + 1e-5), boost::test_tools::tolerance(1e-5));
    const tg::Tensor first_output = tg::from_vector<float>({1, 0, 0, 0}, {1, 1, 4});
    gradients.push_back(tape.gradient(y, x, {.cotangent = first_output}).to_vector<float>());
  }
  // r (delta_0j - 1/4 - xhat_0 xhat_j / 4) of the whole, r delta_0j with constants for statistics.
  const double r = 1 / std::sqrt(9.5 + 1e-5);
  const std::vector<double> centred{-3, -2, 0, 5};
  for (std::size_t j = 0; j < 4; ++j) {
    const double own = j == 0 ? 1 : 0;
    BOOST_TEST(std::abs(gradients[0][j] - r * (own - 0.25 - centred[0] * centred[j] * r * r / 4)) < 1e-6);
    BOOST_TEST(std::abs(gradients[1][j] - r * own) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(networks_learn_and_repeat_to_the_bit) {
  const console::InterruptGuard fresh;  // forgets the signals that other tests have raised
  const TemporaryFolder folder;
  const Corpus corpus(made_up_words(folder));
  TrainOptions short_run{.model = {.letters = corpus.data.alphabet.size()}, .seed = 1, .steps = 60};
  const auto twice = train_side_by_side({short_run, short_run}, corpus, 2, nullptr);
  BOOST_TEST(twice[0].complete());
  BOOST_TEST(twice[0].accuracy > 0.5);
  BOOST_TEST(twice[0].mean_loss == twice[1].mean_loss);
  BOOST_TEST(twice[0].model.head.weight->to_vector<float>() == twice[1].model.head.weight->to_vector<float>(),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_curve_is_measured_on_the_same_words_throughout) {
  const console::InterruptGuard fresh;
  const TemporaryFolder folder;
  const Corpus corpus(made_up_words(folder));
  const std::vector<EncodedWord> some = curve_words_of(corpus.test, 16);
  BOOST_TEST(some.size() == 16U);  // of 144: every ninth
  BOOST_TEST(some[1].letters == corpus.test[9].letters, boost::test_tools::per_element());
  const TrainOptions short_run{
      .model = {.letters = corpus.data.alphabet.size()}, .seed = 1, .steps = 20, .curve_points = 2, .curve_words = 16};
  auto run = train_side_by_side({short_run}, corpus, 1, nullptr);
  BOOST_REQUIRE(run[0].curve.size() == 2U);
  const double hits = 16 * run[0].curve.back().accuracy;
  BOOST_TEST(hits == std::round(hits));
  BOOST_TEST(run[0].curve.back().accuracy == accuracy_of(run[0].model, some));
  BOOST_TEST(run[0].accuracy == accuracy_of(run[0].model, corpus.test));
  BOOST_TEST(run[0].curve.back().accuracy != run[0].accuracy);
}

const Corpus& made_up_corpus() {
  static const TemporaryFolder folder;
  static const Corpus corpus(made_up_words(folder));
  return corpus;
}

TrainOptions eight_steps(Norm norm) {
  return {.model = {.letters = made_up_corpus().data.alphabet.size(), .norm = {.norm = norm}}, .seed = 1, .steps = 8};
}

std::vector<float> head_of(const Trained& run) { return run.model.head.weight->to_vector<float>(); }

// The same steps by hand: a warm-up in a line, half a cosine, AdamW, gradients forgotten after each.
BOOST_AUTO_TEST_CASE(training_is_what_its_options_say) {
  const TrainOptions o = eight_steps(Norm::layer);
  const Trained run = train(o, made_up_corpus(), nullptr);
  WordClassifier by_hand(o.model, o.seed);
  tg::optim::AdamW optimizer(by_hand.parameters(), {.lr = o.lr, .betas = {0.9, 0.98}, .weight_decay = 0.01});
  BatchSource source(made_up_corpus().train, o.batch, o.order, o.seed);
  const double steps = 8;
  const double warmup = std::round(o.warmup * steps);
  for (int step = 0; step < 8; ++step) {
    optimizer.set_lr(step < warmup ? o.lr * (step + 1) / warmup
                                   : o.lr * 0.5 * (1 + std::cos(M_PI * (step - warmup) / (steps - warmup))));
    const Batch batch = make_batch(made_up_corpus().train, source.next(), o.pad_to);
    tg::Tape tape;
    for (const tg::Tensor& p : by_hand.parameters()) p.zero_grad();
    tape.backward(tg::cross_entropy(by_hand(batch), batch.languages));
    optimizer.step();
  }
  BOOST_TEST((by_hand.head.weight->to_vector<float>() == head_of(run)));
}

BOOST_AUTO_TEST_CASE(looking_at_a_curve_changes_no_training) {
  TrainOptions watched = eight_steps(Norm::batch);
  watched.curve_points = 4;
  BOOST_TEST((head_of(train(watched, made_up_corpus(), nullptr)) ==
              head_of(train(eight_steps(Norm::batch), made_up_corpus(), nullptr))));
}

BOOST_AUTO_TEST_CASE(accuracy_by_batch_statistics_leaves_the_running_ones) {
  WordClassifier model(eight_steps(Norm::batch).model, 1);
  const auto statistics = [&] {
    std::vector<double> all;
    for (const auto& [name, buffer] : model.named_buffers())
      for (const double v : buffer.to(tg::float64).to_vector<double>()) all.push_back(v);
    return all;
  };
  const std::vector<double> before = statistics();
  const std::vector<std::vector<std::size_t>> batches{{0, 1, 2, 3}};
  accuracy_by_batch_statistics(model, made_up_corpus().test, batches);
  BOOST_TEST(!before.empty());
  BOOST_TEST((statistics() == before));
  BOOST_TEST(!model.is_training());
}

BOOST_AUTO_TEST_CASE(batches_of_one_length_come_in_another_order_each_time) {
  std::vector<EncodedWord> many;
  for (std::size_t i = 0; i < 30; ++i) many.push_back({std::vector<std::int64_t>(2 + i % 5), 0});
  std::set<std::int64_t> lengths;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    lengths.insert(many[BatchSource(many, 6, BatchOrder::by_length, seed).next()[0]].length());
  BOOST_TEST(lengths.size() > 1U);
}

BOOST_AUTO_TEST_SUITE_END()
