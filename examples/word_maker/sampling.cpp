#include "word_maker/sampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/sample.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace word_maker {

namespace tg = tapegrad;

std::vector<double> distribution(std::span<const float> logits, const SamplingOptions& options) {
  if (!(options.temperature >= 0.0) || !std::isfinite(options.temperature) || options.top_k < 0)
    throw tg::ValueError(fmt::format("[sampling] expected a temperature and a top_k of at least 0, got {} and {}",
                                     options.temperature, options.top_k));
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (order.empty() || !std::isfinite(logits[order.front()]))
    throw tg::ValueError("[sampling] expected a finite largest logit");
  const bool greedy = options.temperature == 0.0;
  const std::size_t limit = greedy ? 1 : static_cast<std::size_t>(options.top_k);
  if (limit > 0 && limit < order.size()) order.resize(limit);
  std::vector<double> probabilities(logits.size(), 0.0);
  const double largest = logits[order.front()];
  double sum = 0;
  for (const std::size_t token : order) {
    const double weight = greedy ? 1.0 : std::exp((logits[token] - largest) / options.temperature);
    probabilities[token] = weight;
    sum += weight;
  }
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

namespace {

/// Boundary and tokens, of which the last `length` at most: int64 [N, L].
tg::Tensor inputs_of(const std::vector<Sequence>& sequences, std::size_t length) {
  const std::size_t shown = std::min(sequences.front().size(), length - 1);
  std::vector<std::int64_t> tokens;
  for (const Sequence& sequence : sequences) {
    tokens.push_back(kBoundary);
    tokens.insert(tokens.end(), sequence.end() - static_cast<std::ptrdiff_t>(shown), sequence.end());
  }
  return tg::from_vector(tokens, {static_cast<std::int64_t>(sequences.size()), static_cast<std::int64_t>(shown + 1)});
}

/// The logits [N, .., V] of what follows sequences that grow. While they fit into the network, only what is new is
/// computed; then the network sees a window that moves on.
class Reader {
 public:
  explicit Reader(CharacterModel& model) : model_(model), length_(static_cast<std::size_t>(model.sizes().length)) {}

  tg::Tensor operator()(const std::vector<Sequence>& sequences) {
    const tg::Tensor tokens = inputs_of(sequences, length_);
    if (sequences.front().size() >= length_) return model_(tokens);
    const std::int64_t first = std::exchange(read_, tokens.size(1));
    return model_.extend(tg::slice(tokens, 1, {.start = first}), first, seen_);
  }

 private:
  CharacterModel& model_;
  std::size_t length_;
  std::int64_t read_ = 0;
  std::vector<tg::nn::AttentionCache> seen_;
};

}  // namespace

std::vector<Sequence> make_up(CharacterModel& model, Kind kind, const MakeUpOptions& options,
                              tg::Generator& generator) {
  const auto length = static_cast<std::size_t>(model.sizes().length);
  if (kind == Kind::words && options.prefix.size() >= length)
    throw tg::ValueError(
        fmt::format("[make_up] expected less than {} letters to begin with, got {}", length, options.prefix.size()));
  const std::size_t longest =
      kind == Kind::words ? length : static_cast<std::size_t>(std::max<std::int64_t>(options.characters, 0));
  const tg::NoRecord unrecorded;
  const bool was_training = model.is_training();
  model.eval();
  std::vector<Sequence> made(static_cast<std::size_t>(std::max<std::int64_t>(options.count, 0)), options.prefix);
  std::vector<bool> ended(made.size(), false);
  Reader read(model);
  while (!made.empty() && made.front().size() < longest && std::count(ended.begin(), ended.end(), false) > 0) {
    const tg::Tensor logits = read(made);
    const auto values = logits.data<float>();
    const auto rows = static_cast<std::size_t>(logits.size(1)), width = static_cast<std::size_t>(logits.size(2));
    std::vector<double> probabilities;
    for (std::size_t n = 0; n < made.size(); ++n) {
      const auto row = values.subspan(((n + 1) * rows - 1) * width, width);
      std::vector<float> next(row.begin(), row.end());
      if (kind == Kind::text) next[kBoundary] = -std::numeric_limits<float>::infinity();
      const std::vector<double> p = distribution(next, options.sampling);
      probabilities.insert(probabilities.end(), p.begin(), p.end());
    }
    // For ended words too: where one ends changes no other.
    const tg::Tensor drawn =
        tg::multinomial(tg::from_vector(probabilities, {static_cast<std::int64_t>(made.size()), logits.size(2)}), 1,
                        generator, {.replacement = true});
    for (std::size_t n = 0; n < made.size(); ++n) {
      made[n].push_back(ended[n] ? kBoundary : static_cast<Token>(drawn.data<std::int64_t>()[n]));
      if (made[n].back() == kBoundary) ended[n] = true;
    }
  }
  model.train(was_training);
  return made;
}

std::vector<float> logits_along(CharacterModel& model, const Sequence& sequence) {
  if (static_cast<std::int64_t>(sequence.size()) >= model.sizes().length)
    throw tg::ValueError(
        fmt::format("[logits] expected less than {} characters, got {}", model.sizes().length, sequence.size()));
  const tg::NoRecord unrecorded;
  const bool was_training = model.is_training();
  model.eval();
  std::vector<float> logits =
      model(inputs_of({sequence}, static_cast<std::size_t>(model.sizes().length))).to_vector<float>();
  model.train(was_training);
  return logits;
}

}  // namespace word_maker
