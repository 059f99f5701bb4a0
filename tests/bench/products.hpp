// Matrix products, for tapegrad's kernel and for the libraries that are installed: the shapes that the layers of small
// models ask for, in the three layouts of a layer's forward run, its input's gradient and its weight's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/workloads.hpp"

namespace bench {

/// Which operand is stored transposed: C = A B^T, A B or A^T B, all row-major.
enum class Layout : std::uint8_t { nt, nn, tn };

/// C[m, n] = A B over k, `batch` times.
struct Product {
  std::string name;
  Layout layout;
  std::int64_t batch, m, n, k;

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  bool a_transposed() const { return layout == Layout::tn; }
  bool b_transposed() const { return layout == Layout::nt; }
};

/// Contiguous, a batch behind the other.
struct Operands {
  std::vector<float> a, b, c;
};

/// Makes the step that multiplies once.
using ProductMaker = std::function<Step(const Product&, const std::shared_ptr<Operands>&)>;

const std::vector<Product>& products();

/// A workload for each product that the library supports; a step of a small one multiplies many times.
std::vector<Workload> product_workloads(
    const ProductMaker& make,
    const std::function<bool(const Product&)>& supports = [](const Product&) { return true; });

/// tapegrad's kernel.
Engine gemm_engine();
/// The peers that were found when this was built.
std::vector<Engine> gemm_peers();

#ifdef TAPEGRAD_BENCH_OPENBLAS
Engine openblas_engine();
#endif
#ifdef TAPEGRAD_BENCH_ONEDNN
Engine onednn_engine();
#endif
#ifdef TAPEGRAD_BENCH_EIGEN
Engine eigen_engine();
#endif
#ifdef TAPEGRAD_BENCH_LIBXSMM
Engine libxsmm_engine();
#endif

}  // namespace bench
