// What the tape's tests share: the headers they read, leaves of numbers, and lists of expected values.
#pragma once

#include <boost/test/unit_test.hpp>
#include <initializer_list>
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

}  // namespace tapegrad::test
