// Reading a file from its start, whatever its format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tapegrad::io {

/// A file that is read from its start. Read rather than mapped: one that shrinks meanwhile is an error then, and no
/// crash. What cannot be opened or read, and a device, throws IoError "[reader] path: reason".
class FileReader {
 public:
  /// `reader` is a literal.
  FileReader(const char* reader, const std::string& path);

  std::uint64_t size() const { return size_; }
  /// Fills `bytes`, or as much of them as there is; returns the count.
  std::size_t read(std::span<std::byte> bytes);
  /// Throws IoError when there is less, as in a file that has become shorter.
  void read_all(std::span<std::byte> bytes);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  [[noreturn]] void throw_unreadable(int reason) const;
  /// A pipe tells its size when it has ended.
  void take_in();

  const char* reader_;
  std::string path_;
  std::vector<std::byte> content_;  // of what has no size
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t size_ = 0;
};

}  // namespace tapegrad::io
