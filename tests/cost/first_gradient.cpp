// One transformer layer, one gradient: the smallest program that has it all.
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

int main() {
  tg::nn::TransformerEncoderLayer layer({.embed_dim = 40, .num_heads = 4, .ffn_dim = 160});
  const tg::Tensor x = tg::randn({16, 7, 40});
  tg::Tape tape;
  tape.backward(tg::sum(tg::square(layer(x))));
  return layer.parameters().front().grad().defined() ? 0 : 1;
}
