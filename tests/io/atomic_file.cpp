#include "io/atomic_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <thread>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"

using tapegrad::test::says;

namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

void write_text(const std::string& path, const std::string& text) {
  const std::vector<std::span<const std::byte>> chunks{bytes(text)};
  tapegrad::io::write_file_atomically("write_file", path, chunks);
}

/// No file of this process grows beyond a size while this lives: the errors of a full disk without a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_limit_);
    const rlimit limit{.rlim_cur = size, .rlim_max = old_limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_limit_{};
  void (*old_handler_)(int);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(atomic_file)

BOOST_AUTO_TEST_CASE(chunks_follow_one_another) {
  const TemporaryFolder folder;
  const std::string first = "abc", second, third = "defg";
  const std::vector<std::span<const std::byte>> chunks{bytes(first), bytes(second), bytes(third)};
  tapegrad::io::write_file_atomically("write_file", folder / "file", chunks);
  BOOST_TEST(file_content(folder / "file") == "abcdefg");
  write_text(folder / "file", "new");
  BOOST_TEST(file_content(folder / "file") == "new");
  BOOST_TEST(folder.file_count() == 1);
}

BOOST_AUTO_TEST_CASE(permissions_are_kept) {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  BOOST_TEST_REQUIRE(::chmod((folder / "file").c_str(), 0640) == 0);
  write_text(folder / "file", "new");
  struct stat status {};
  BOOST_TEST_REQUIRE(::stat((folder / "file").c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777) == 0640);
}

BOOST_AUTO_TEST_CASE(a_link_stays_a_link) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "far");
  std::filesystem::create_symlink("far/middle", folder / "link");
  std::filesystem::create_symlink("file", folder / "far/middle");
  for (const std::string text : {"a file that is not there yet", "one that is"}) {
    write_text(folder / "link", text);
    BOOST_TEST(std::filesystem::is_symlink(folder / "link"));
    BOOST_TEST(std::filesystem::is_symlink(folder / "far/middle"));
    BOOST_TEST(file_content(folder / "far/file") == text);
  }
  std::filesystem::create_symlink("round", folder / "round");
  BOOST_CHECK_EXCEPTION(write_text(folder / "round", "x"), tapegrad::IoError, says("Too many levels"));
  BOOST_TEST(std::filesystem::is_symlink(folder / "round"));
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_not_replaced) {
  const TemporaryFolder folder;
  BOOST_TEST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  BOOST_CHECK_EXCEPTION(write_text(folder / "pipe", "x"), tapegrad::IoError, says("no file to replace"));
  BOOST_TEST(std::filesystem::is_fifo(folder / "pipe"));
  BOOST_CHECK_EXCEPTION(write_text("/dev/null", "x"), tapegrad::IoError,
                        says("[write_file] /dev/null: a directory, device"));
  if (::geteuid() != 0) {  // root may write anything
    write_text(folder / "file", "kept");
    BOOST_TEST_REQUIRE(::chmod((folder / "file").c_str(), 0400) == 0);
    BOOST_CHECK_EXCEPTION(write_text(folder / "file", "x"), tapegrad::IoError, says("Permission denied"));
    BOOST_TEST(file_content(folder / "file") == "kept");
  }
}

BOOST_AUTO_TEST_CASE(a_failed_write_leaves_the_old_file_whole) {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  {
    const FileSizeLimit limit(4096);
    BOOST_CHECK_EXCEPTION(write_text(folder / "file", std::string(10'000, 'x')), tapegrad::IoError,
                          says("cannot write: File too large"));
  }
  BOOST_TEST(file_content(folder / "file") == "old");
  BOOST_TEST(folder.file_count() == 1);
}

BOOST_AUTO_TEST_CASE(errors_name_file_and_reason) {
  const TemporaryFolder folder;
  write_text(folder / "file", "old");
  BOOST_CHECK_EXCEPTION(
      write_text(folder / "missing/file", "x"), tapegrad::IoError,
      says("[write_file] " + folder / "missing/file" + ": cannot create a file beside it: No such file or directory"));
  BOOST_CHECK_EXCEPTION(write_text(folder / "file/file", "x"), tapegrad::IoError, says("Not a directory"));
  std::filesystem::create_directory(folder / "directory");
  BOOST_CHECK_EXCEPTION(write_text(folder / "directory", "x"), tapegrad::IoError,
                        says("a directory, device or pipe is there, and no file to replace"));
  BOOST_TEST(folder.file_count() == 2);
  if (::geteuid() != 0) {  // root may write anywhere
    BOOST_TEST_REQUIRE(::chmod((folder / "directory").c_str(), 0500) == 0);
    BOOST_CHECK_EXCEPTION(write_text(folder / "directory/file", "x"), tapegrad::IoError, says("Permission denied"));
  }
}

BOOST_AUTO_TEST_CASE(names_as_long_as_may_be_and_none_that_a_system_call_would_cut) {
  const TemporaryFolder folder;
  const std::string longest(255, 'n');
  write_text(folder / longest, "text");
  BOOST_TEST(file_content(folder / longest) == "text");
  BOOST_CHECK_EXCEPTION(write_text(folder / std::string("a\0b", 3), "text"), tapegrad::IoError, says("NUL"));
  BOOST_TEST(folder.file_count() == 1);
}

BOOST_AUTO_TEST_CASE(writers_of_one_path_do_not_mix) {
  const TemporaryFolder folder;
  const std::string a(100'000, 'a'), b(100'000, 'b');
  const auto write_often = [&](const std::string& text) {
    for (int i = 0; i < 20; ++i) write_text(folder / "file", text);
  };
  std::thread other(write_often, b);
  write_often(a);
  other.join();
  const std::string content = file_content(folder / "file");
  BOOST_TEST((content == a || content == b));
  BOOST_TEST(folder.file_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
