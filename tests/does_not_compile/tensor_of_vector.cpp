// tensor() takes lists that are written out; numbers that a program holds go through from_vector.
#include "tapegrad/tape/create.hpp"

tapegrad::Tensor of(const std::vector<float>& values) { return tapegrad::tensor(values); }
