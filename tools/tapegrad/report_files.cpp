#include <cstddef>
#include <span>

#include "io/atomic_file.hpp"
#include "tapegrad/reports.hpp"

namespace tapegrad::program {

bool is_output(std::string_view file) { return file == "-"; }

void write_file(std::string_view writer, const std::string& file, std::string_view text) {
  const std::span<const char> characters(text.data(), text.size());
  const std::span<const std::byte> bytes = std::as_bytes(characters);
  io::write_file_atomically(writer, file, std::span(&bytes, 1));
}

}  // namespace tapegrad::program
