// What the reverse sweep of a norm over rows and of one over columns is asked for.
#pragma once

namespace tapegrad::kernels {

/// Where the gradients go; null: not wanted. REQUIRES: what is wanted has room of the size of its input.
template <class T>
struct NormGradients {
  T* dx = nullptr;
  T* dgamma = nullptr;
  T* dbeta = nullptr;
};

}  // namespace tapegrad::kernels
