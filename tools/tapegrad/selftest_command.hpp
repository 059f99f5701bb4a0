// tapegrad check --selftest: plants mistakes, and looks for false alarms.
#pragma once

#include "tapegrad/check_command.hpp"
#include "tapegrad/selftest.hpp"

namespace tapegrad::program {

struct SelftestRequest {
  CheckRequest check;  ///< which ops, how many threads, the first seed
  int seeds = 20;      ///< how many seeds the right ops are checked on
};

/// Exit code: 0 when every mistake that is another function is found, no right op is suspected and none throws, else 1.
/// What throws is told as an error, and where it does by its own rule not asked on other seeds; the others are gone
/// through all the same. UsageError where none of what is meant has samples.
int selftest_command(const suite::Contents& contents, const SelftestRequest& request);

/// Of what was found, and of whether no right op was suspected on the other seeds.
int selftest_status(const DetectionResult& detection, bool calm);

}  // namespace tapegrad::program
