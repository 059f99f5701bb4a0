// A layer of one's own, with a parameter and a buffer that it writes, in a model with a list of layers: trained,
// checked and saved as any other.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>
namespace tg = tapegrad;

/// Each feature divided by its root mean square over the batches so far, times a gain.
struct RunningScale : tg::nn::Module {
  tg::nn::Parameter gain;
  tg::nn::Buffer mean_square;  // saved and copied with the model, but not trained
  TAPEGRAD_MODULE(gain, mean_square)

  explicit RunningScale(std::int64_t features) : gain(tg::ones({features})), mean_square(tg::ones({features})) {}

  tg::Tensor operator()(const tg::Tensor& x) {  // [N, features]
    const tg::Scope scope = entered();          // errors and the tape say which layer this is
    tg::Tensor y = gain * x / tg::sqrt(mean_square + 1e-5);
    if (is_training() && !tg::is_replaying()) {  // a check, or checkpoint(), runs this again
      const tg::NoRecord pause;
      mean_square.assign(0.9 * mean_square + 0.1 * tg::mean(tg::square(x), 0));
    }
    return y;
  }
};

struct Model : tg::nn::Module {
  std::vector<tg::nn::Linear> layers;
  std::vector<RunningScale> scales;
  tg::nn::Linear head{16, 1};
  TAPEGRAD_MODULE(layers, scales, head)  // what is not on the list is neither trained nor saved

  explicit Model(int depth) {
    for (int i = 0; i < depth; ++i) {
      layers.emplace_back(i == 0 ? 2 : 16, 16);
      scales.emplace_back(16);
    }
  }
  tg::Tensor operator()(tg::Tensor x) {
    for (std::size_t i = 0; i < layers.size(); ++i) x = tg::tanh(scales[i](layers[i](x)));
    return tg::squeeze(head(x), -1);
  }
};

int main() {
  tg::manual_seed(1);
  Model model(2);
  fmt::print("{}\n", tg::nn::summary(model));

  const tg::Tensor x = tg::randn({256, 2});
  const tg::Tensor target = tg::select(x, 1, 0) * tg::select(x, 1, 1);
  tg::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2});
  double first = 0.0, last = 0.0;
  for (int step = 0; step < 200; ++step) {
    tg::Tape tape;
    const tg::Tensor loss = tg::mse_loss(model(x), target);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    last = loss.item();
    if (step == 0) first = last;
  }
  fmt::print("loss {:.3f}, after 200 steps {:.3f}\n", first, last);

  const auto report = tg::nn::check_module(model, {tg::randn({3, 2}, {.dtype = tg::float64})});
  fmt::print("{}\n", report);

  model.eval();
  Model other(2);
  other.eval();
  other.load_state_dict(model.state_dict());  // the running mean squares too
  const bool same = tg::allclose(other(x), model(x), {.rtol = 0.0, .atol = 0.0});
  return report.ok() && last < 0.1 * first && same ? 0 : 1;
}
