#include "bench/products.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/gemm.hpp"
#include "tapegrad/base/threads.hpp"

namespace bench {
namespace {

/// Operations that one step has at least: some 20 us.
constexpr double kStepFlops = 2e6;

/// A linear layer of so many rows: forward, its input's gradient, its weight's.
void add_linear(std::vector<Product>& list, std::int64_t rows, std::int64_t in, std::int64_t out) {
  const std::string shape = fmt::format("{}x{}to{}", rows, in, out);
  list.push_back({"NT/" + shape, Layout::nt, 1, rows, out, in});
  list.push_back({"NN/" + shape, Layout::nn, 1, rows, in, out});
  list.push_back({"TN/" + shape, Layout::tn, 1, out, in, rows});
}

/// A batch of attention heads: scores, their product with the values, the values' gradient.
void add_heads(std::vector<Product>& list, std::int64_t heads, std::int64_t length, std::int64_t width) {
  const std::string shape = fmt::format("{}of{}x{}", heads, length, width);
  list.push_back({"NT/" + shape, Layout::nt, heads, length, length, width});
  list.push_back({"NN/" + shape, Layout::nn, heads, length, width, length});
  list.push_back({"TN/" + shape, Layout::tn, heads, length, width, length});
}

std::vector<float> filled(std::int64_t size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) * 0.125F - 1.0F;
  return values;
}

}  // namespace

const std::vector<Product>& products() {
  static const std::vector<Product> list = [] {
    std::vector<Product> all;
    add_linear(all, 112, 40, 40);
    add_linear(all, 112, 40, 160);
    add_linear(all, 768, 128, 512);
    add_linear(all, 4096, 384, 1536);
    add_heads(all, 64, 7, 10);
    add_heads(all, 48, 64, 32);
    add_heads(all, 96, 256, 64);
    return all;
  }();
  return list;
}

std::vector<Workload> product_workloads(const ProductMaker& make, const std::function<bool(const Product&)>& supports) {
  std::vector<Workload> list;
  for (const Product& p : products()) {
    if (!supports(p)) continue;
    const int repeats = static_cast<int>(std::max(1.0, kStepFlops / p.flops()));
    list.push_back({.name = p.name,
                    .description = "",
                    .make = [make, &p, repeats]() -> Step {
                      const auto operands = std::make_shared<Operands>(Operands{
                          filled(p.batch * p.m * p.k), filled(p.batch * p.k * p.n), filled(p.batch * p.m * p.n)});
                      return [multiply = make(p, operands), repeats] {
                        for (int i = 0; i < repeats; ++i) multiply();
                      };
                    },
                    .flops = p.flops() * repeats});
  }
  return list;
}

Engine gemm_engine() {
  namespace kernels = tapegrad::kernels;
  return {"tapegrad", [](int threads) { tapegrad::set_num_threads(threads); },
          product_workloads([](const Product& p, const std::shared_ptr<Operands>& x) -> Step {
            std::vector<kernels::BatchOffset> batches;
            for (std::int64_t i = 0; i < p.batch; ++i) batches.push_back({i * p.m * p.k, i * p.k * p.n, i * p.m * p.n});
            const kernels::MatrixRef<const float> a = p.a_transposed()
                                                          ? kernels::MatrixRef<const float>{x->a.data(), 1, p.m}
                                                          : kernels::MatrixRef<const float>{x->a.data(), p.k, 1};
            const kernels::MatrixRef<const float> b = p.b_transposed()
                                                          ? kernels::MatrixRef<const float>{x->b.data(), 1, p.k}
                                                          : kernels::MatrixRef<const float>{x->b.data(), p.n, 1};
            return [&p, x, a, b, batches] {
              kernels::gemm_batched<float>(batches, p.m, p.n, p.k, a, b, {x->c.data(), p.n, 1});
            };
          })};
}

std::vector<Engine> gemm_peers() {
  std::vector<Engine> peers;
#ifdef TAPEGRAD_BENCH_OPENBLAS
  peers.push_back(openblas_engine());
#endif
#ifdef TAPEGRAD_BENCH_ONEDNN
  peers.push_back(onednn_engine());
#endif
#ifdef TAPEGRAD_BENCH_EIGEN
  peers.push_back(eigen_engine());
#endif
#ifdef TAPEGRAD_BENCH_LIBXSMM
  peers.push_back(libxsmm_engine());
#endif
  return peers;
}

}  // namespace bench
