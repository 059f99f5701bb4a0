// Runs one check, times it, and turns what it throws into a failure.
#pragma once

#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "suite/result.hpp"

namespace tapegrad::suite {

/// `body(result)` fills the result in.
template <class Body>
CheckResult measured(std::string_view check, std::string sample, Body&& body) {
  CheckResult result{.check = check, .sample = std::move(sample), .message = {}, .report = {}};
  const auto start = std::chrono::steady_clock::now();
  try {
    body(result);
  } catch (const std::exception& e) {
    result.threw = true;
    result.message = std::string("threw ") + e.what();
  } catch (...) {
    result.threw = true;
    result.message = "threw what is no std::exception";
  }
  if (result.threw) result.outcome = Outcome::failed;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

inline void fail(CheckResult& result, std::string message) {
  result.outcome = Outcome::failed;
  result.message = std::move(message);
}
inline void skip(CheckResult& result, std::string reason) {
  result.outcome = Outcome::skipped;
  result.message = std::move(reason);
}

}  // namespace tapegrad::suite
