// The claims, each with its experiment. What an experiment does and shows is told at its definition.
#pragma once

#include <span>
#include <string_view>

#include "norm_study/laboratory.hpp"
#include "norm_study/report.hpp"

namespace norm_study {

struct Experiment {
  std::string_view id;
  enum class Run { quick, usual, full, on_request } smallest_run;  // the smallest run that it is part of
  std::string_view announcement;                                   // printed before it starts
  Claim (*measure)(Laboratory&);
};

/// In the order in which a run tells them; a report sorts the claims by number.
std::span<const Experiment> experiments();

Claim measure_axes(Laboratory& laboratory);           // 1
Claim measure_modes(Laboratory& laboratory);          // 2
Claim measure_ghost_batches(Laboratory& laboratory);  // 3a
Claim measure_padding(Laboratory& laboratory);        // 3b
Claim measure_bucketing(Laboratory& laboratory);      // 3d
Claim measure_company(Laboratory& laboratory);        // 4
Claim measure_heads(Laboratory& laboratory);          // 5
Claim measure_gradients(Laboratory& laboratory);      // 6a
Claim measure_invariance(Laboratory& laboratory);     // 7
Claim measure_accuracy(Laboratory& laboratory);       // 0

Claim measure_true_batches(Laboratory& laboratory);     // 3e
Claim measure_padded_training(Laboratory& laboratory);  // 3c
Claim measure_convergence(Laboratory& laboratory);      // 6b
Claim measure_learning_rates(Laboratory& laboratory);   // 6c
Claim measure_other_norms(Laboratory& laboratory);      // 8
Claim measure_long_training(Laboratory& laboratory);    // 9

/// A claim with its number, title and command.
Claim make_claim(const Laboratory& laboratory, std::string_view id, std::string_view title);

}  // namespace norm_study
