#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/io/safetensors.hpp"
#include "temporary_folder.hpp"
#include "word_maker/kneser_ney.hpp"
#include "word_maker/sampling.hpp"
#include "word_maker/training.hpp"
#include "word_maker/weights.hpp"

using namespace word_maker;

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
  const auto rejects = [&](const std::string& key, const std::string& value) {
    auto changed = metadata;
    changed[key] = value;
    const std::string other = (folder.path() / "other").string();
    tapegrad::save_safetensors(other, maker.model.state_dict(), changed);
    BOOST_CHECK_THROW(load(other), tapegrad::Error);
  };
  rejects("made_by", "someone");
  rejects("kind", "verse");
  rejects("alphabet", "abc");
  rejects("embed", "24");
  rejects("embed", "16x");
  rejects("layers", "-1");
  rejects("layers", "3");
  rejects("heads", "5");
  rejects("length", "99999999999999999999");
  folder.write("text", "no weights at all");
  BOOST_CHECK_THROW(load((folder.path() / "text").string()), tapegrad::IoError);
  BOOST_CHECK_THROW(load((folder.path() / "missing").string()), tapegrad::IoError);
}

BOOST_AUTO_TEST_SUITE_END()
