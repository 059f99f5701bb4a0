// Convolutions over time, in PyTorch's layout: channels first, [N, C, L]. For sequences that hold their features last,
// [N, L, E], write conv(x.transpose(1, 2)).transpose(1, 2): the transposes are views.
#pragma once

#include <cstdint>

#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/conv.hpp"

namespace tapegrad::nn {

struct Conv1dOptions {
  std::int64_t stride = 1;
  /// Zeros at both ends.
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  /// Pads with zeros in front only, so that no step sees later ones. Not together with `padding`.
  bool causal = false;
  bool bias = true;
  DType dtype = float32;
};

/// [N, in_channels, L] -> [N, out_channels, T], or the same without N: tapegrad::conv1d with a weight [out_channels,
/// in_channels / groups, kernel_size] and a bias [out_channels], both uniform on +-1/sqrt(in_channels / groups *
/// kernel_size) at first, as PyTorch's. Throws ShapeError, DTypeError.
class Conv1d : public Module {
 public:
  /// Throws ValueError for sizes, a stride or a dilation below 1, a negative padding, groups that do not divide both
  /// numbers of channels, and a padding beside `causal`; DTypeError for a dtype that is not floating.
  Conv1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size, Conv1dOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)

 private:
  tapegrad::Conv1dOptions options_;
};

struct ConvTranspose1dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t output_padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  DType dtype = float32;
};

/// [N, in_channels, T] -> [N, out_channels, L], or the same without N: tapegrad::conv_transpose1d with a weight
/// [in_channels, out_channels / groups, kernel_size] and a bias [out_channels], uniform on +-1/sqrt(out_channels /
/// groups * kernel_size) at first, as PyTorch's. Throws ShapeError, DTypeError, ValueError.
class ConvTranspose1d : public Module {
 public:
  /// Throws ValueError as Conv1d's.
  ConvTranspose1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size,
                  ConvTranspose1dOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)

 private:
  tapegrad::ConvTranspose1dOptions options_;
};

}  // namespace tapegrad::nn
