#include "console/output_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"

using console::expect_output_file;
using tapegrad::IoError;
using tapegrad::test::says;

BOOST_AUTO_TEST_SUITE(output_file)

BOOST_AUTO_TEST_CASE(what_can_be_written_or_replaced_is_accepted) {
  const TemporaryFolder folder;
  folder.write("old", "x");
  expect_output_file("save", "");
  expect_output_file("save", "a file in the folder where the test runs");
  expect_output_file("save", folder / "new");
  expect_output_file("save", folder / "old");
  BOOST_TEST(folder.read("old") == "x");
  BOOST_TEST(folder.file_count() == 1);
}

BOOST_AUTO_TEST_CASE(what_could_not_be_written_is_told) {
  const TemporaryFolder folder;
  folder.write("old", "x");
  const auto refuses = [](const std::string& file, const std::string& message) {
    BOOST_CHECK_EXCEPTION(expect_output_file("save", file), IoError, says(message));
  };
  refuses(folder / "none/new", "[save] there is no folder " + folder / "none" + " for " + folder / "none/new");
  refuses(folder / "old/new", "[save] there is no folder " + folder / "old");
  refuses(folder.path().string(), "[save] " + folder.path().string() + " is a folder");
  refuses("/dev/null", "[save] /dev/null is a device or pipe, and no file");
  const std::string long_name(300, 'n');
  refuses(folder / long_name, "[save] cannot write to " + folder / long_name);
  refuses(folder / long_name + "/new", "[save] cannot write to " + folder / long_name);
  std::filesystem::create_symlink("round", folder / "round");
  refuses(folder / "round", "[save] cannot write to " + folder / "round");
  if (geteuid() == 0) return;  // who may write anywhere
  std::filesystem::permissions(folder / "old", std::filesystem::perms::owner_read);
  refuses(folder / "old", "[save] cannot write to " + folder / "old");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::remove);
  refuses(folder / "new", "[save] cannot write to " + folder.path().string());
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
}

BOOST_AUTO_TEST_SUITE_END()
