// The network of the study: a small transformer over the letters of a word, with the normalisation to be compared.
//
// It has its own encoder block, because the study varies what library layers rightly hide: over which words BatchNorm
// takes its statistics, whether padding counts, what the backward pass sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "norm_study/batches.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/mask.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {

enum class Norm {
  layer,
  batch,           // over the batch's letters
  batch_unmasked,  // over all positions, padding included
  none,
  rms,
  tanh,            // DyT: gamma tanh(alpha x) + beta (Zhu et al. 2025)
  layer_detached,  // LayerNorm whose mean and variance are constants to the backward pass (Xu et al. 2019)
};

/// "LayerNorm", "BatchNorm", ...
std::string norm_name(Norm norm);

struct NormOptions {
  Norm norm = Norm::layer;
  std::int64_t ghost = 0;  // how many words share BatchNorm's statistics (Hoffer et al. 2017); 0: the whole batch
};

inline constexpr double kNormEpsilon = 1e-5, kNormMomentum = 0.1;  // of every normalisation that has one

/// One normalisation of x [N, L, E]. As in PyTorch, BatchNorm's running statistics move by 0.1 of the difference at
/// each batch, with the unbiased variance; with ghost batches, by the average over these.
class Normalizer : public tapegrad::nn::Module {
 public:
  Normalizer(std::int64_t features, NormOptions options);

  tapegrad::Tensor operator()(const tapegrad::Tensor& x, const tapegrad::Mask& mask);

  bool is_batch_norm() const { return options.norm == Norm::batch || options.norm == Norm::batch_unmasked; }

  NormOptions options;
  bool tracking = true;  // whether training mode moves the running statistics
  // Of the last batch in training mode, biased variance, averaged over ghost batches; [E].
  tapegrad::Tensor batch_mean, batch_variance;

  tapegrad::nn::Parameter weight, bias;
  tapegrad::nn::Parameter alpha;  // DyT's
  tapegrad::nn::Buffer running_mean, running_var;
  TAPEGRAD_MODULE(weight, bias, alpha, running_mean, running_var)

 private:
  tapegrad::Tensor batch_norm(const tapegrad::Tensor& x, const tapegrad::Mask& mask);
};

class SelfAttention : public tapegrad::nn::Module {
 public:
  SelfAttention(std::int64_t width, std::int64_t heads);

  /// The heads' results side by side, [N, L, E]: what the output projection mixes.
  tapegrad::Tensor concatenated_heads(const tapegrad::Tensor& x, const tapegrad::Mask& mask) const;
  tapegrad::Tensor operator()(const tapegrad::Tensor& x, const tapegrad::Mask& mask) const {
    return out_proj(concatenated_heads(x, mask));
  }

  std::int64_t heads;
  tapegrad::nn::Linear in_proj, out_proj;
  TAPEGRAD_MODULE(in_proj, out_proj)
};

struct ModelOptions {
  std::int64_t letters = 0;  // size of the alphabet
  NormOptions norm = {};
  bool norm_first = true;
  std::int64_t layers = 2, width = 64, heads = 4, ffn_width = 128;
  double dropout = 0.0;  // of the embedding and of each block's two branches, in training
  std::int64_t languages = static_cast<std::int64_t>(word_lists::kLanguages.size());
  std::int64_t most_positions = 80;  // the longest word, padded threefold
};

/// x + f(norm(x)) with norm_first (pre-norm), norm(x + f(x)) without (post-norm); f is attention, then the feed-forward
/// part.
class EncoderBlock : public tapegrad::nn::Module {
 public:
  explicit EncoderBlock(const ModelOptions& options);

  tapegrad::Tensor operator()(const tapegrad::Tensor& x, const tapegrad::Mask& mask);

  bool norm_first;
  SelfAttention self_attn;
  tapegrad::nn::Linear linear1, linear2;
  Normalizer norm1, norm2;
  tapegrad::nn::Dropout dropout;
  TAPEGRAD_MODULE(self_attn, linear1, linear2, norm1, norm2, dropout)

 private:
  tapegrad::Tensor feed_forward(const tapegrad::Tensor& x) const;
};

class WordClassifier : public tapegrad::nn::Module {
 public:
  /// Weights are drawn from this thread's generator, which is restarted from the seed: networks of one seed that differ
  /// in their normalisation alone start from the same weights.
  WordClassifier(const ModelOptions& options, std::uint64_t seed);

  /// Letter + the letter before + the letter behind + position: [N, L, E].
  tapegrad::Tensor embed(const Batch& batch) const;
  /// Logits [N, languages] of embedded words [N, L, E]: blocks, the mean over the word's letters, a linear map.
  tapegrad::Tensor classify(const tapegrad::Tensor& embedded, const tapegrad::Mask& mask);
  tapegrad::Tensor operator()(const Batch& batch) { return classify(embed(batch), batch.mask); }

  std::vector<Normalizer*> normalizers();
  /// Whether training mode moves the running statistics of BatchNorm: off to look at batch statistics without a trace.
  void set_tracking(bool tracking);
  /// Whether BatchNorm takes its statistics over the padding too, with the same weights.
  void set_masked(bool masked);

  tapegrad::nn::Parameter letter, letter_before, letter_behind, position;
  tapegrad::nn::Dropout dropout;
  std::vector<EncoderBlock> layers;
  tapegrad::nn::Linear head;
  TAPEGRAD_MODULE(letter, letter_before, letter_behind, position, dropout, layers, head)
};

}  // namespace norm_study
