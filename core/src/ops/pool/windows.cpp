#include "ops/pool/windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/ceil_div.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/engine/pool_options.hpp"

namespace tapegrad {

namespace {

void expect_positions(std::string_view op, const Shape& x) {
  if (x.rank() == 0 || x.back() == 0)
    throw ShapeError(fmt::format("[{}] expected x [.., L] with positions, got {}", op, to_string(x)));
}

/// So many windows. Throws Error when there is no memory for them.
std::vector<kernels::Window> room_for(std::string_view op, std::int64_t windows) {
  try {
    return std::vector<kernels::Window>(static_cast<std::size_t>(windows));
  } catch (const std::exception&) {  // that are more than a vector holds, or than the system has bytes for
    throw Error(fmt::format("[{}] the system has no memory for {} windows", op, windows));
  }
}

double one_of(std::int64_t n) { return 1.0 / static_cast<double>(n); }

void expect_at_least_one(std::string_view owner, std::string_view what, std::int64_t value) {
  if (value < 1) throw ValueError(fmt::format("[{}] expected {} of at least 1, got {}", owner, what, value));
}

}  // namespace

void engine::expect_windows(std::string_view owner, std::int64_t kernel_size, std::int64_t stride, std::int64_t padding,
                            std::int64_t dilation) {
  expect_at_least_one(owner, "a kernel size", kernel_size);
  expect_at_least_one(owner, "a stride", stride);
  expect_at_least_one(owner, "a dilation", dilation);
  if (padding < 0 || padding > kernel_size / 2)
    throw ValueError(
        fmt::format("[{}] expected a padding from 0 to half the kernel size {}, got {}", owner, kernel_size, padding));
}

void engine::expect_output_size(std::string_view owner, std::int64_t output_size) {
  expect_at_least_one(owner, "an output size", output_size);
}

// No sum below overflows: check() has seen to span(), and twice the padding is no more than the kernel.

std::int64_t SlidingWindows::count(std::int64_t length) const {
  const std::int64_t rest = length - (span() - 2 * padding);  // behind the first window
  if (rest < 0) return ceil_mode && -rest < stride ? 1 : 0;
  const std::int64_t begin = rest / stride * stride;  // of the last window that fits
  const bool another = ceil_mode && rest > begin && stride < length + padding - begin;
  return rest / stride + (another ? 2 : 1);
}

void SlidingWindows::check(std::string_view op, const Shape& x) const {
  engine::expect_windows(op, kernel, stride, padding, dilation);
  expect_positions(op, x);
  std::int64_t positions = 0;
  if (__builtin_mul_overflow(kernel - 1, dilation, &positions) || __builtin_add_overflow(positions, 1, &positions))
    throw ShapeError(
        fmt::format("[{}] a dilation of {} is too large for a kernel of {} positions", op, dilation, kernel));
  const std::int64_t windows = count(x.back());
  if (windows < 1)
    throw ShapeError(fmt::format("[{}] the kernel spans {} positions, x {} with its padding has {}", op, span(),
                                 to_string(x), x.back() + 2 * padding));
  for (const kernels::Window& w : over(op, x.back()))
    if (w.begin >= w.end)
      throw ShapeError(fmt::format("[{}] a window of {} positions {} apart holds nothing but padding of x {}", op,
                                   kernel, dilation, to_string(x)));
}

std::vector<kernels::Window> SlidingWindows::over(std::string_view op, std::int64_t length) const {
  std::vector<kernels::Window> windows = room_for(op, count(length));
  std::int64_t start = -padding;
  for (kernels::Window& w : windows) {
    const std::int64_t end = length + padding;
    const std::int64_t stop = start > end - span() ? end : start + span();
    const std::int64_t before = start < 0 ? (dilation - 1 - start) / dilation : 0;  // taps that lie in the padding
    w = {.begin = start + before * dilation, .end = std::min(stop, length), .step = std::min(dilation, length)};
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
  engine::expect_output_size(op, output_size);
  expect_positions(op, x);
  std::int64_t product = 0;
  if (__builtin_mul_overflow(output_size, x.back() + 1, &product))
    throw ShapeError(fmt::format("[{}] an output size of {} is too large for x {}", op, output_size, to_string(x)));
}

std::vector<kernels::Window> AdaptiveWindows::over(std::string_view op, std::int64_t length) const {
  std::vector<kernels::Window> windows = room_for(op, output_size);
  for (std::int64_t i = 0; i < output_size; ++i) {
    const std::int64_t begin = i * length / output_size;
    const std::int64_t end = ceil_div((i + 1) * length, output_size);
    windows[static_cast<std::size_t>(i)] = {.begin = begin, .end = end, .share = one_of(end - begin)};
  }
  return windows;
}

void AdaptiveWindows::describe(AttributeVisitor& visitor) const { visitor("output_size", output_size); }

}  // namespace tapegrad
