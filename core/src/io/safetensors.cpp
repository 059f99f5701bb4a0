#include "tapegrad/io/safetensors.hpp"

#include "io/safetensors_reader.hpp"
#include "io/safetensors_writer.hpp"

namespace tapegrad {

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  io::write_safetensors("save_safetensors", path, tensors, metadata);
}

NamedTensors load_safetensors(const std::string& path) {
  return io::SafetensorsReader("load_safetensors", path).read_tensors();
}

std::map<std::string, std::string> load_safetensors_metadata(const std::string& path) {
  return io::SafetensorsReader("load_safetensors_metadata", path).metadata();
}

}  // namespace tapegrad
