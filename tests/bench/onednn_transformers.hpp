// Transformers on oneDNN.
#pragma once

#include "bench/workloads.hpp"

namespace bench::onednn {

Step make_block();
Step make_gpt(const Gpt& shape);

}  // namespace bench::onednn
