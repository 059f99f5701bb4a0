// libxsmm, version 1: kernels for small products, made at run time. A product of more than some 100 rows or columns is
// a loop over tiles, as its documentation asks for. The kernels are column-major: C = A B is C^T = B^T A^T to them, and
// they cannot transpose the first of the two: no NT.
#include <libxsmm.h>

#include "bench/products.hpp"

namespace bench {
namespace {

constexpr std::int64_t kWholeTile = 192, kTile = 128;

int team = 1;

/// 0: a size that the tiles do not cut evenly.
std::int64_t tile_of(std::int64_t size) { return size <= kWholeTile ? size : size % kTile == 0 ? kTile : 0; }

struct Tiles {
  std::int64_t m, n, k;
  libxsmm_smmfunction first, next;  // C = A B, C += A B; null: there is no such kernel

  explicit Tiles(const Product& p)
      : m(tile_of(p.m)), n(tile_of(p.n)), k(tile_of(p.k)), first(kernel(p, 0.0F)), next(kernel(p, 1.0F)) {}

 private:
  libxsmm_smmfunction kernel(const Product& p, float beta) const {
    if (p.b_transposed() || m == 0 || n == 0 || k == 0) return nullptr;
    const auto width = static_cast<libxsmm_blasint>(p.n);
    const auto depth = static_cast<libxsmm_blasint>(p.a_transposed() ? p.m : p.k);
    const int flags = p.a_transposed() ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const int prefetch = LIBXSMM_PREFETCH_NONE;
    const float alpha = 1.0F;
    return libxsmm_smmdispatch(static_cast<libxsmm_blasint>(n), static_cast<libxsmm_blasint>(m),
                               static_cast<libxsmm_blasint>(k), &width, &depth, &width, &alpha, &beta, &flags,
                               &prefetch);
  }
};

void multiply(const Product& p, const Tiles& tiles, Operands& x, std::int64_t batch, std::int64_t row,
              std::int64_t column) {
  const float* const a = x.a.data() + batch * p.m * p.k + row * (p.a_transposed() ? 1 : p.k);
  const float* const b = x.b.data() + batch * p.k * p.n + column;
  float* const c = x.c.data() + batch * p.m * p.n + row * p.n + column;
  tiles.first(b, a, c);
  for (std::int64_t k = tiles.k; k < p.k; k += tiles.k)
    tiles.next(b + k * p.n, a + k * (p.a_transposed() ? p.m : 1), c);
}

}  // namespace

Engine libxsmm_engine() {
  return {"libxsmm", [](int threads) { team = threads; },
          product_workloads(
              [](const Product& p, const std::shared_ptr<Operands>& x) -> Step {
                return [&p, x, tiles = Tiles(p)] {
                  const bool one = p.batch == 1 && tiles.m == p.m && tiles.n == p.n;
#pragma omp parallel for collapse(3) num_threads(team) if (team > 1 && !one)
                  for (std::int64_t i = 0; i < p.batch; ++i)
                    for (std::int64_t row = 0; row < p.m; row += tiles.m)
                      for (std::int64_t column = 0; column < p.n; column += tiles.n)
                        multiply(p, tiles, *x, i, row, column);
                };
              },
              [](const Product& p) {
                const Tiles tiles(p);
                return tiles.first != nullptr && tiles.next != nullptr;
              })};
}

}  // namespace bench
