// OpenBLAS. It has no products of batches in this version: one after the other on one thread, or each on a thread of
// its own.
#include <cblas.h>

#include "bench/products.hpp"

namespace bench {
namespace {
int team = 1;
}

Engine openblas_engine() {
  return {"OpenBLAS",
          [](int threads) {
            team = threads;
            openblas_set_num_threads(threads);
          },
          product_workloads([](const Product& p, const std::shared_ptr<Operands>& x) -> Step {
            return [&p, x] {
              const auto multiply = [&](std::int64_t i) {
                cblas_sgemm(CblasRowMajor, p.a_transposed() ? CblasTrans : CblasNoTrans,
                            p.b_transposed() ? CblasTrans : CblasNoTrans, static_cast<int>(p.m), static_cast<int>(p.n),
                            static_cast<int>(p.k), 1.0F, x->a.data() + i * p.m * p.k,
                            static_cast<int>(p.a_transposed() ? p.m : p.k), x->b.data() + i * p.k * p.n,
                            static_cast<int>(p.b_transposed() ? p.k : p.n), 0.0F, x->c.data() + i * p.m * p.n,
                            static_cast<int>(p.n));
              };
              if (p.batch == 1 || team == 1) {
                for (std::int64_t i = 0; i < p.batch; ++i) multiply(i);
              } else {
#pragma omp parallel for num_threads(team)
                for (std::int64_t i = 0; i < p.batch; ++i) multiply(i);
              }
            };
          })};
}

}  // namespace bench
