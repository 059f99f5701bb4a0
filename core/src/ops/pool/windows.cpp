#include "ops/pool/windows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

namespace {

void expect_positions(std::string_view op, const Shape& x) {
  if (x.rank() == 0 || x.back() == 0)
    throw ShapeError(fmt::format("[{}] expected x [.., L] with positions, got {}", op, to_string(x)));
}

double one_of(std::int64_t n) { return 1.0 / static_cast<double>(n); }

}  // namespace

std::int64_t SlidingWindows::count(std::int64_t length) const {
  const std::int64_t room = length + 2 * padding - (kernel - 1) * dilation - 1 + (ceil_mode ? stride - 1 : 0);
  if (room < 0) return 0;
  const std::int64_t windows = room / stride + 1;
  return ceil_mode && (windows - 1) * stride >= length + padding ? windows - 1 : windows;
}

void SlidingWindows::check(std::string_view op, const Shape& x) const {
  const auto at_least_one = [op](std::string_view what, std::int64_t value) {
    if (value < 1) throw ValueError(fmt::format("[{}] expected a {} of at least 1, got {}", op, what, value));
  };
  at_least_one("kernel size", kernel);
  at_least_one("stride", stride);
  at_least_one("dilation", dilation);
  if (padding < 0 || 2 * padding > kernel)
    throw ValueError(
        fmt::format("[{}] expected a padding from 0 to half the kernel size {}, got {}", op, kernel, padding));
  expect_positions(op, x);
  const std::int64_t windows = count(x.back());
  if (windows < 1)
    throw ShapeError(fmt::format("[{}] the kernel spans {} positions, x {} with its padding has {}", op,
                                 (kernel - 1) * dilation + 1, to_string(x), x.back() + 2 * padding));
  for (const kernels::Window& w : over(x.back()))
    if (w.begin >= w.end)
      throw ShapeError(fmt::format("[{}] a window of {} positions {} apart holds nothing but padding of x {}", op,
                                   kernel, dilation, to_string(x)));
}

std::vector<kernels::Window> SlidingWindows::over(std::int64_t length) const {
  std::vector<kernels::Window> windows(static_cast<std::size_t>(count(length)));
  std::int64_t start = -padding;
  for (kernels::Window& w : windows) {
    const std::int64_t stop = std::min(start + (kernel - 1) * dilation + 1, length + padding);
    const std::int64_t before = start < 0 ? (dilation - 1 - start) / dilation : 0;  // taps that lie in the padding
    w = {.begin = start + before * dilation, .end = std::min(stop, length), .step = dilation};
    w.share = one_of(count_include_pad ? stop - start : std::max(std::int64_t{1}, w.end - w.begin));
    start += stride;
  }
  return windows;
}

void SlidingWindows::describe(AttributeVisitor& visitor) const {
  visitor("kernel_size", kernel);
  visitor("stride", stride);
  visitor("padding", padding);
  visitor("dilation", dilation);
  visitor("ceil_mode", ceil_mode);
}

void AdaptiveWindows::check(std::string_view op, const Shape& x) const {
  if (output_size < 1)
    throw ValueError(fmt::format("[{}] expected an output size of at least 1, got {}", op, output_size));
  expect_positions(op, x);
}

std::vector<kernels::Window> AdaptiveWindows::over(std::int64_t length) const {
  std::vector<kernels::Window> windows(static_cast<std::size_t>(output_size));
  for (std::int64_t i = 0; i < output_size; ++i) {
    const std::int64_t begin = i * length / output_size;
    const std::int64_t end = ((i + 1) * length + output_size - 1) / output_size;
    windows[static_cast<std::size_t>(i)] = {.begin = begin, .end = end, .share = one_of(end - begin)};
  }
  return windows;
}

void AdaptiveWindows::describe(AttributeVisitor& visitor) const { visitor("output_size", output_size); }

}  // namespace tapegrad
