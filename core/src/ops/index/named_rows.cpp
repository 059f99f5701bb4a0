#include "ops/index/named_rows.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "ops/index/indices.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"

namespace tapegrad {

NamedRows named_rows(std::string_view op, const Tensor& x, const std::vector<Tensor>& index) {
  expect_defined(op, x, "input 0 (x)");
  for (std::size_t i = 0; i < index.size(); ++i)
    if (!index[i].defined()) throw_undefined_input(op, index[i], fmt::format("indices[{}]", i));
  if (x.dim() == 0) throw ShapeError(fmt::format("[{}] a scalar has no dimension to index", op));
  if (index.empty() || index.size() > x.shape().size())
    throw ShapeError(fmt::format("[{}] expected 1 to {} index tensors for {}, got {}", op, x.dim(),
                                 to_string(x.shape()), index.size()));
  Shape places;
  for (const Tensor& along : index) places = broadcast_shapes(op, places, along.shape());
  const int indexed = static_cast<int>(index.size());
  NamedRows named{.matrix = {1, 1}, .rows = zeros({places.numel()}, {.dtype = int64}), .result = places};
  for (int d = 0; d < x.dim(); ++d) {
    named.matrix[d < indexed ? 0 : 1] *= x.shape()[d];
    if (d < indexed) continue;
    expect_room(op, named.result);
    named.result.push_back(x.shape()[d]);
  }
  auto* const row = array_of(named.rows).as<std::int64_t>();
  for (int d = 0; d < indexed; ++d) {
    const Tensor& along = index[static_cast<std::size_t>(d)];
    checked_indices(op, along, x.shape()[d]);  // before broadcasting: the place in the message is the caller's
    const array::Array chosen = contiguous_array(expand(along, places));
    for (std::int64_t b = 0; b < places.numel(); ++b) row[b] = row[b] * x.shape()[d] + chosen.as<std::int64_t>()[b];
  }
  return named;
}

}  // namespace tapegrad
