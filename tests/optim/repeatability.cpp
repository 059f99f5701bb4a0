// The same training gives the same weights, to the bit, at any number of threads.
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <span>

#include "bench/character_model.hpp"
#include "tapegrad/tapegrad.hpp"

using namespace tapegrad;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int kSteps = 5;
#elif defined(__has_feature)
constexpr int kSteps = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ? 5 : 200;
#else
constexpr int kSteps = 200;
#endif

/// FNV-1a (Fowler, Noll, Vo) over the bits of all weights.
std::uint64_t hash_of(const std::vector<Tensor>& weights) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const Tensor& weight : weights)
    for (const std::byte b : std::as_bytes(weight.data<float>()))
      hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3U;
  return hash;
}

std::uint64_t hash_after_training(int threads) {
  using namespace bench::gpt;
  set_num_threads(threads);
  manual_seed(7);
  bench::CharacterModel model;
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
  const Tensor tokens = randint(0, kVocabulary, {kBatch, kBlock});
  const Tensor targets = randint(0, kVocabulary, {kBatch, kBlock});
  for (int step = 0; step < kSteps; ++step) {
    optimizer.zero_grad();
    Tape tape;
    tape.backward(cross_entropy(model(tokens), targets));
    optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
  }
  return hash_of(model.parameters());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(repeatability)

BOOST_AUTO_TEST_CASE(a_character_model_has_one_hash_at_any_number_of_threads) {
  const int before = num_threads();
  const std::uint64_t alone = hash_after_training(1);
  BOOST_TEST_MESSAGE("after " << kSteps << " steps: " << std::hex << alone);
  for (const int threads : {2, 3, 4, 8}) BOOST_TEST(hash_after_training(threads) == alone, threads << " threads");
  set_num_threads(before);
}

BOOST_AUTO_TEST_SUITE_END()
