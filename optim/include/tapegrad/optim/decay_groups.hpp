// Groups of a model's parameters by whether a weight decay is good for them.
#pragma once

#include <vector>

#include "tapegrad/optim/adam.hpp"
#include "tapegrad/optim/optimizer.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// Two groups, in the order of the list: parameters of two dimensions or more with the options as they are, and those
/// of fewer, which are biases and the gains of norms, with the same options but no weight decay. One of the two may be
/// empty.
///
///   AdamW optimizer(decay_groups(model.parameters(), {.lr = 3e-4, .weight_decay = 0.1}));
///
/// A braced list is AdamW's options; others are named: SGDOptions{.lr = 0.1, .weight_decay = 1e-4}.
///
/// Radford, Narasimhan, Salimans and Sutskever, "Improving language understanding by generative pre-training", 2018,
/// decay "all non bias or gain weights"; to tell them by their dimensions is nanoGPT's way. So the tables of embeddings
/// and learned positions are decayed, and so is the gain of a layer norm over several dimensions: put such groups
/// together by hand where that matters. Parameters are counted through the groups: the state of an optimiser of the
/// whole list does not fit one of these. An undefined tensor comes into the second group, where the optimiser refuses
/// it.
template <class Options = AdamWOptions>
requires requires(Options options) { options.weight_decay = 0.0; }
std::vector<ParameterGroup<Options>> decay_groups(const std::vector<Tensor>& parameters, const Options& options) {
  ParameterGroup<Options> decayed{.parameters = {}, .options = options};
  ParameterGroup<Options> others = decayed;
  others.options.weight_decay = 0.0;
  for (const Tensor& x : parameters) (x.defined() && x.dim() >= 2 ? decayed : others).parameters.push_back(x);
  return {decayed, others};
}

}  // namespace tapegrad::optim
