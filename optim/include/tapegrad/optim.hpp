// Optimisers, groups of parameters, learning-rate schedules, gradient clipping and averages of parameters.
#pragma once

#include "tapegrad/optim/adagrad.hpp"
#include "tapegrad/optim/adam.hpp"
#include "tapegrad/optim/clip.hpp"
#include "tapegrad/optim/decay_groups.hpp"
#include "tapegrad/optim/lbfgs.hpp"
#include "tapegrad/optim/moving_average.hpp"
#include "tapegrad/optim/optimizer.hpp"
#include "tapegrad/optim/rmsprop.hpp"
#include "tapegrad/optim/schedule.hpp"
#include "tapegrad/optim/sgd.hpp"
