#include "tapegrad/tape/generator_state.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {
namespace {

constexpr std::string_view kStream = "stream";

}  // namespace

NamedTensors state_dict(const Generator& generator) {
  const RandomStream at = generator.state();
  return {{std::string(kStream),
           from_vector<std::int64_t>({static_cast<std::int64_t>(at.key), static_cast<std::int64_t>(at.offset)})}};
}

void load_state_dict(Generator& generator, const NamedTensors& state) {
  const Tensor* stream = state.find(kStream);
  const char* const expected = "[load_state_dict] a generator's state is 'stream' alone, int64 [2]";
  if (stream == nullptr || state.size() != 1 || !stream->defined()) throw ValueError(expected);
  if (stream->shape() != Shape{2}) throw ShapeError(expected);
  if (stream->dtype() != int64) throw DTypeError(expected);
  const std::vector<std::int64_t> at = stream->to_vector<std::int64_t>();
  generator.set_state({.key = static_cast<std::uint64_t>(at[0]), .offset = static_cast<std::uint64_t>(at[1])});
}

}  // namespace tapegrad
