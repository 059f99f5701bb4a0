// Every op of the catalogue on its benchmark case: forward and, where it has gradients, backward, in float64.
#include <memory>
#include <string>
#include <vector>

#include "bench/workloads.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tapegrad.hpp"

namespace bench {
namespace {

namespace tg = tapegrad;

Step make_op(const tg::catalogue::OpEntry& op) {
  tg::Generator g(0);
  const auto sample = std::make_shared<tg::catalogue::Sample>(op.benchmark(g));
  std::vector<tg::Tensor> leaves;
  for (tg::Tensor& x : sample->inputs)
    if (op.differentiable && x.defined() && tg::is_floating(x.dtype())) leaves.push_back(x.set_requires_grad(true));
  return [sample, leaves] {
    tg::Tape tape;
    std::vector<tg::Tensor> ys;
    std::vector<tg::Tensor> cotangents;
    for (const tg::Tensor& y : sample->call(sample->inputs)) {
      if (!y.is_tracked()) continue;
      ys.push_back(y);
      cotangents.push_back(tg::ones_like(y));
    }
    if (!ys.empty()) (void)tape.pull_back(ys, cotangents, leaves);
  };
}

}  // namespace

std::vector<Workload> catalogue_workloads() {
  std::vector<Workload> workloads;
  for (const tg::catalogue::OpEntry* op : tg::catalogue::all_ops()) {
    tg::Generator g(0);
    workloads.push_back({.name = "op/" + std::string(op->name),
                         .description = op->benchmark(g).name,
                         .make = [op] { return make_op(*op); },
                         .repetitions = 5});
  }
  return workloads;
}

}  // namespace bench
