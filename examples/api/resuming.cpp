// Training that stops and goes on as if it had not: model, optimiser, schedule and random numbers in one file.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <filesystem>
#include <random>
#include <string>
namespace tg = tapegrad;

namespace {

/// All that a training run is made of.
struct Run {
  tg::nn::Sequential model{tg::nn::Linear(2, 16), tg::nn::Tanh(), tg::nn::Dropout(0.1), tg::nn::Linear(16, 1)};
  tg::optim::AdamW optimizer{model.parameters(), {.lr = 1e-2}};
  tg::optim::WarmupCosine schedule{optimizer, {.warmup_steps = 5, .total_steps = 40}};
  tg::Generator data{3};

  double step() {
    const tg::Tensor x = tg::randn({32, 2}, data);
    const tg::Tensor y = tg::select(x, 1, 0) * tg::select(x, 1, 1);
    tg::Tape tape;
    const tg::Tensor loss = tg::mse_loss(tg::squeeze(model(x), -1), y);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    return loss.item();
  }

  // Dropout draws from the thread's default generator.
  void save(const std::string& path) const {
    tg::save_checkpoint(path, model, optimizer, schedule, data, tg::default_generator());
  }
  void load(const std::string& path) {
    tg::load_checkpoint(path, model, optimizer, schedule, data, tg::default_generator());
  }
};

}  // namespace

int main() {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("resuming-{}.ckpt", std::random_device{}())).string();
  tg::manual_seed(1);
  Run first;
  for (int step = 0; step < 20; ++step) first.step();
  first.save(path);
  double uninterrupted = 0;
  for (int step = 20; step < 40; ++step) uninterrupted = first.step();

  Run second;  // another process, say
  second.load(path);
  double resumed = 0;
  for (int step = 20; step < 40; ++step) resumed = second.step();
  std::filesystem::remove(path);

  fmt::print("loss after 40 steps: {:.6f} in one go, {:.6f} resumed after 20\n", uninterrupted, resumed);
  return uninterrupted == resumed ? 0 : 1;  // to the bit
}
