#include "tapegrad/base/scope.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "tapegrad/base/error.hpp"

using namespace tapegrad;

BOOST_AUTO_TEST_SUITE(scope)

namespace {

template <class E = ValueError>
std::string told(const std::string& message) {
  return E(message).what();
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_error_says_in_which_scope_it_arose) {
  BOOST_TEST(told("[f] no") == "[f] no");
  {
    const Scope model("encoder");
    BOOST_TEST(told("[f] no") == "[f] no (in encoder)");
    {
      const Scope layer("encoder.layers.0");
      const Scope nameless("");
      BOOST_TEST(told<ShapeError>("[f] no") == "[f] no (in encoder.layers.0)");
      const Scope block("block");
      BOOST_TEST(told<TapeError>("[f] no") == "[f] no (in encoder.layers.0/block)");
    }
    BOOST_TEST(told<IoError>("[f] no") == "[f] no (in encoder)");
  }
  BOOST_TEST(told("[f] no") == "[f] no");
}

BOOST_AUTO_TEST_CASE(an_error_that_repeats_another_says_it_once) {
  const Scope scope("head");
  const ShapeError first("[f] no");
  BOOST_TEST(told(std::string("[g] ") + first.what()) == "[g] [f] no (in head)");
  BOOST_TEST(told(std::string(first.what()) + ", says g") == "[f] no (in head), says g");
  const std::string from_within = [] {
    const Scope part("head.part");
    return std::string(ShapeError("[f] no").what());
  }();
  BOOST_TEST(told("[g] " + from_within) == "[g] [f] no (in head.part)");
  const Scope inner("part");  // elsewhere: both places matter
  BOOST_TEST(told(std::string("[g] ") + first.what()) == "[g] [f] no (in head) (in head/part)");
}

BOOST_AUTO_TEST_CASE(a_place_is_told_on_one_line) {
  const Scope scope("a\nb\x1b[2J");
  BOOST_TEST(told("[f] no") == "[f] no (in a\\nb\\x1b[2J)");
}

BOOST_AUTO_TEST_CASE(scopes_belong_to_their_thread) {
  const Scope scope("here");
  std::string there = "not asked";
  std::thread([&there] { there = scope_path(); }).join();
  BOOST_TEST(there.empty());
  BOOST_TEST(scope_path() == "here");
}

BOOST_AUTO_TEST_SUITE_END()
