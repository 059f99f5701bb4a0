// tapegrad check --selftest: plants mistakes, and looks for false alarms.
#pragma once

#include "tapegrad/check_command.hpp"
#include "tapegrad/selftest.hpp"

namespace tapegrad::program {

struct SelftestRequest {
  CheckRequest check;  ///< which ops, how many threads, the first seed
  int seeds = 20;      ///< how many seeds the right ops are checked on
};

/// Exit code: 0 when every mistake that is another function is found and no right op is suspected, else 1. UsageError
/// where none of what is meant has samples.
int selftest_command(const suite::Contents& contents, const SelftestRequest& request);

/// Of what was found, and of whether no right op was suspected on the other seeds.
int selftest_status(const DetectionResult& detection, bool calm);

}  // namespace tapegrad::program
