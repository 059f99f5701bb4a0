// The workloads, for tapegrad and for the peers that are installed. One call of a Step is one training step: zero_grad,
// forward, loss, backward, AdamW (W6: record and sweep; W8: a whole gradient check).
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace bench {

inline constexpr std::array kThreads = {1, 2};

using Step = std::function<void()>;

struct Workload {
  std::string name;  ///< "W1"
  std::string description;
  std::function<Step()> make;
  /// Elementary operations in one step, where a time per operation says more than a time per step; else 0.
  double operations = 0;
  /// Bytes that one step must read and write at least, where bandwidth is the limit; else 0.
  double bytes = 0;
  /// Floating-point operations in one step, where they are the limit; else 0.
  double flops = 0;
  bool heavy = false;      ///< takes seconds
  int repetitions = 0;     ///< if it wants fewer than the others
  bool neighbour = false;  ///< runs beside another process that keeps a core busy
};

struct Engine {
  std::string name;
  std::function<void(int threads)> set_threads;
  std::vector<Workload> workloads;
  int process = 0;  ///< where it runs; 0: here
};

Engine tapegrad_engine();
/// Of its workloads those that trade time for memory; they have no peers.
std::vector<Workload> checkpoint_workloads();
/// And one for each op of the catalogue; they have none either.
std::vector<Workload> catalogue_workloads();
/// What the machine itself can do: the triad a = b + s c over arrays far larger than its caches (McCalpin's STREAM),
/// and fused multiply-adds in registers.
Engine machine_engine();
inline constexpr const char* kPeak = "peak";  // its second workload; flops are each thread's
#ifdef TAPEGRAD_BENCH_LIBTORCH
Engine libtorch_engine();
#endif
#ifdef TAPEGRAD_BENCH_ONEDNN
Engine onednn_workload_engine();
#endif

// ---- the shapes, the same for every engine

namespace block {  // W1, W1b: a post-norm encoder layer
inline constexpr int kBatch = 16, kLength = 7, kEmbed = 40, kHeads = 4, kHidden = 160;
}
struct Gpt {  // W2, W3: a character model; GPT2: a model of parts of words
  int block, batch, layers, heads, embed;
  int vocabulary = 65;
  int positions = block;  // that the model has learned; a batch may be shorter
};
inline constexpr Gpt kSmallGpt{.block = 64, .batch = 12, .layers = 4, .heads = 4, .embed = 128};
inline constexpr Gpt kLargeGpt{.block = 256, .batch = 16, .layers = 6, .heads = 6, .embed = 384};
/// The smallest GPT-2 (Radford et al. 2019): 124,439,808 parameters.
inline constexpr Gpt kGpt2{
    .block = 64, .batch = 4, .layers = 12, .heads = 12, .embed = 768, .vocabulary = 50257, .positions = 1024};
namespace stack {  // D4 ... D64c: encoder layers, with few parameters for their many positions
inline constexpr int kBatch = 64, kLength = 64, kEmbed = 32, kHeads = 4;
inline constexpr std::array kDepths = {4, 16, 64};
}  // namespace stack
namespace recurrent {  // W4: a character model with an LSTM
inline constexpr int kVocabulary = 65, kEmbed = 64, kHidden = 256, kBatch = 32, kLength = 64;
}
namespace perceptron {  // W5
inline constexpr int kInput = 784, kHidden = 512, kClasses = 10, kBatch = 128;
}
namespace chain {  // W6: one-element ops: mul, add, tanh in turn
inline constexpr int kOps = 10000;
}
namespace streams {  // W7: functions that memory bounds, forward and backward, and the optimiser
inline constexpr int kRows = 16384, kNormWidth = 384, kSoftmaxWidth = 256, kGeluWidth = 1536;
inline constexpr int kTensors = 10, kTensorSize = 1000000;  // the optimiser's
/// Forward: x read, y written; backward: one tensor and dy read, dx written.
constexpr double bytes_of_rows(int width) { return 5.0 * 4.0 * kRows * width; }
/// Weights and both moments read and written, gradients read.
inline constexpr double kOptimizerBytes = 7.0 * 4.0 * kTensors * kTensorSize;
}  // namespace streams
namespace checked {  // W8, W8b: functions whose derivatives are checked
inline constexpr int kBatch = 2, kLength = 5, kEmbed = 16, kHeads = 4;
inline constexpr int kRows = 4, kFeatures = 8;
inline constexpr int kEveryElement = 1 << 30;
}  // namespace checked

}  // namespace bench
