// oneDNN: a primitive for each product, made once.
#include <omp.h>

#include <dnnl.hpp>

#include "bench/products.hpp"

namespace bench {

Engine onednn_engine() {
  return {"oneDNN", [](int threads) { omp_set_num_threads(threads); },
          product_workloads([](const Product& p, const std::shared_ptr<Operands>& x) -> Step {
            using dnnl::memory;
            const dnnl::engine processor(dnnl::engine::kind::cpu, 0);
            const dnnl::stream stream(processor);
            const auto type = memory::data_type::f32;
            const memory::desc a({p.batch, p.m, p.k}, type,
                                 p.a_transposed() ? memory::dims{p.m * p.k, 1, p.m} : memory::dims{p.m * p.k, p.k, 1});
            const memory::desc b({p.batch, p.k, p.n}, type,
                                 p.b_transposed() ? memory::dims{p.k * p.n, 1, p.k} : memory::dims{p.k * p.n, p.n, 1});
            const memory::desc c({p.batch, p.m, p.n}, type, memory::dims{p.m * p.n, p.n, 1});
            const dnnl::matmul product(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), processor));
            const std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, memory(a, processor, x->a.data())},
                                                               {DNNL_ARG_WEIGHTS, memory(b, processor, x->b.data())},
                                                               {DNNL_ARG_DST, memory(c, processor, x->c.data())}};
            return [x, product, stream, arguments] {
              product.execute(stream, arguments);
              dnnl::stream(stream).wait();
            };
          })};
}

}  // namespace bench
