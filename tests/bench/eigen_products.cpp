// Eigen, compiled for this machine. Like OpenBLAS it has no products of batches.
#include <Eigen/Core>

#include "bench/products.hpp"

namespace bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Operand = Eigen::Map<const Matrix>;

int team = 1;

void multiply(const Product& p, Operands& x, std::int64_t i) {
  const Operand a(x.a.data() + i * p.m * p.k, p.a_transposed() ? p.k : p.m, p.a_transposed() ? p.m : p.k);
  const Operand b(x.b.data() + i * p.k * p.n, p.b_transposed() ? p.n : p.k, p.b_transposed() ? p.k : p.n);
  Eigen::Map<Matrix> c(x.c.data() + i * p.m * p.n, p.m, p.n);
  switch (p.layout) {
    case Layout::nt: c.noalias() = a * b.transpose(); break;
    case Layout::nn: c.noalias() = a * b; break;
    case Layout::tn: c.noalias() = a.transpose() * b; break;
  }
}

}  // namespace

Engine eigen_engine() {
  return {"Eigen",
          [](int threads) {
            team = threads;
            Eigen::setNbThreads(threads);
          },
          product_workloads([](const Product& p, const std::shared_ptr<Operands>& x) -> Step {
            return [&p, x] {
              if (p.batch == 1 || team == 1) {
                for (std::int64_t i = 0; i < p.batch; ++i) multiply(p, *x, i);
              } else {
#pragma omp parallel for num_threads(team)
                for (std::int64_t i = 0; i < p.batch; ++i) multiply(p, *x, i);
              }
            };
          })};
}

}  // namespace bench
