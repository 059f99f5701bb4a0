// The numbers of GELU's tanh form, x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)).
#pragma once

namespace tapegrad::kernels {

inline constexpr double kGeluLinear = 1.59576912160573071176;  // 2 sqrt(2 / pi)
inline constexpr double kGeluCube = 0.044715;
inline constexpr double kGeluCubic = kGeluLinear * kGeluCube;

}  // namespace tapegrad::kernels
