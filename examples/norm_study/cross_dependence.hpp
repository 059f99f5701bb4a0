// How much a word's logits depend on the other words of its batch, by the engine's own Jacobian.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "norm_study/laboratory.hpp"

namespace norm_study {

/// J_ij being d logits_i / d embedding_j: of the norms of J_ij, those of the other words over the whole, and the same
/// of their squares. Means over words.
struct Dependence {
  double norms = 0, squares = 0;
};

/// Words in the batches that Jacobians are taken across.
inline constexpr std::array<std::size_t, 5> kBatchSizes{2, 4, 8, 16, 64};
/// Words that means are taken over, each with companions of its own; the latter where 0 is expected.
inline constexpr std::size_t kJacobianWords = 20, kFewJacobianWords = 4;

/// ρ of every network, and one layer against its closed form.
struct Dependences {
  std::array<Dependence, kBatchSizes.size()> batch{}, layer{};  // trained, in training mode, at each size
  double none = 0, rms = 0;                                     // untrained
  double batch_in_evaluation = 0;
  double closed_form = 0;  // largest difference
  HeatMap map;             // of BatchNorm
};

Dependences measure_dependences(const Laboratory& laboratory, const WordClassifier& batch, const WordClassifier& layer);

/// By the size of the batch.
LineChart dependence_chart(const Dependences& found);
Table dependence_table(const Dependences& found);

/// What holds by construction.
std::vector<ExactCheck> dependence_checks(const Dependences& found);

/// A copy in training mode that leaves no trace in the running statistics.
WordClassifier in_training_mode(const WordClassifier& model);

}  // namespace norm_study
