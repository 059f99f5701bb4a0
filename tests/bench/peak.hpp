// The floating-point peak of the processor, for fractions of it.
#pragma once

namespace bench {

struct FusedMultiplyAdds {
  float result;  // so that they happen
  double flops;
};

/// Some 100 to 200 us of independent multiply-adds in the widest vectors that this processor has, on the calling
/// thread.
FusedMultiplyAdds fused_multiply_adds();

}  // namespace bench
