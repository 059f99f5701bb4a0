#include "ops/linalg/equation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {
namespace {

constexpr char kDots = '.';  // stands for "..." in a term that has been read but not yet matched with a shape

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_dot_dimension(char label) { return label >= '0' && label <= '9'; }

/// The text, cut at its commas and its arrow.
class EquationReader {
 public:
  explicit EquationReader(std::string_view text) : text_(text) {
    const std::size_t arrow = text.find("->");
    if (arrow != std::string_view::npos) {
      if (text.find("->", arrow + 2) != std::string_view::npos)
        throw ValueError(fmt::format("[einsum] \"{}\" has more than one \"->\"", text));
      result_ = term(arrow + 2, text.size());
    }
    const std::size_t end = std::min(arrow, text.size());
    std::size_t start = 0;
    for (std::size_t comma = text.find(','); comma < end; comma = text.find(',', start)) {
      operands_.push_back(term(start, comma));
      start = comma + 1;
    }
    operands_.push_back(term(start, end));
  }
  const std::vector<Labels>& operands() const { return operands_; }
  const std::optional<Labels>& result() const { return result_; }

 private:
  Labels term(std::size_t begin, std::size_t end) const {
    Labels labels;
    for (std::size_t i = begin; i < end; ++i) {
      const char c = text_[i];
      if (c == ' ') continue;
      if (c == '.') {
        if (text_.substr(i, std::min<std::size_t>(3, end - i)) != "..." || has(labels, kDots))
          throw ValueError(fmt::format("[einsum] \"{}\": \"...\" is three dots, once in a term", text_));
        labels.push_back(kDots);
        i += 2;
      } else if (is_letter(c)) {
        labels.push_back(c);
      } else {
        throw ValueError(fmt::format("[einsum] \"{}\": '{}' at {} is no label (a letter, or ...)", text_, c, i));
      }
    }
    return labels;
  }

  std::string_view text_;
  std::vector<Labels> operands_;
  std::optional<Labels> result_;
};

std::string text_of(const Labels& labels) {
  std::string text = labels;
  if (const std::size_t dots = text.find(kDots); dots != std::string::npos) text.insert(dots, "..");
  return text;
}

/// "..." as `count` digits that count from the right, so that they broadcast as dimensions do.
Labels with_dots(const Labels& labels, int count) {
  Labels matched;
  for (const char label : labels) {
    if (label != kDots) {
      matched.push_back(label);
    } else {
      for (int d = count - 1; d >= 0; --d) matched.push_back(static_cast<char>('0' + d));
    }
  }
  return matched;
}

Labels matched(std::string_view text, const Labels& labels, const Shape& shape, std::size_t operand) {
  const bool dots = has(labels, kDots);
  const int named = static_cast<int>(labels.size()) - (dots ? 1 : 0);
  if (dots ? shape.rank() < named : shape.rank() != named)
    throw ShapeError(fmt::format("[einsum] \"{}\": \"{}\" names {}{} dimensions, but operand {} is {}", text,
                                 text_of(labels), dots ? "at least " : "", named, operand, to_string(shape)));
  return with_dots(labels, shape.rank() - named);
}

/// The size of each label, and the operand that said so.
class LabelSizes {
 public:
  LabelSizes(std::string_view text, const std::vector<Shape>& shapes) : text_(text), shapes_(&shapes) {}

  void add(char label, std::int64_t size, std::size_t operand) {
    const auto [known, fresh] = sizes_.try_emplace(label, Known{size, operand});
    Known& k = known->second;
    if (fresh || k.size == size) return;
    const bool diagonal = k.operand == operand;
    if (diagonal) {
      throw ShapeError(fmt::format("[einsum] \"{}\": label {} has size {} and {} in operand {} {}", text_, label,
                                   k.size, size, operand, shape(operand)));
    }
    if (size == 1) return;
    if (k.size != 1) {
      const std::string what = is_dot_dimension(label) ? "a dimension of \"...\"" : fmt::format("label {}", label);
      throw ShapeError(fmt::format("[einsum] \"{}\": {} has size {} in operand {} {} and {} in operand {} {}", text_,
                                   what, k.size, k.operand, shape(k.operand), size, operand, shape(operand)));
    }
    k = {size, operand};
  }
  std::map<char, std::int64_t> sizes() const {
    std::map<char, std::int64_t> sizes;
    for (const auto& [label, known] : sizes_) sizes[label] = known.size;
    return sizes;
  }

 private:
  struct Known {
    std::int64_t size;
    std::size_t operand;
  };
  std::string shape(std::size_t operand) const { return to_string((*shapes_)[operand]); }

  std::string_view text_;
  const std::vector<Shape>* shapes_;
  std::map<char, Known> sizes_;
};

/// The dimensions of "...", then the letters that occur exactly once, in alphabetical order.
Labels implicit_result(const std::vector<Labels>& operands, int dots) {
  Labels all;
  for (const Labels& operand : operands) all += operand;
  Labels letters;
  for (const char label : all)
    if (is_letter(label) && std::count(all.begin(), all.end(), label) == 1) letters.push_back(label);
  std::sort(letters.begin(), letters.end());
  return with_dots(Labels(1, kDots), dots) + letters;
}

}  // namespace

Tensor permuted(const Tensor& x, const Labels& labels, const Labels& order) {
  if (labels == order) return x;
  std::vector<int> dimensions;
  for (const char label : order) dimensions.push_back(place(labels, label));
  return permute(x, dimensions);
}

Equation read_equation(std::string_view text, const std::vector<Shape>& shapes) {
  const EquationReader reader(text);
  if (reader.operands().size() != shapes.size())
    throw ValueError(
        fmt::format("[einsum] \"{}\" names {} operands, got {}", text, reader.operands().size(), shapes.size()));

  Equation equation;
  LabelSizes sizes(text, shapes);
  int dots = 0;  // dimensions of the longest "..."
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    const Labels labels = matched(text, reader.operands()[t], shapes[t], t);
    for (std::size_t d = 0; d < labels.size(); ++d) sizes.add(labels[d], shapes[t][static_cast<int>(d)], t);
    dots = std::max(dots, static_cast<int>(std::count_if(labels.begin(), labels.end(), is_dot_dimension)));
    equation.operands.push_back(labels);
  }
  equation.sizes = sizes.sizes();
  equation.result = reader.result() ? with_dots(*reader.result(), dots) : implicit_result(equation.operands, dots);
  for (const char label : equation.result) {
    if (equation.sizes.count(label) == 0)
      throw ValueError(fmt::format("[einsum] \"{}\": label {} of the result is in no operand", text, label));
    if (std::count(equation.result.begin(), equation.result.end(), label) > 1)
      throw ValueError(fmt::format("[einsum] \"{}\": label {} stands twice in the result", text, label));
  }
  if (equation.result.size() > static_cast<std::size_t>(kMaxRank))
    throw ShapeError(fmt::format("[einsum] \"{}\": a result of {} dimensions, at most {} are possible", text,
                                 equation.result.size(), kMaxRank));
  return equation;
}

}  // namespace tapegrad
