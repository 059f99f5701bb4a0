#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace console {

/// "███▌······": a share of `columns` columns, in whole eighths of a column; `rest` stands where it does not reach.
/// Below 0, and NaN, is 0; above 1 is 1.
std::string bar(double share, std::size_t columns, std::string_view rest);

}  // namespace console
