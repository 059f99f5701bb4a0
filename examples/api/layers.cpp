// Layers on [N, L, E] = [16, 7, 40]: attention, and the two normalisations that this engine was built to compare.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

int main() {
  tg::manual_seed(0);
  tg::Tensor x = tg::randn({16, 7, 40});  // [N, L, E]
  tg::nn::MultiHeadAttention attention({.embed_dim = 40, .num_heads = 4});
  tg::nn::LayerNorm layer_norm(40);
  tg::nn::BatchNorm batch_norm(40);                   // statistics over N and L, one per feature
  tg::Tensor a = layer_norm(x + attention(x, x, x));  // [16, 7, 40]
  tg::Tensor b = batch_norm(x + attention(x, x, x));

  fmt::print("layer norm: {}, the first token's mean over its features {:.1e}\n", a.shape(), tg::mean(a[0][0]).item());
  fmt::print("batch norm: {}, the first feature's mean over the batch {:.1e}\n", b.shape(),
             tg::mean(tg::select(b, 2, 0)).item());
  fmt::print("the first token's mean after batch norm {:.3f}: it is not normalised by itself\n",
             tg::mean(b[0][0]).item());
}
