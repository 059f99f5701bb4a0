#include "tapegrad/base/dtype.hpp"

#include <ostream>

namespace tapegrad {

std::ostream& operator<<(std::ostream& stream, DType dtype) { return stream << to_string(dtype); }

}  // namespace tapegrad
