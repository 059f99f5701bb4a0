#include "console/training_progress.hpp"

#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <limits>
#include <thread>
#include <vector>

#include "console/bar.hpp"
#include "console/columns.hpp"
#include "console/terminal.hpp"

using namespace console;

namespace {

std::string content(std::FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text.push_back(static_cast<char>(c));
  return text;
}

const TrainingState kHalfway{.label = "training",
                             .step = 250,
                             .total_steps = 500,
                             .sequences = 16000,
                             .seconds = 10,
                             .loss = 1.2345,
                             .accuracy = 0.5};

/// The two ends of a terminal of 50 columns that nobody looks at.
struct PseudoTerminal {
  int reader = -1;
  std::FILE* writer = nullptr;

  PseudoTerminal() {
    winsize size{};
    size.ws_col = 50;
    size.ws_row = 10;
    int slave = -1;
    if (openpty(&reader, &slave, nullptr, nullptr, &size) == 0) writer = fdopen(slave, "w");
  }
  ~PseudoTerminal() {
    if (writer != nullptr) std::fclose(writer);
    if (reader >= 0) close(reader);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  std::string read_all() const {
    std::string text(4096, '\0');
    const auto bytes = read(reader, text.data(), text.size());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
    return text;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(training_progress)

BOOST_AUTO_TEST_CASE(line_shows_everything_where_there_is_room) {
  const std::string line = training_line(kHalfway, {.width = 120});
  for (const char* part : {"training ", " 50 %", "loss 1.234", "accuracy 50.0 %", "0:10 left", "1600 sequences/s"}) {
    BOOST_TEST(line.find(part) != std::string::npos, part << " in " << line);
  }
}

BOOST_AUTO_TEST_CASE(line_fits_any_width) {
  for (std::size_t width = 1; width < 150; ++width) {
    BOOST_TEST(display_width(training_line(kHalfway, {.width = width})) <= width, "width " << width);
  }
  BOOST_TEST(training_line(kHalfway, {.width = 80}).find('\x1b') == std::string::npos);
  BOOST_TEST(training_line(kHalfway, {.coloured = true, .width = 80}).find("\x1b[0m") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bars_are_drawn_in_eighths) {
  BOOST_TEST(bar(0.0, 4, ".") == "....");
  BOOST_TEST(bar(0.4, 4, ".") == "█▌..");
  BOOST_TEST(bar(1.0, 4, ".") == "████");
  BOOST_TEST(bar(0.999, 1, " ") == "▉");
  BOOST_TEST(bar(-1.0, 2, ".") == "..");
  BOOST_TEST(bar(7.0, 2, ".") == "██");
  BOOST_TEST(bar(std::numeric_limits<double>::quiet_NaN(), 2, ".") == "..");
}

BOOST_AUTO_TEST_CASE(clocks) {
  BOOST_TEST(clock_text(0) == "0:00");
  BOOST_TEST(clock_text(64.6) == "1:05");
  BOOST_TEST(clock_text(7384) == "2:03:04");
}

BOOST_AUTO_TEST_CASE(plain_lines_where_there_is_no_terminal) {
  std::FILE* file = std::tmpfile();
  BOOST_REQUIRE(file != nullptr);
  {
    TrainingProgress shown("training", 100, file);
    std::vector<std::thread> seeds;
    for (int s = 0; s < 2; ++s) {
      seeds.emplace_back([&] {
        for (int step = 0; step < 50; ++step) shown.advance(1, 64, 1.5, 0.25);
      });
    }
    for (auto& seed : seeds) seed.join();
  }
  const std::string text = content(file);
  std::fclose(file);
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 10);
  BOOST_TEST(text.find('\x1b') == std::string::npos);
  BOOST_TEST(text.find('\r') == std::string::npos);
  BOOST_TEST(text.find("training: step 10 of 100, loss 1.500, accuracy 25.0 %") == 0U);
  BOOST_TEST(text.find("step 100 of 100") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(live_line_on_a_terminal_keeps_its_width_and_the_cursor) {
  const PseudoTerminal terminal;
  BOOST_REQUIRE(terminal.writer != nullptr);
  setenv("TERM", "xterm", 1);
  setenv("NO_COLOR", "1", 1);
  BOOST_TEST(terminal_at(terminal.writer).width == 50U);
  BOOST_TEST(!terminal_at(terminal.writer).coloured);
  { TrainingProgress("training", 100, terminal.writer).advance(50, 64, 1.5, 0.25); }
  const std::string text = terminal.read_all();
  unsetenv("NO_COLOR");
  BOOST_TEST(terminal_at(terminal.writer).coloured);
  BOOST_REQUIRE(text.starts_with('\r'));
  BOOST_TEST(text.find("\x1b[?25l") == std::string::npos);  // hides the cursor
  BOOST_TEST(text.find("\x1b[36m") == std::string::npos);
  BOOST_TEST(display_width(text.substr(1, text.find('\x1b') - 1)) <= 49U);
  setenv("TERM", "dumb", 1);
  BOOST_TEST(!terminal_at(terminal.writer).live);
}

BOOST_AUTO_TEST_CASE(without_a_terminal_the_environment_says_how_wide) {
  std::FILE* file = std::tmpfile();
  BOOST_REQUIRE(file != nullptr);
  unsetenv("COLUMNS");
  BOOST_TEST(terminal_at(file).width == 100U);
  setenv("COLUMNS", "44", 1);
  BOOST_TEST(terminal_at(file).width == 44U);
  setenv("COLUMNS", "3", 1);
  BOOST_TEST(terminal_at(file).width == 20U);
  setenv("COLUMNS", "wide", 1);
  BOOST_TEST(terminal_at(file).width == 100U);
  unsetenv("COLUMNS");
  std::fclose(file);
}

BOOST_AUTO_TEST_CASE(colours_only_where_wanted) {
  BOOST_TEST(Terminal{}.painted("x", Paint::bad) == "x");
  BOOST_TEST((Terminal{.coloured = true}.painted("x", Paint::good)) == "\033[32mx\033[0m");
}

BOOST_AUTO_TEST_SUITE_END()
