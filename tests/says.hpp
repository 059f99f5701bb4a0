// A predicate for BOOST_CHECK_EXCEPTION: the message contains a text.
#pragma once

#include <boost/test/unit_test.hpp>
#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace tapegrad::test {

inline std::function<bool(const std::exception&)> says(std::string text) {
  return [text = std::move(text)](const std::exception& e) {
    const bool found = std::string(e.what()).find(text) != std::string::npos;
    if (!found) BOOST_TEST_MESSAGE("expected '" << text << "' in '" << e.what() << "'");
    return found;
  };
}

}  // namespace tapegrad::test
