#include "tapegrad/io/checkpoint_file.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <map>
#include <string_view>

#include "base/counted.hpp"
#include "io/refusal.hpp"
#include "io/safetensors_reader.hpp"
#include "io/safetensors_writer.hpp"
#include "tapegrad/base/error.hpp"
#include "text/unicode.hpp"

namespace tapegrad::checkpoint_file {
namespace {

constexpr const char* kSaveCheckpoint = "save_checkpoint";
constexpr const char* kLoadCheckpoint = "load_checkpoint";
constexpr const char* kFormatKey = "format";
constexpr const char* kPartsKey = "parts";
constexpr std::string_view kCheckpointFormat = "tapegrad.checkpoint";

std::string prefix_of(std::size_t part) { return fmt::format("{}.", part); }

/// Refuses what no checkpoint of so many parts says of itself.
void expect_checkpoint(const io::SafetensorsReader& file, std::size_t parts) {
  const std::map<std::string, std::string>& texts = file.metadata();
  const auto format = texts.find(kFormatKey);
  if (format == texts.end() || format->second != kCheckpointFormat)
    io::refuse(fmt::format("expected a checkpoint of {}, got a file of {} that is none: load_safetensors reads it",
                           counted(parts, "part"), counted(file.tensors().size(), "tensor")));
  const auto count = texts.find(kPartsKey);
  const std::string found = count == texts.end() ? "an unknown number of" : count->second;
  if (found != fmt::format("{}", parts))
    io::refuse(fmt::format("expected {}, got a file of {}: load_safetensors(path).under(\"{}\") reads the first alone",
                           counted(parts, "part"), found, prefix_of(0)));
}

std::vector<NamedTensors> read_states(const std::string& path, std::size_t parts) {
  io::SafetensorsReader file(kLoadCheckpoint, path);
  io::naming(kLoadCheckpoint, path, [&] { expect_checkpoint(file, parts); });
  const NamedTensors all = file.read_tensors();
  std::vector<NamedTensors> states;
  std::size_t found = 0;
  for (std::size_t part = 0; part < parts; ++part) found += states.emplace_back(all.under(prefix_of(part))).size();
  io::naming(kLoadCheckpoint, path, [&] {
    if (found != all.size())
      io::refuse(fmt::format("{} belong{} to none of {}", counted(all.size() - found, "tensor"),
                             all.size() - found == 1 ? "s" : "", counted(parts, "part")));
  });
  return states;
}

}  // namespace

void save(const std::string& path, const std::vector<NamedTensors>& states) {
  NamedTensors all;
  for (std::size_t part = 0; part < states.size(); ++part) all.insert(prefix_of(part), states[part]);
  io::write_safetensors(kSaveCheckpoint, path, all,
                        {{kFormatKey, std::string(kCheckpointFormat)}, {kPartsKey, fmt::format("{}", states.size())}});
}

void load(const std::string& path, const std::vector<PartReference>& parts) {
  const std::vector<NamedTensors> states = read_states(path, parts.size());
  std::vector<NamedTensors> before;
  for (const PartReference& part : parts) before.push_back(part.state().clone());
  std::size_t loaded = 0;
  const auto load_next = [&] {
    try {
      parts[loaded].load(states[loaded]);
    } catch (const TapeError&) {  // no fault of the file
      throw;
    } catch (const Error& error) {
      throw IoError(fmt::format("[{}] {}: part {} of {} ('{}') does not fit: {}", kLoadCheckpoint, path, loaded + 1,
                                parts.size(), prefix_of(loaded), on_one_line(error.what())));
    }
  };
  try {
    for (; loaded < parts.size(); ++loaded) load_next();
  } catch (...) {
    // The one that refused too: it may be made of several, of which some were loaded.
    for (std::size_t part = loaded + 1; part-- > 0;) {
      try {
        parts[part].load(before[part]);
      } catch (...) {  // it keeps what came from the file: there is nothing better to give it
      }
    }
    throw;
  }
}

}  // namespace tapegrad::checkpoint_file
