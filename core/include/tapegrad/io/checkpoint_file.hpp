// A whole training run in one file, so that it can be resumed with the same bits as if it had not stopped.
//
//   save_checkpoint("run.ckpt", model, optimizer, schedule, rng);
//   ...                                                             // another process, which has made the same parts:
//   load_checkpoint("run.ckpt", model, optimizer, schedule, rng);
//
// The file is one of safetensors, whose first part alone is load_safetensors("run.ckpt").under("0."): a model's
// state_dict for whoever uses it and trains no more.
//
// Options are not in the file, except for an optimiser's rates. Make the parts with the same ones again: the
// optimiser's betas and weight decay, the schedule's steps, the average's decay. Nothing compares them, for a run may
// go on with others on purpose.
//
// Save default_generator() as a part too where something draws from it, as dropout does. (`checkpoint`, which computes
// a block again in the reverse sweep, has nothing to do with files: diff/checkpoint.hpp.)
#pragma once

#include <concepts>
#include <string>
#include <vector>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/generator_state.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad {

namespace checkpoint_file {

template <class Part>
concept HasState = requires(const Part& kept, Part& part, const NamedTensors& state) {
  { kept.state_dict() } -> std::convertible_to<NamedTensors>;
  part.load_state_dict(state);
};

/// A part of a run, wherever it lives.
struct PartReference {
  Callable<NamedTensors()> state;
  Callable<void(const NamedTensors&)> load;
};

void save(const std::string& path, const std::vector<NamedTensors>& states);
void load(const std::string& path, const std::vector<PartReference>& parts);

template <class Part>
NamedTensors state_of(const Part& part) {
  if constexpr (HasState<Part>)
    return part.state_dict();
  else if constexpr (std::same_as<Part, NamedTensors>)
    return part;
  else
    return state_dict(part);
}

template <class Part>
void load_state_of(Part& part, const NamedTensors& state) {
  if constexpr (HasState<Part>)
    part.load_state_dict(state);
  else if constexpr (std::same_as<Part, NamedTensors>)
    part = state;
  else
    load_state_dict(part, state);
}

}  // namespace checkpoint_file

/// What a checkpoint keeps: a Generator, NamedTensors, or anything that gives its state as state_dict() and takes it
/// back by load_state_dict(), as modules, optimisers, schedules and moving averages do, and a struct of one's own may.
/// What the one gives the other must take: save_checkpoint puts it in the place of an older file without a trial.
/// NamedTensors are for plain values, and get whatever names and tensors the file has, in the place of their own:
///
///   save_checkpoint("run.ckpt", model, NamedTensors{{"epoch", tensor(epoch, {.dtype = int64})}});
///   NamedTensors values;
///   load_checkpoint("run.ckpt", model, values);
///   epoch = values.at("epoch").item<std::int64_t>();
template <class Part>
concept CheckpointPart =
    checkpoint_file::HasState<Part> || std::same_as<Part, Generator> || std::same_as<Part, NamedTensors>;

/// Writes the states of all parts into one file, in the format of save_safetensors: the names of the first begin with
/// "0.", those of the second with "1.", and "__metadata__" holds "format": "tapegrad.checkpoint" and the number of
/// "parts". Atomic: a crash, a full disk or a part that throws leaves the old file whole. Throws as save_safetensors
/// and as state_dict() of the parts.
template <CheckpointPart... Parts>
requires(sizeof...(Parts) > 0) void save_checkpoint(const std::string& path, const Parts&... parts) {
  checkpoint_file::save(path, {checkpoint_file::state_of(parts)...});
}

/// Loads a file that save_checkpoint wrote into the same parts, given in the same order. Each converts what it gets as
/// its load_state_dict() does: a file of a float32 model can be loaded into a float64 one.
///
/// All parts are loaded, or none: the file is read whole before the first part changes, and when a part refuses its
/// state, those before it get their old states back. (Except a part of one's own that would refuse its own old state:
/// it keeps what came from the file.) Parts with states of the same kind, such as two generators, are told apart by
/// their order alone.
///
/// Throws IoError for a file that load_safetensors refuses, for one that is no checkpoint or has another number of
/// parts, and when a part refuses its state (the message has its place and reason); TapeError as the parts do, such as
/// while a tape records.
template <CheckpointPart... Parts>
requires(sizeof...(Parts) > 0) void load_checkpoint(const std::string& path, Parts&... parts) {
  checkpoint_file::load(
      path, {{.state = [&parts] { return checkpoint_file::state_of(parts); },
              .load = [&parts](const NamedTensors& state) { checkpoint_file::load_state_of(parts, state); }}...});
}

}  // namespace tapegrad
