// Writing a safetensors file, for whoever its writer is.
#pragma once

#include <map>
#include <string>

#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad::io {

/// Writes and throws as save_safetensors does, but "[writer] path: reason": `writer` is the function that was called.
void write_safetensors(const char* writer, const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace tapegrad::io
