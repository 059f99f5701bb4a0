// A model whose gradient is wrong: which of its operations is to blame?
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

/// x sigmoid(x), with a rule that forgets half of the product rule.
struct Swish : tg::Op<Swish> {
  static constexpr std::string_view name = "swish";
  static constexpr std::string_view math = R"(y = x\,\sigma(x);\quad \bar x = \bar y\,\sigma(x))";
  tg::Tensor forward(const tg::Tensor& x) const { return x * tg::sigmoid(x); }
  tg::Tensor vjp(const tg::Saved& s, const tg::Tensor& dy) const { return dy * tg::sigmoid(s.input(0)); }
};

struct Block : tg::nn::Module {
  tg::nn::Linear linear{4, 4, {.dtype = tg::float64}};
  tg::nn::LayerNorm norm{4, {.dtype = tg::float64}};
  TAPEGRAD_MODULE(linear, norm)
  tg::Tensor operator()(const tg::Tensor& x) {
    const tg::Scope scope = entered();  // names what the block records
    return norm(x + tg::apply(Swish{}, linear(x)));
  }
};

struct Model : tg::nn::Module {
  std::vector<Block> blocks{2};
  TAPEGRAD_MODULE(blocks)
  tg::Tensor operator()(const tg::Tensor& x) { return tg::mean(tg::exp(blocks[1](blocks[0](x)))); }
};

int main() {
  tg::manual_seed(0);
  Model model;
  model.named_parameters();  // gives each module its path
  const tg::Tensor x = tg::randn({3, 4}, {.dtype = tg::float64});

  // End to end one learns that something is wrong, somewhere.
  const auto report = tg::gradcheck(model, {x}, {.order = 1, .forward_mode = false});
  fmt::print("{}\n", report);

  // Node by node one learns what, and where.
  tg::Tape tape({.study = true});
  const tg::Tensor loss = model(x);
  const tg::BlameReport blamed = tg::blame(tape, loss);
  fmt::print("{}\n", blamed);

  const bool found = blamed.wrong.size() == 2 && blamed.wrong[0].op == "swish" && blamed.wrong[0].scope == "blocks.1" &&
                     blamed.wrong[1].scope == "blocks.0";
  return report.verdict() == tg::Verdict::wrong && found ? 0 : 1;
}
