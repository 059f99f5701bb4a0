#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "says.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/io/safetensors.hpp"
#include "tapegrad/tape/create.hpp"
#include "temporary_folder.hpp"
#include "word_maker/kneser_ney.hpp"
#include "word_maker/sampling.hpp"
#include "word_maker/training.hpp"
#include "word_maker/weights.hpp"

using namespace word_maker;
using tapegrad::test::says;

namespace {

/// One of four letters, six times "a", and the first letter again: two bits a word, but whoever sees only four letters
/// back can neither count to six nor remember the first.
Corpus words_with_a_memory() {
  const std::vector<std::u32string> words{U"paaaaaap", U"qaaaaaaq", U"raaaaaar", U"saaaaaas"};
  return make_word_corpus("made up", words, words);
}
constexpr double kEntropy = 2.0 / 9;           // with the end nine characters
constexpr double kShortSighted = 2 * 2.0 / 9;  // the last letter is as uncertain as the first

Maker tiny_maker(const Corpus& corpus, std::int64_t length) {
  tapegrad::manual_seed(4);
  return {.kind = corpus.kind,
          .language = "",
          .vocabulary = corpus.vocabulary,
          .model = CharacterModel(
              {.vocabulary = corpus.vocabulary.size(), .length = length, .embed = 16, .layers = 2, .heads = 2})};
}

std::vector<float> logits_of(Maker& maker) { return logits_along(maker.model, maker.vocabulary.encode(U"paaa")); }

}  // namespace

BOOST_AUTO_TEST_SUITE(learning)

BOOST_AUTO_TEST_CASE(a_network_remembers_what_n_grams_forget) {
  const Corpus corpus = words_with_a_memory();
  Maker maker = tiny_maker(corpus, 9);
  const double untrained = bits_per_character(maker.model, corpus);
  BOOST_TEST(std::abs(untrained - std::log2(6.0)) < 0.3);  // five letters and the end, alike
  std::int64_t calls = 0;
  train(maker.model, corpus, {.steps = 600, .batch = 8, .lr = 5e-3}, [&](const TrainingStep& step) {
    BOOST_TEST(step.step == ++calls);
    return true;
  });
  BOOST_TEST(calls == 600);
  const double learnt = bits_per_character(maker.model, corpus);
  const double counted = bits_per_character(KneserNey(corpus.learnt, corpus.vocabulary.size()), corpus.held_out);
  BOOST_TEST(learnt >= kEntropy - 1e-4);
  BOOST_TEST(learnt < kEntropy + 0.05);
  BOOST_TEST(counted >= kShortSighted);
  tapegrad::Generator generator(1);
  for (const Sequence& word : make_up(maker.model, corpus.kind, {.count = 10, .sampling = {.top_k = 4}}, generator))
    BOOST_TEST(corpus.known.contains(maker.vocabulary.decode(word)));
}

BOOST_AUTO_TEST_CASE(running_text_is_learnt_in_windows) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 300; ++i) text += "over and ";
  folder.write("text", text);
  const Corpus corpus = read_text(folder.path() / "text");
  Maker maker = tiny_maker(corpus, 18);
  train(maker.model, corpus, {.steps = 150, .batch = 8, .lr = 1e-2}, [](const TrainingStep&) { return true; });
  BOOST_TEST(bits_per_character(maker.model, corpus) < 0.2);
  tapegrad::Generator generator(1);
  const Sequence made =
      make_up(maker.model, corpus.kind,
              {.prefix = maker.vocabulary.encode(U"over "), .characters = 27, .sampling = {.temperature = 0}},
              generator)
          .front();
  BOOST_TEST(maker.vocabulary.decode(made) == "over and over and over and ");
}

BOOST_AUTO_TEST_CASE(the_same_seeds_give_the_same_weights) {
  const Corpus corpus = words_with_a_memory();
  const auto trained = [&](std::uint64_t seed) {
    Maker maker = tiny_maker(corpus, 9);
    train(maker.model, corpus, {.steps = 5, .batch = 4, .seed = seed}, [](const TrainingStep&) { return true; });
    return logits_of(maker);
  };
  BOOST_TEST((trained(1) == trained(1)));
  BOOST_TEST((trained(1) != trained(2)));
}

BOOST_AUTO_TEST_CASE(training_stops_when_it_is_told) {
  const Corpus corpus = words_with_a_memory();
  Maker maker = tiny_maker(corpus, 9);
  BOOST_TEST(train(maker.model, corpus, {.steps = 50, .batch = 4},
                   [](const TrainingStep& step) { return step.step < 3; }) == 3);
}

BOOST_AUTO_TEST_CASE(a_training_that_diverges_says_so) {
  const Corpus corpus = words_with_a_memory();
  Maker maker = tiny_maker(corpus, 9);
  BOOST_CHECK_EXCEPTION(
      train(maker.model, corpus, {.steps = 20, .batch = 4, .lr = 1e300}, [](const TrainingStep&) { return true; }),
      tapegrad::ValueError, says("the training diverges; try a learning rate below 1e+300"));
}

BOOST_AUTO_TEST_CASE(what_is_loaded_is_what_was_saved) {
  const TemporaryFolder folder;
  const Corpus corpus = words_with_a_memory();
  Maker maker = tiny_maker(corpus, 9);
  maker.language = "English";
  const std::string path = (folder.path() / "weights").string();
  save(path, maker);
  Maker again = load(path);
  BOOST_TEST((again.kind == Kind::words));
  BOOST_TEST(again.language == "English");
  BOOST_TEST((again.vocabulary.characters() == maker.vocabulary.characters()));
  BOOST_TEST((again.model.sizes() == maker.model.sizes()));
  BOOST_TEST((logits_of(again) == logits_of(maker)));
}

BOOST_AUTO_TEST_CASE(a_file_that_does_not_fit_is_told) {
  const TemporaryFolder folder;
  const Corpus corpus = words_with_a_memory();
  Maker maker = tiny_maker(corpus, 9);
  const std::string path = (folder.path() / "weights").string();
  save(path, maker);
  const auto metadata = tapegrad::load_safetensors_metadata(path);
  const std::string other = folder / "other";
  const auto rejects = [&](const std::string& key, const std::string& value, const tapegrad::NamedTensors& weights) {
    auto changed = metadata;
    changed[key] = value;
    tapegrad::save_safetensors(other, weights, changed);
    tapegrad::reset_peak_memory();
    const std::size_t before = tapegrad::memory_statistics().bytes_in_use;
    BOOST_CHECK_EXCEPTION(load(other), tapegrad::IoError, says("[load] " + other + ": "));
    BOOST_TEST(tapegrad::memory_statistics().peak_bytes_in_use - before < (1U << 20), key << " " << value);
  };
  const auto rejects_metadata = [&](const std::string& key, const std::string& value) {
    rejects(key, value, maker.model.state_dict());
  };
  rejects_metadata("made_by", "someone");
  rejects_metadata("kind", "verse");
  rejects_metadata("alphabet", "abc");
  rejects_metadata("embed", "24");
  rejects_metadata("embed", "16x");
  rejects_metadata("layers", "-1");
  rejects_metadata("layers", "3");
  rejects_metadata("heads", "5");
  rejects_metadata("length", "99999999999999999999");
  // What is large in the metadata alone: a network would be made before its weights were looked at.
  rejects_metadata("embed", "1024");
  rejects_metadata("layers", "4096");
  rejects_metadata("length", "65536");
  const tapegrad::NamedTensors wide = {{"embed.weight", tapegrad::zeros({maker.vocabulary.size(), 1024})},
                                       {"position.weight", tapegrad::zeros({9, 1024})}};
  rejects("embed", "1024", wide);
  folder.write("text", "no weights at all");
  BOOST_CHECK_THROW(load((folder.path() / "text").string()), tapegrad::IoError);
  BOOST_CHECK_THROW(load((folder.path() / "missing").string()), tapegrad::IoError);
}

BOOST_AUTO_TEST_SUITE_END()
