// NumPy's way of printing arrays: numpy.array2string(a, separator=", "), of which
// numpy/core/arrayprint.py is the definition.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "array/array.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::array {
namespace {

constexpr int kMostDigits = 100;
constexpr std::string_view kSeparator = ", ";

/// A number as text, in the parts that are aligned: "-12." "5" or "1." "25" "e+" "07".
struct Digits {
  std::string whole;  // with sign and point
  std::string fraction;
  std::string exponent;  // empty in positional notation
};

/// Text of v with a given number of digits behind the point, or with as few as tell v from its neighbours.
template <class T, class... Precision>
Digits digits_of(T v, std::chars_format notation, Precision... precision) {
  std::array<char, 400> buffer;  // room for 1e308 in full
  char* const last = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v, notation, precision...).ptr;
  const std::string_view text(buffer.data(), static_cast<std::size_t>(last - buffer.data()));
  const std::size_t end = std::min(text.find('e'), text.size());
  const std::size_t point = std::min(text.find('.'), end);
  const std::size_t behind = std::min(point + 1, end);
  return {std::string(text.substr(0, point)) + '.', std::string(text.substr(behind, end - behind)),
          std::string(text.substr(end))};
}

/// The fewest digits, but no more than `precision` behind the point and no zeros at their end.
template <class T>
Digits few_digits(T v, std::chars_format notation, int precision) {
  Digits d = digits_of(v, notation);
  if (d.fraction.size() > static_cast<std::size_t>(precision)) d = digits_of(v, notation, precision);
  d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
  return d;
}

/// One format for all the numbers that are shown: points below each other.
template <class T>
class FloatFormat {
 public:
  FloatFormat(const std::vector<T>& shown, int precision) : precision_(precision) {
    T largest = 0;
    T smallest = std::numeric_limits<T>::infinity();
    for (const T v : shown) {
      if (!std::isfinite(v) || v == 0) continue;
      largest = std::max(largest, std::abs(v));
      smallest = std::min(smallest, std::abs(v));
    }
    if (largest >= T(1e8) || static_cast<double>(smallest) < 1e-4 || (largest > 0 && largest / smallest > T(1000)))
      notation_ = std::chars_format::scientific;
    std::size_t special = 0;  // the widest of nan, inf and -inf
    for (const T v : shown) {
      if (!std::isfinite(v)) {
        special = std::max(special, special_text(v).size());
        continue;
      }
      const Digits d = few_digits(v, notation_, precision_);
      left_ = std::max(left_, d.whole.size());
      fraction_ = std::max(fraction_, d.fraction.size());
      exponent_ = std::max(exponent_, d.exponent.size());
    }
    left_ = std::max({left_, std::size_t{1}, special - std::min(special, fraction_ + exponent_)});
  }

  std::string operator()(T v) const {
    if (!std::isfinite(v)) return fmt::format("{:>{}}", special_text(v), left_ + fraction_ + exponent_);
    if (notation_ == std::chars_format::fixed) {
      const Digits d = few_digits(v, notation_, precision_);
      return fmt::format("{:>{}}{:<{}}", d.whole, left_, d.fraction, fraction_);
    }
    const Digits d = digits_of(v, notation_, static_cast<int>(fraction_));
    // "e+" and the digits of the exponent, as many as the longest has.
    return fmt::format("{:>{}}{}{}{:0>{}}", d.whole, left_, d.fraction, d.exponent.substr(0, 2), d.exponent.substr(2),
                       exponent_ - 2);
  }

 private:
  static std::string_view special_text(T v) {
    return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";  // NaN whatever its sign bit
  }

  int precision_;
  std::chars_format notation_ = std::chars_format::fixed;
  std::size_t left_ = 0;      // to the point, which counts
  std::size_t fraction_ = 0;  // behind it
  std::size_t exponent_ = 0;
};

class IntegerFormat {
 public:
  explicit IntegerFormat(const std::vector<std::int64_t>& shown) {
    for (const std::int64_t v : shown) width_ = std::max(width_, fmt::formatted_size("{}", v));
  }
  std::string operator()(std::int64_t v) const { return fmt::format("{:>{}}", v, width_); }

 private:
  std::size_t width_ = 0;
};

template <class T>
class Printer {
 public:
  Printer(const Array& a, const PrintOptions& options)
      : a_(a), options_(options), summarise_(a.shape.numel() > options.threshold) {}

  template <class MakeFormat>
  std::string print(const MakeFormat& make_format) const {
    std::vector<T> shown;
    collect(0, 0, shown);
    const auto format = make_format(shown);
    return text(0, 0, 1, format);
  }

 private:
  bool cut(int d) const { return summarise_ && (a_.shape[d] - 1) / 2 >= options_.edge_items; }

  /// Calls body(i) for the entries of dimension d that are shown, and gap() where others are left out.
  template <class Body, class Gap>
  void each_shown(int d, const Body& body, const Gap& gap) const {
    for (std::int64_t i = 0; i < a_.shape[d]; ++i) {
      if (cut(d) && i == options_.edge_items) {
        gap();
        i = a_.shape[d] - options_.edge_items;
        if (i == a_.shape[d]) return;
      }
      body(i);
    }
  }

  void collect(int d, std::int64_t at, std::vector<T>& shown) const {
    if (d == a_.shape.rank()) {
      shown.push_back(a_.as<T>()[at]);
      return;
    }
    each_shown(
        d, [&](std::int64_t i) { collect(d + 1, at + i * a_.strides[d], shown); }, [] {});
  }

  /// What stands at `at` in dimensions d and up; a line leaves room for `closing` brackets.
  template <class Format>
  std::string text(int d, std::int64_t at, std::size_t closing, const Format& format) const {
    if (d == a_.shape.rank()) return format(a_.as<T>()[at]);
    const std::string indent(static_cast<std::size_t>(d) + 1, ' ');
    std::string done = "[";
    if (d + 1 < a_.shape.rank()) {
      const std::string separator = "," + std::string(static_cast<std::size_t>(a_.shape.rank() - d - 1), '\n') + indent;
      each_shown(
          d,
          [&](std::int64_t i) {
            if (i > 0) done += separator;
            done += text(d + 1, at + i * a_.strides[d], closing + 1, format);
          },
          [&] { done += (done.size() > 1 ? separator : "") + "..."; });
      return done + ']';
    }
    const auto width = static_cast<std::size_t>(options_.line_width);
    std::size_t line = indent.size();  // the length of the last line so far
    const auto append = [&](const std::string& word) {
      if (line > indent.size()) {
        done += kSeparator.front();
        if (line + kSeparator.size() + word.size() + closing > width) {
          done += '\n' + indent;
          line = indent.size();
        } else {
          done += kSeparator.substr(1);
          line += kSeparator.size();
        }
      }
      done += word;
      line += word.size();
    };
    each_shown(
        d, [&](std::int64_t i) { append(format(a_.as<T>()[at + i * a_.strides[d]])); }, [&] { append("..."); });
    return done + ']';
  }

  const Array& a_;
  const PrintOptions& options_;
  bool summarise_;
};

}  // namespace

std::string to_string(const Array& a, const PrintOptions& options) {
  const auto expect = [](bool holds, std::string_view option, std::string_view domain, std::int64_t value) {
    if (!holds) throw ValueError(fmt::format("[to_string] expected {} to be {}, got {}", option, domain, value));
  };
  expect(options.precision >= 0 && options.precision <= kMostDigits, "precision", "in [0, 100]", options.precision);
  expect(options.threshold >= 0, "threshold", "at least 0", options.threshold);
  expect(options.edge_items >= 0, "edge_items", "at least 0", options.edge_items);
  expect(options.line_width >= 0, "line_width", "at least 0", options.line_width);
  const auto floats = [&]<class T>(T) {
    return Printer<T>(a, options).print([&](const std::vector<T>& shown) {
      return FloatFormat<T>(shown, options.precision);
    });
  };
  if (a.shape.numel() == 0) return fmt::format("[] of shape {}", tapegrad::to_string(a.shape));
  switch (a.dtype) {
    case DType::float32: return floats(float{});
    case DType::float64: return floats(double{});
    case DType::int64:
      return Printer<std::int64_t>(a, options).print([](const std::vector<std::int64_t>& shown) {
        return IntegerFormat(shown);
      });
    case DType::boolean:
      return Printer<bool>(a, options).print([&a](const std::vector<bool>&) {
        return [whole = a.shape.rank() > 0](bool v) { return std::string(v ? whole ? " True" : "True" : "False"); };
      });
  }
  return {};
}

}  // namespace tapegrad::array
