#include "norm_study/setup_table.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace norm_study {
namespace {

std::int64_t parameters_with(ModelOptions options, Norm norm) {
  options.norm.norm = norm;
  std::int64_t count = 0;
  for (const auto& parameter : WordClassifier(options, 1).parameters()) count += parameter.numel();
  return count;
}

}  // namespace

Table setup_table(const TrainOptions& training) {
  const ModelOptions& model = training.model;
  const auto adam = optimizer_of(training);
  const auto schedule = schedule_of(training);
  const std::int64_t with_layer = parameters_with(model, Norm::layer), without = parameters_with(model, Norm::none);
  return {
      {"setting", "value"},
      {{"input", "the sum of learnt vectors of a letter, its two neighbours and its position"},
       {"blocks", fmt::format("{} of {}, attention with {} heads, feed-forward part of width {} with ReLU",
                              model.layers, model.norm_first ? "pre-norm" : "post-norm", model.heads, model.ffn_width)},
       {"width", fmt::format("{}", model.width)},
       {"output", fmt::format("the mean over a word's letters, then a linear map to {} languages; no normalisation "
                              "before it",
                              model.languages)},
       {"trained numbers", fmt::format("{} with LayerNorm or BatchNorm, {} without normalisation, which has no γ "
                                       "and β",
                                       with_layer, without)},
       {"normalisation", fmt::format("ε {}; BatchNorm over the letters of the batch, its running statistics move by "
                                     "{} of the difference",
                                     kNormEpsilon, kNormMomentum)},
       {"dropout", fmt::format("{}", model.dropout)},
       {"optimiser", fmt::format("AdamW, β {} and {}, ε {}, weight decay {}; gradients are not clipped", adam.betas[0],
                                 adam.betas[1], adam.eps, adam.weight_decay)},
       {"learning rate", fmt::format("{}: a line up to it in {} steps, then half a cosine down to {}", adam.lr,
                                     schedule.warmup_steps, schedule.min_lr)},
       {"steps", fmt::format("{} of {} words each", schedule.total_steps, training.batch)}}};
}

}  // namespace norm_study
