// The smallest program that needs both a header and the library behind it.
#include <tapegrad/base/shape.hpp>

int main() {
  const auto shape = tapegrad::broadcast_shapes("add", {16, 7, 40}, {40});
  return tapegrad::to_string(shape) == "[16, 7, 40]" ? 0 : 1;
}
