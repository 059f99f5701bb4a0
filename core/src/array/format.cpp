// NumPy's way of printing arrays.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "array/array.hpp"

namespace tapegrad::array {
namespace {

constexpr std::int64_t kSummarise = 1000;  // elements above which the middle of long dimensions is left out
constexpr std::int64_t kEdgeItems = 3;

double element(const Array& a, std::int64_t at) {
  switch (a.dtype) {
    case DType::float32: return static_cast<double>(a.as<float>()[at]);
    case DType::float64: return a.as<double>()[at];
    case DType::int64: return static_cast<double>(a.as<std::int64_t>()[at]);
    case DType::boolean: return a.as<bool>()[at] ? 1.0 : 0.0;
  }
  return 0.0;
}

/// Prints one array: first collects the elements that will be shown, to choose one format for all of them.
class Printer {
 public:
  explicit Printer(const Array& a) : a_(a), summarise_(a.shape.numel() > kSummarise) {
    std::vector<std::int64_t> shown;
    collect(0, 0, shown);
    choose(shown);
  }

  std::string print() const {
    if (a_.shape.rank() == 0) return one(0);
    std::string text;
    write(0, 0, text);
    return text;
  }

 private:
  bool cut(int d) const { return summarise_ && a_.shape[d] > 2 * kEdgeItems; }

  void collect(int d, std::int64_t at, std::vector<std::int64_t>& shown) const {
    if (d == a_.shape.rank()) {
      shown.push_back(at);
      return;
    }
    for (std::int64_t i = 0; i < a_.shape[d]; ++i) {
      if (cut(d) && i == kEdgeItems) i = a_.shape[d] - kEdgeItems;
      collect(d + 1, at + i * a_.strides[d], shown);
    }
  }

  void choose(const std::vector<std::int64_t>& shown) {
    double largest = 0.0;
    double smallest = INFINITY;
    bool whole = true;
    for (const std::int64_t at : shown) {
      const double v = std::abs(element(a_, at));
      if (!std::isfinite(v)) continue;
      largest = std::max(largest, v);
      if (v > 0.0) smallest = std::min(smallest, v);
      whole = whole && v == std::floor(v);
    }
    scientific_ =
        largest >= 1e8 || (smallest < 1e-4 && std::isfinite(smallest)) || (largest > 0.0 && largest / smallest > 1e8);
    precision_ = whole && !scientific_ ? 0 : 4;
    for (const std::int64_t at : shown) width_ = std::max(width_, one(at).size());
  }

  std::string one(std::int64_t at) const {
    if (a_.dtype == DType::boolean) return a_.as<bool>()[at] ? "true" : "false";
    if (a_.dtype == DType::int64) return fmt::format("{}", a_.as<std::int64_t>()[at]);
    const double v = element(a_, at);
    if (std::isnan(v)) return "nan";  // whatever its sign bit
    if (std::isinf(v)) return v > 0.0 ? "inf" : "-inf";
    if (scientific_) return fmt::format("{:.4e}", v);
    return precision_ == 0 ? fmt::format("{:.0f}.", v) : fmt::format("{:.{}f}", v, precision_);
  }

  void write(int d, std::int64_t at, std::string& text) const {
    if (d == a_.shape.rank()) {
      text += fmt::format("{:>{}}", one(at), width_);
      return;
    }
    const int depth_below = a_.shape.rank() - d - 1;
    const std::string separator = depth_below == 0 ? ", "
                                                   : "," + std::string(static_cast<std::size_t>(depth_below), '\n') +
                                                         std::string(static_cast<std::size_t>(d + 1), ' ');
    text += '[';
    for (std::int64_t i = 0; i < a_.shape[d]; ++i) {
      if (i > 0) text += separator;
      if (cut(d) && i == kEdgeItems) {
        text += "..." + separator;
        i = a_.shape[d] - kEdgeItems;
      }
      write(d + 1, at + i * a_.strides[d], text);
    }
    text += ']';
  }

  const Array& a_;
  bool summarise_;
  bool scientific_ = false;
  int precision_ = 4;
  std::size_t width_ = 0;
};

}  // namespace

std::string to_string(const Array& a) {
  if (a.shape.numel() == 0) return fmt::format("[] of shape {}", tapegrad::to_string(a.shape));
  return Printer(a).print();
}

}  // namespace tapegrad::array
