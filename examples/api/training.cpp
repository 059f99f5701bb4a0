// A model of one's own on padded batches: which of three letters is the most frequent one in a word of varying length?
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <algorithm>
#include <vector>
namespace tg = tapegrad;

struct Classifier : tg::nn::Module {
  tg::nn::Embedding embed{4, 16};
  tg::nn::SinusoidalPosition position{16};
  tg::nn::TransformerEncoder encoder{{.num_layers = 1,
                                      .embed_dim = 16,
                                      .num_heads = 2,
                                      .ffn_dim = 32,
                                      .norm = tg::nn::Norm::layer,
                                      .norm_first = true,
                                      .dropout = 0.0}};
  tg::nn::Linear head{16, 3};
  TAPEGRAD_MODULE(embed, position, encoder, head)  // names the children: "encoder.layers.0.self_attn.in_proj_weight"

  // Pass models by reference: copying one makes an independent deep copy, so a function that takes it by value trains
  // the copy.
  tg::Tensor operator()(const tg::Tensor& tokens, const tg::Mask& keep) {
    tg::Tensor h = encoder(position(embed(tokens)), keep);  // [N, L, E]
    return head(tg::nn::masked_mean(h, keep));              // [N, 3]
  }
};

struct Batch {
  tg::Tensor tokens;                  // [N, L] int64, 0 is padding
  std::vector<std::int64_t> lengths;  // N
  tg::Tensor labels;                  // [N] int64
};

Batch make_batch(tg::Generator& generator) {
  constexpr std::int64_t kCount = 64;
  constexpr std::int64_t kLongest = 9;
  std::vector<std::int64_t> tokens(kCount * kLongest, 0);
  std::vector<std::int64_t> labels;
  Batch batch;
  for (std::int64_t n = 0; n < kCount; ++n) {
    const std::int64_t length = 3 + generator.below(kLongest - 2);
    std::vector<std::int64_t> counts(3, 0);
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t letter = generator.below(3);
      ++counts[static_cast<std::size_t>(letter)];
      tokens[static_cast<std::size_t>(n * kLongest + i)] = 1 + letter;
    }
    batch.lengths.push_back(length);
    labels.push_back(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  batch.tokens = tg::from_vector(tokens, {kCount, kLongest});
  batch.labels = tg::from_vector(labels);
  return batch;
}

int main() {
  tg::manual_seed(1);
  Classifier model;
  tg::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2, .weight_decay = 0.01});
  tg::optim::WarmupCosine schedule(optimizer, {.warmup_steps = 20, .total_steps = 200});
  tg::Generator data(2);
  for (int step = 0; step < 200; ++step) {
    const Batch batch = make_batch(data);
    tg::Tape tape;
    auto keep = tg::Mask::from_lengths(batch.lengths, batch.tokens.size(1));
    tg::Tensor loss = tg::cross_entropy(model(batch.tokens, keep), batch.labels);
    tape.backward(loss);
    tg::optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    if (step % 50 == 0) fmt::print("step {:3}  loss {:.3f}\n", step, loss.item());
  }

  model.eval();
  const Batch test = make_batch(data);
  const tg::Tensor logits = model(test.tokens, tg::Mask::from_lengths(test.lengths, test.tokens.size(1)));
  const double accuracy = tg::mean((tg::argmax(logits, -1) == test.labels).to(tg::float32)).item();
  fmt::print("accuracy on new words {:.2f}\n", accuracy);
  return accuracy > 0.9 ? 0 : 1;
}
