// Which positions of a sequence each result of a pooling sees.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/pool.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Windows of one size at equal distances.
struct SlidingWindows {
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  bool ceil_mode = false;
  bool count_include_pad = true;

  /// Throws ValueError, ShapeError when x [.., L] has no window, or a window no position.
  void check(std::string_view op, const Shape& x) const;
  /// The windows of a sequence, each with the share of a mean. REQUIRES: check passes.
  std::vector<kernels::Window> over(std::string_view op, std::int64_t length) const;
  void describe(AttributeVisitor& visitor) const;

 private:
  /// Positions that the kernel reaches over.
  std::int64_t span() const { return (kernel - 1) * dilation + 1; }
  std::int64_t count(std::int64_t length) const;
};

/// A given number of windows that cover the sequence evenly: they overlap where it does not divide.
struct AdaptiveWindows {
  std::int64_t output_size = 1;

  void check(std::string_view op, const Shape& x) const;
  std::vector<kernels::Window> over(std::string_view op, std::int64_t length) const;
  void describe(AttributeVisitor& visitor) const;
};

}  // namespace tapegrad
