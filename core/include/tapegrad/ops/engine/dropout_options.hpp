// What dropout asks of its share, for ops and layers that have dropout inside.
#pragma once

#include <string_view>

namespace tapegrad::engine {

/// Throws ValueError "[owner] expected dropout_p in [0, 1), got 1": `option` is its name there.
void expect_dropout(std::string_view owner, std::string_view option, double p);

}  // namespace tapegrad::engine
