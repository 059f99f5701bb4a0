// The workloads, for tapegrad and for the peers that are installed. One call of a Step is one training step: zero_grad,
// forward, loss, backward, AdamW (W6: record and sweep; W8: a whole gradient check).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace bench {

using Step = std::function<void()>;

struct Workload {
  std::string name;  ///< "W1"
  std::string description;
  std::function<Step()> make;
  /// Elementary operations in one step, where a time per operation says more than a time per step; else 0.
  double operations = 0;
};

struct Engine {
  std::string name;
  std::function<void(int threads)> set_threads;
  std::vector<Workload> workloads;
};

Engine tapegrad_engine();
#ifdef TAPEGRAD_BENCH_LIBTORCH
Engine libtorch_engine();
#endif

// ---- the shapes, the same for every engine

namespace block {  // W1, W1b: a post-norm encoder layer
inline constexpr int kBatch = 16, kLength = 7, kEmbed = 40, kHeads = 4, kHidden = 160;
}
namespace gpt {  // W2: a character model
inline constexpr int kVocabulary = 65, kBlock = 64, kBatch = 12, kLayers = 4, kHeads = 4, kEmbed = 128;
}
namespace perceptron {  // W5
inline constexpr int kInput = 784, kHidden = 512, kClasses = 10, kBatch = 128;
}
namespace chain {  // W6: one-element ops: mul, add, tanh in turn
inline constexpr int kOps = 10000;
}
namespace checked {  // W8, W8b: functions whose derivatives are checked
inline constexpr int kBatch = 2, kLength = 5, kEmbed = 16, kHeads = 4;
inline constexpr int kRows = 4, kFeatures = 8;
inline constexpr int kEveryElement = 1 << 30;
}  // namespace checked

}  // namespace bench
