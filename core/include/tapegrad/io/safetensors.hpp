// Weights in the safetensors format: what save_safetensors writes opens in Python's safetensors as it is, and the other
// way round.
#pragma once

#include <map>
#include <string>

#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad {

/// Writes tensors of any shapes and dtypes, and texts beside them. Atomic: a crash or a full disk leaves the old file
/// whole; a symbolic link stays one, and what it leads to is written. Throws IoError for what cannot be written (a text
/// that is not UTF-8, a tensor named "__metadata__", the file), ValueError for an undefined tensor.
void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// All tensors of a file, in the order of their bytes, each read into storage of its own, once the header has been
/// found to agree with the file's size. F16 and BF16 become float32, exactly. Throws IoError "[load_safetensors] path:
/// reason" for a file that cannot be read or is malformed, and for dtypes other than those, F32, F64, I64 and BOOL.
NamedTensors load_safetensors(const std::string& path);

/// The texts beside the tensors. Throws IoError "[load_safetensors_metadata] path: reason" as load_safetensors does.
std::map<std::string, std::string> load_safetensors_metadata(const std::string& path);

}  // namespace tapegrad
