// Convolution over time on contiguous arrays, by products of matrices.
//
// The three functions are the partial derivatives of one trilinear form,
//   F(x, w, g) = sum over n, o, c, k, t of g[n, o, t] w[o, c, k] x[n, c, t stride + k dilation - before],
// in which x counts as 0 outside its sequence; with groups, o and c run over the channels of one group at a time.
// x [sequences, groups in, length], w [groups out, in, taps], g [sequences, groups out, steps].
//
// Windows are laid out as the columns of a matrix (im2col), a block of them at a time, so memory does not grow with the
// batch. Every element of a result is one chain of multiply-adds whose order follows from the channels and taps (for w
// from sequences and steps): the same bits at any number of threads, those of y and dx also alone or in a batch. A long
// float chain is cut as a matrix product's is (gemm.hpp), and its pieces added in double. Results alias no operand.
// Instantiated for float and double.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

struct Convolution {
  std::int64_t sequences = 0;
  std::int64_t groups = 1;
  std::int64_t in = 0;   ///< channels of x in one group
  std::int64_t out = 0;  ///< channels of g in one group
  std::int64_t length = 0;
  std::int64_t steps = 0;
  std::int64_t taps = 0;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t before = 0;  ///< zeros before the sequence
};

/// y = dF/dg, plus bias [groups out] unless null.
template <class T>
void convolve(const Convolution& c, const T* x, const T* w, const T* bias, T* y);

/// dF/dx, plus bias [groups in] unless null; added to x if `accumulate`. A stride s splits x into s phases, each of
/// them a convolution of stride 1 with the taps that meet it: no multiplication by a zero between steps.
template <class T>
void convolve_adjoint(const Convolution& c, const T* g, const T* w, const T* bias, T* x, bool accumulate);

/// dF/dw; added to w if `accumulate`.
template <class T>
void correlate(const Convolution& c, const T* x, const T* g, T* w, bool accumulate);

}  // namespace tapegrad::kernels
