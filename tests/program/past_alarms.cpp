// Entries and seeds at which the suite once called right rules wrong.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "all_entries.hpp"
#include "suite/entry.hpp"
#include "tapegrad/base/dtype.hpp"

using namespace tapegrad;
using namespace tapegrad::suite;

BOOST_AUTO_TEST_SUITE(past_alarms)

BOOST_AUTO_TEST_CASE(none_again) {
  struct Past {
    std::string_view entry;
    std::uint64_t seed;
    DType dtype = float64;
  };
  // A slope of 0 under more noise than the rounding of the output; two elements that a step makes change places; in
  // float32, a bend that looks like a kink from afar, noise that looks like one, and terms that cancel at one step.
  const std::vector<Past> alarms{{"TransformerEncoderLayer", 68},
                                 {"TransformerEncoderLayer", 166},
                                 {"max_pool1d", 90},
                                 {"max_pool1d", 190},
                                 {"max", 105},
                                 {"logsumexp", 3, float32},
                                 {"TransformerEncoderLayer", 3, float32},
                                 {"TransformerEncoderLayer", 7, float32}};
  const std::vector<Entry> entries = test::all_entries();
  for (const Past& past : alarms) {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == past.entry; });
    BOOST_TEST_REQUIRE((found != entries.end()));
    for (const CheckResult& check : check_differences(*found, {.dtype = past.dtype, .seed = past.seed}).checks)
      BOOST_TEST((check.outcome != Outcome::failed), past.entry << " at seed " << past.seed << ": " << check.check);
  }
}

BOOST_AUTO_TEST_SUITE_END()
