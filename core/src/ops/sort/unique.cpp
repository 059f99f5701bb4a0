#include <cmath>
#include <type_traits>
#include <vector>

#include "base/dispatch.hpp"
#include "tape/expect.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {
namespace {

template <class T>
bool count_as_one(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a)) return std::isnan(b);
  return a == b;
}

}  // namespace

Unique unique(const Tensor& x) {
  expect_ordered("unique", x);
  const ValuesAndIndices in_order = sort(reshape(x.detach(), {x.numel()}));
  const Tensor& sorted = in_order.values;
  const std::vector<std::int64_t> places = in_order.indices.to_vector<std::int64_t>();
  std::vector<std::int64_t> firsts;  // where in the sorted elements each value begins
  std::vector<std::int64_t> inverse(places.size());
  with_number(x.dtype(), [&](auto zero) {
    const auto* const elements = array_of(sorted).as<decltype(zero)>();
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i == 0 || !count_as_one(elements[i - 1], elements[i])) firsts.push_back(static_cast<std::int64_t>(i));
      inverse[static_cast<std::size_t>(places[i])] = static_cast<std::int64_t>(firsts.size()) - 1;
    }
  });
  const auto found = static_cast<std::int64_t>(firsts.size());
  std::vector<std::int64_t> counts = firsts;
  for (std::size_t u = 0; u < counts.size(); ++u)
    counts[u] = (u + 1 < counts.size() ? firsts[u + 1] : x.numel()) - firsts[u];
  return {.values = index_select(sorted, 0, from_vector(firsts, {found})),
          .inverse = from_vector(inverse, x.shape()),
          .counts = from_vector(counts, {found})};
}

}  // namespace tapegrad
