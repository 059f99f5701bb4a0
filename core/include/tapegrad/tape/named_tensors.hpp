// Tensors by name, in an order that means something: what a module's parameters are, and what a file of weights holds.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// A list of (name, tensor) in order of insertion, with each name once; looked up by name in logarithmic time.
class NamedTensors {
 public:
  using Item = std::pair<std::string, Tensor>;

  NamedTensors() = default;
  /// Throws ValueError for a name given twice.
  NamedTensors(std::initializer_list<Item> items);

  /// Puts a tensor at the end. Throws ValueError for a name that is there already.
  void insert(std::string name, Tensor tensor);
  /// Puts a whole list at the end, its names behind `prefix`: several states in one file. Throws ValueError as above;
  /// then none has been put there.
  void insert(std::string_view prefix, const NamedTensors& list);
  /// Those whose names begin with `prefix`, without it: what was put there.
  NamedTensors under(std::string_view prefix) const;
  /// Copies of all elements, neither recorded nor leaves: a snapshot, which a model's next steps leave alone.
  NamedTensors clone() const;

  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// The tensor of that name, or nullptr. The pointer is valid until the list is changed or destroyed; hence not
  /// callable on a temporary (use contains() or at()).
  const Tensor* find(std::string_view name) const&;
  const Tensor* find(std::string_view name) const&& = delete;
  /// The tensor of that name. Throws IndexError when there is none.
  const Tensor& at(std::string_view name) const&;
  Tensor at(std::string_view name) const&& { return at(name); }

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  std::vector<Item>::const_iterator begin() const { return items_.begin(); }
  std::vector<Item>::const_iterator end() const { return items_.end(); }

  std::vector<std::string> names() const;
  std::vector<Tensor> tensors() const;

 private:
  std::vector<Item> items_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

}  // namespace tapegrad
