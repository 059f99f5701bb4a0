// A safetensors file, its header first and its tensors for whoever still wants them then.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/file_reader.hpp"
#include "io/safetensors_format.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad::io {

/// An open file whose header agrees with its size. Throws IoError as load_safetensors does, but "[reader] path:
/// reason".
class SafetensorsReader {
 public:
  SafetensorsReader(const char* reader, const std::string& path);

  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  const std::vector<StoredTensor>& tensors() const { return header_.tensors; }
  /// All tensors, in the order of their bytes. REQUIRES: called once.
  NamedTensors read_tensors();

 private:
  const char* reader_;
  std::string path_;
  FileReader file_;
  SafetensorsHeader header_;
};

}  // namespace tapegrad::io
