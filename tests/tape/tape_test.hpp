// What the tape's tests share: the headers they read, leaves of numbers, and lists of expected values.
#pragma once

#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::test {

using Values = std::vector<double>;

/// A float64 leaf that wants its gradient.
inline Tensor leaf(std::initializer_list<NestedList> values) {
  return tensor(values, {.dtype = float64, .requires_grad = true});
}

/// An op with a text of one's own, for whoever prints it.
struct Labelled : Op<Labelled> {
  static constexpr std::string_view name = "labelled";
  std::string label;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Tensor vjp(const Saved&, const Tensor& dy) const { return dy * 2.0; }
  void describe(AttributeVisitor& visit) const { visit("label", label); }
};

}  // namespace tapegrad::test
