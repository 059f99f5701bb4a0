#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "tapegrad/base/error.hpp"

namespace tapegrad::io {
namespace {

/// A reason not to write; write_file_atomically adds who writes.
[[noreturn]] void fail(const std::string& path, const std::string& step, int error) {
  throw IoError(fmt::format("{}: cannot {}: {}", path, step, std::generic_category().message(error)));
}

/// The file that a path stands for: links are followed, so that a link stays one (to a file yet to be made, too).
/// Throws IoError for what is there and must not be replaced.
std::string followed(const std::string& path) {
  if (const std::size_t nul = path.find('\0'); nul != std::string::npos)
    fail(path.substr(0, nul), "write to a name that holds a NUL", EINVAL);
  constexpr int kMostLinks = 40;  // Linux's own limit
  std::error_code error;
  std::filesystem::path target = path;
  for (int links = 0; std::filesystem::is_symlink(target, error); ++links) {
    if (links == kMostLinks) fail(path, "follow its links", ELOOP);
    const std::filesystem::path next = std::filesystem::read_symlink(target, error);
    if (error) fail(path, "follow its links", error.value());
    target = target.parent_path() / next;
  }
  const auto status = std::filesystem::status(target, error);
  if (!std::filesystem::exists(status)) return target.string();
  if (!std::filesystem::is_regular_file(status))
    throw IoError(fmt::format("{}: a directory, device or pipe is there, and no file to replace", path));
  // A rename would not ask: whoever has protected a file means it.
  if (::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) fail(path, "write", errno);
  return target.string();
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool valid() const { return descriptor_ >= 0; }
  /// The result of close(2), which may report a write error that was put off (NFS).
  int close() { return ::close(std::exchange(descriptor_, -1)); }

 private:
  int descriptor_;
};

/// A new file beside `path`, removed again unless it has been renamed to it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path), file_(create()) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  /// Permissions of the file that is there, and where this process may give files away its owner and group.
  void keep_permissions() const {
    struct stat old {};
    if (::stat(path_.c_str(), &old) != 0) return;
    constexpr auto kSame = static_cast<uid_t>(-1);
    const bool same_group =
        ::fchown(file_.get(), old.st_uid, old.st_gid) == 0 || ::fchown(file_.get(), kSame, old.st_gid) == 0;
    // What the group might do, another one may not.
    const mode_t mode = old.st_mode & (same_group ? mode_t{07777} : mode_t{07777} & ~mode_t{S_IRWXG | S_ISGID});
    if (::fchmod(file_.get(), mode) != 0) fail(path_, "keep its permissions", errno);
  }

  void write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "write", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  void flush_and_rename() {
    if (::fsync(file_.get()) != 0) fail(path_, "flush it to the disk", errno);
    if (file_.close() != 0) fail(path_, "close", errno);
    if (std::rename(name_.c_str(), path_.c_str()) != 0) fail(path_, "rename the new file to it", errno);
    name_.clear();
  }

 private:
  /// Tries names until one is free: a crashed process may have left a file under ours.
  int create() {
    static std::atomic<unsigned> counter{0};
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    for (;;) {
      // Not made of the file's own name, to which a file system may not let anything be added.
      const std::string name = (folder / fmt::format(".tapegrad-{}-{}.tmp", ::getpid(), counter.fetch_add(1))).string();
      const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor < 0 && errno == EEXIST) continue;
      if (descriptor < 0) fail(path_, "create a file beside it", errno);
      name_ = name;
      return descriptor;
    }
  }

  std::string path_;
  std::string name_;  // empty once renamed
  Descriptor file_;
};

/// The rename itself lies in the directory, and may be lost with the machine's power until that is flushed. Some file
/// systems cannot flush one (EINVAL): there it is as safe as it gets.
void flush_directory_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const Descriptor directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid() && ::fsync(directory.get()) != 0 && errno != EINVAL)
    fail(path, "flush the directory of the new file, which is in place, to the disk", errno);
}

}  // namespace

void write_file_atomically(std::string_view writer, const std::string& path,
                           std::span<const std::span<const std::byte>> chunks) {
  try {
    const std::string target = followed(path);
    TemporaryFile file(target);
    file.keep_permissions();
    for (const auto chunk : chunks) file.write(chunk);
    file.flush_and_rename();
    flush_directory_of(target);
  } catch (const IoError& error) {
    throw IoError(fmt::format("[{}] {}", writer, error.what()));
  }
}

}  // namespace tapegrad::io
