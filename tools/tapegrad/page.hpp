// A page of the catalogue in a terminal: headings, wrapped text, tables, and the parts that every entry has.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console/terminal.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/table.hpp"

namespace tapegrad::program {

class Page {
 public:
  /// What the terminal is must outlive the page.
  explicit Page(const console::Terminal& terminal) : terminal_(terminal) {}

  /// "layer_norm  family norm".
  void title(std::string_view name, std::string_view where);
  void heading(std::string_view text);
  void line(std::string_view text);
  void paragraph(std::string_view text, std::size_t indent = 2);
  void table(std::vector<Column> columns, std::vector<std::vector<Cell>> rows);

  /// What is compared with differences, and on which inputs. Samples of ops and of layers both have a name, inputs and
  /// options.
  template <class Samples>
  void samples(const Samples& all) {
    heading("Samples");
    std::vector<std::vector<Cell>> rows;
    for (const auto& sample : all) rows.push_back(sample_row(sample.name, sample.inputs, sample.options));
    table({{"  name"}, {"inputs"}, {"derivatives compared with differences"}}, std::move(rows));
  }
  void errors(const catalogue::ErrorSamples& all);

  const std::string& text() const { return text_; }

 private:
  static std::vector<Cell> sample_row(const std::string& name, std::span<const Tensor> inputs,
                                      const catalogue::SampleOptions& options);

  const console::Terminal& terminal_;
  std::string text_;
};

}  // namespace tapegrad::program
