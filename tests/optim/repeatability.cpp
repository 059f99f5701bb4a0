// The same training gives the same weights, to the bit, at any number of threads.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <span>
#include <vector>

#include "bench/character_model.hpp"
#include "tapegrad/tapegrad.hpp"

using namespace tapegrad;

namespace {

// Two hundred where that takes half a minute: not in builds that are slow on purpose.
#ifndef __OPTIMIZE__
constexpr int kSteps = 3;
#else
constexpr int kSteps = 200;
#endif

/// Sets the number of threads, and sets it back.
class Threads {
 public:
  explicit Threads(int threads) : before_(num_threads()) { set_num_threads(threads); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

/// FNV-1a (Fowler, Noll, Vo) over the bits of all weights.
std::uint64_t hash_of(const std::vector<Tensor>& weights) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const Tensor& weight : weights)
    for (const std::byte b : std::as_bytes(weight.data<float>()))
      hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3U;
  return hash;
}

std::uint64_t hash_after_training(int threads) {
  constexpr bench::Gpt kShape = bench::kSmallGpt;
  const Threads guard(threads);
  manual_seed(7);
  bench::CharacterModel model(kShape);
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
  const Tensor tokens = randint(0, kShape.vocabulary, {kShape.batch, kShape.block});
  const Tensor targets = randint(0, kShape.vocabulary, {kShape.batch, kShape.block});
  std::vector<double> losses;
  for (int step = 0; step < kSteps; ++step) {
    optimizer.zero_grad();
    Tape tape;
    const Tensor loss = cross_entropy(model(tokens), targets);
    losses.push_back(loss.item());
    tape.backward(loss);
    optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
  }
  BOOST_TEST(losses.back() < losses.front());  // it has learnt something: no NaN hashes alike
  return hash_of(model.parameters());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(repeatability)

BOOST_AUTO_TEST_CASE(a_character_model_has_one_hash_at_any_number_of_threads) {
  const std::uint64_t alone = hash_after_training(1);
  BOOST_TEST_MESSAGE("after " << kSteps << " steps: " << std::hex << alone);
  for (const int threads : {2, 3, 4, 8}) BOOST_TEST(hash_after_training(threads) == alone, threads << " threads");
}

BOOST_AUTO_TEST_SUITE_END()
