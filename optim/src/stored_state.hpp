// Reading a stored state: what is wrong with it is told in the name of whose state it is to be.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "tapegrad/tape/named_tensors.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

class StoredState {
 public:
  /// Refers to the state. `owner` begins the errors.
  StoredState(const NamedTensors& state, std::string_view owner) : state_(state), owner_(owner) {}

  bool contains(const std::string& name) const { return state_.contains(name); }
  /// Throws ValueError where there is no such entry, or it is undefined.
  const Tensor& entry(const std::string& name);
  /// Throws ShapeError, too.
  const Tensor& entry(const std::string& name, const Shape& shape);
  /// Throws DTypeError, too.
  const Tensor& floating(const std::string& name, const Shape& shape);
  /// Throws ValueError for what is below 0, too. NaN may stand there: squares of NaN are.
  const Tensor& squares(const std::string& name, const Shape& shape);
  /// One number. Throws ShapeError for more.
  double number(const std::string& name);
  /// A count of steps. Throws ValueError unless it is one whole number in [least, 2^53]: rates and bias corrections are
  /// computed in double, and a step adds one.
  std::int64_t count(const std::string& name, std::int64_t least);

  /// Says that an entry will be copied into the place of `present`, which may be undefined.
  void replaces(const Tensor& present, const Tensor& entry);
  /// Throws ValueError where all that is to be replaced is in the state itself, whose numbers are from another time.
  void expect_not_own() const;

  /// Throws ValueError for an entry that has not been read.
  void expect_all_read() const;

 private:
  const Tensor& single(const std::string& name);

  const NamedTensors& state_;
  std::string_view owner_;
  std::set<std::string, std::less<>> read_;
  bool replaces_own_ = false;
  bool replaces_others_ = false;
};

}  // namespace tapegrad::optim
