// What was trained, for a reader who would repeat it.
#pragma once

#include "norm_study/report.hpp"
#include "norm_study/training.hpp"

namespace norm_study {

/// Network, optimiser and schedule of such a training, a row for each; its numbers from what trains.
Table setup_table(const TrainOptions& training);

}  // namespace norm_study
