// An encoder and a decoder: a word of three to six letters goes in, its letters in alphabetical order come out. Learnt
// with the true answer before the decoder's eyes, generated letter by letter with caches.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <algorithm>
#include <string>
#include <vector>
namespace tg = tapegrad;

constexpr std::int64_t kLetters = 5;  // tokens 1 ... 5; 0 is padding, the begin of an answer and its end
constexpr std::int64_t kLongest = 6;

struct Sorter : tg::nn::Module {
  tg::nn::Embedding embed{kLetters + 1, 32};
  tg::nn::SinusoidalPosition position{32};
  tg::nn::TransformerEncoder encoder{{.embed_dim = 32, .num_heads = 4, .ffn_dim = 64, .dropout = 0.0}};
  tg::nn::TransformerDecoder decoder{{.embed_dim = 32, .num_heads = 4, .ffn_dim = 64, .dropout = 0.0}};
  tg::nn::Linear head{32, kLetters + 1};
  TAPEGRAD_MODULE(embed, position, encoder, decoder, head)

  /// words [N, S], answers so far [N, L] -> logits [N, L, 6] of the letter that follows each.
  tg::Tensor operator()(const tg::Tensor& words, const tg::Mask& keep, const tg::Tensor& answers) {
    const tg::Tensor memory = encoder(position(embed(words)), keep);
    return head(decoder(position(embed(answers)), memory, tg::Mask::causal(), keep));
  }

  /// The likeliest letters, one after the other: each step computes one position alone.
  tg::Tensor generate(const tg::Tensor& words, const tg::Mask& keep) {
    const tg::NoRecord unrecorded;
    std::vector<tg::nn::DecoderCache> caches = decoder.remember(encoder(position(embed(words)), keep));
    tg::Tensor letter = tg::zeros({words.size(0), 1}, {.dtype = tg::int64});
    std::vector<tg::Tensor> answer;
    for (std::int64_t p = 0; p < kLongest; ++p) {
      letter = tg::argmax(head(decoder.extend(position(embed(letter), p), caches, {}, keep)), -1);
      answer.push_back(letter);
    }
    return tg::cat(answer, 1);  // [N, 6]
  }
};

struct Batch {
  tg::Tensor words;                   // [N, 6] int64, 0 is padding
  std::vector<std::int64_t> lengths;  // N
  tg::Tensor shown;                   // [N, 7]: 0 and the answer
  tg::Tensor expected;                // [N, 7]: the answer and 0
};

Batch make_batch(std::int64_t count, tg::Generator& generator) {
  std::vector<std::int64_t> words, shown, expected;
  Batch batch;
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t length = 3 + generator.below(kLongest - 2);
    std::vector<std::int64_t> word(static_cast<std::size_t>(length));
    for (std::int64_t& letter : word) letter = 1 + generator.below(kLetters);
    const auto append = [](std::vector<std::int64_t>& to, const std::vector<std::int64_t>& letters,
                           std::int64_t up_to) {
      to.insert(to.end(), letters.begin(), letters.end());
      to.resize(to.size() + static_cast<std::size_t>(up_to) - letters.size(), 0);
    };
    append(words, word, kLongest);
    std::sort(word.begin(), word.end());
    shown.push_back(0);
    append(shown, word, kLongest);
    append(expected, word, kLongest + 1);
    batch.lengths.push_back(length);
  }
  batch.words = tg::from_vector(words, {count, kLongest});
  batch.shown = tg::from_vector(shown, {count, kLongest + 1});
  batch.expected = tg::from_vector(expected, {count, kLongest + 1});
  return batch;
}

std::string letters(const tg::Tensor& row) {
  std::string text;
  for (const std::int64_t letter : row.to_vector<std::int64_t>())
    if (letter > 0) text += static_cast<char>('a' + letter - 1);
  return text;
}

int main() {
  tg::manual_seed(1);
  Sorter model;
  tg::optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  tg::optim::WarmupCosine schedule(optimizer, {.warmup_steps = 20, .total_steps = 300});
  tg::Generator data(2);
  for (int step = 0; step < 300; ++step) {
    const Batch batch = make_batch(64, data);
    tg::Tape tape;
    const tg::Tensor logits = model(batch.words, tg::Mask::from_lengths(batch.lengths, kLongest), batch.shown);
    const tg::Tensor loss = tg::cross_entropy(logits, batch.expected);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    if (step % 50 == 0) fmt::print("step {:3}  loss {:.3f}\n", step, loss.item());
  }

  model.eval();
  const Batch test = make_batch(200, data);
  const tg::Tensor answers = model.generate(test.words, tg::Mask::from_lengths(test.lengths, kLongest));
  const tg::Tensor wrong = tg::any(answers != tg::slice(test.expected, 1, {.stop = kLongest}), {1});
  const double right = 1.0 - tg::mean(wrong.to(tg::float32)).item();
  for (std::int64_t n = 0; n < 3; ++n)
    fmt::print("{:>6} -> {}\n", letters(tg::select(test.words, 0, n)), letters(tg::select(answers, 0, n)));
  fmt::print("sorted rightly: {:.3f} of {} new words\n", right, test.words.size(0));
  return right > 0.9 ? 0 : 1;
}
