// The same training gives the same weights, to the bit, at any number of threads.
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/always_teams.hpp"
#include "tapegrad/tapegrad.hpp"
#include "word_maker/model.hpp"

using namespace tapegrad;

namespace {

// Two hundred, and five numbers of threads, where that takes a minute: not in builds that are slow on purpose
// (sanitizers, coverage), which keep their assertions. Tests themselves are optimised nowhere.
#ifdef NDEBUG
constexpr int kSteps = 200;
constexpr int kTeams[] = {2, 3, 4, 8};
#else
constexpr int kSteps = 3;
constexpr int kTeams[] = {2, 8};
#endif

constexpr int kForcedSteps = 2;

/// FNV-1a (Fowler, Noll, Vo) over the bits of all weights.
std::uint64_t hash_of(const std::vector<Tensor>& weights) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const Tensor& weight : weights)
    for (const std::byte byte : std::as_bytes(weight.data<float>()))
      hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3U;
  return hash;
}

std::uint64_t hash_after_training(int threads) {
  const word_maker::ModelSizes sizes{.vocabulary = 65, .length = 64, .embed = 128, .layers = 4, .heads = 4};
  constexpr std::int64_t kBatch = 12;
  set_num_threads(threads);
  manual_seed(7);
  word_maker::CharacterModel model(sizes);
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
  const Tensor tokens = randint(0, sizes.vocabulary, {kBatch, sizes.length});
  const Tensor targets = randint(0, sizes.vocabulary, {kBatch, sizes.length});
  std::vector<double> losses;
  std::optional<kernels::AlwaysTeams> always(std::in_place);  // in the first steps: more threads than cores are slow
  for (int step = 0; step < kSteps; ++step) {
    if (step == kForcedSteps) always.reset();
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
  for (const int threads : kTeams) BOOST_TEST(hash_after_training(threads) == alone, threads << " threads");
  set_num_threads(0);
}

BOOST_AUTO_TEST_SUITE_END()
