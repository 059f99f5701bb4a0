// The rules by which optimisers update parameters, as numbers: the definitions that kernels, tensors' updates and
// optimisers share.
#pragma once

#include <cstdint>

namespace tapegrad {

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
/// p -= lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps),
/// with g += weight_decay p before, or, decoupled, p -= lr weight_decay p. AMSGrad divides by the largest v so far in
/// the place of v (Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018, algorithm 2). An m below
/// 2^-100 (2^-960 for float64) becomes 0, and so does a v below the least normal number: where gradients have stopped
/// they would end as subnormal numbers, which make every later step slow. Kingma and Ba, "Adam: a method for stochastic
/// optimization", ICLR 2015, algorithm 1; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
/// algorithm 2.
struct AdamRule {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool decoupled = false;  ///< AdamW: the decay shrinks the parameter; else it is added to the gradient
  std::int64_t step = 1;   ///< the number of this update, from 1
};

/// g += weight_decay p;  velocity = momentum velocity + gradient_share g;  p -= lr velocity, or
/// p -= lr (g + momentum velocity) in Nesterov's form (Sutskever, Martens, Dahl, Hinton, ICML 2013), or p -= lr g
/// without velocity. A velocity as small as in AdamRule becomes 0 too.
struct SGDRule {
  double lr = 1e-3;
  double momentum = 0.0;
  double gradient_share = 1.0;  ///< of the gradient in the velocity: 1 - dampening
  double weight_decay = 0.0;
  bool nesterov = false;
};

/// g += weight_decay p;  v = keep v + share g^2;  mean = keep mean + share g, where there is one;
/// d = g / (sqrt(v - mean^2) + eps);  velocity = momentum velocity + d;  p -= lr velocity, or p -= lr d without
/// velocity. With share = 1 - keep this is RMSprop (Tieleman and Hinton, "Lecture 6.5", 2012; with a mean, its centred
/// form: Graves, arXiv:1308.0850, equations 38 to 41), with keep = share = 1 Adagrad (Duchi, Hazan and Singer, JMLR 12,
/// 2011). A mean or velocity as small as Adam's m becomes 0 too, and so does a v below the least normal number.
struct RMSRule {
  double lr = 1e-2;
  double keep = 0.99;
  double share = 0.01;
  double eps = 1e-8;
  double momentum = 0.0;
  double weight_decay = 0.0;
};

}  // namespace tapegrad
