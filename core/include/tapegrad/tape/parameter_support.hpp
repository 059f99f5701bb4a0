// What owners of parameters (modules) need of the engine beyond the interface of Tensor. Users of layers need none of
// it.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/base/dtype.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Whether a leaf is a module's parameter, and whether some module lists it. In a backward() that reaches named
/// parameters, an unnamed one is an error: nothing would train it.
enum class ParameterRole : std::uint8_t { plain, unnamed_parameter, named_parameter };

ParameterRole parameter_role(const Tensor& x);
void set_parameter_role(const Tensor& x, ParameterRole role);

/// A contiguous copy of the elements: neither recorded nor a leaf.
Tensor unrecorded_copy(const Tensor& x);

/// Whether two handles see the same elements of the same memory, so that to write one's into the other changes nothing.
bool sees_same_elements(const Tensor& a, const Tensor& b);

/// Throws TapeError "[writer] ..." when x is tracked by a recording tape: nobody may write it now.
void expect_writable(const Tensor& x, const char* writer);

/// Writes the elements of `values`, converted to x's dtype, into x's storage, whose version moves; `writer` stands in
/// error messages. Throws ShapeError "[writer] ..." for another shape, TapeError when x is tracked by a recording tape.
void overwrite(const Tensor& x, const Tensor& values, const char* writer);

/// What overwrite() is to write where.
struct Overwrite {
  Tensor x;
  Tensor values;
};
/// All of them, or none where one throws. Values that lie in another x's elements are read before that is written.
void overwrite(const std::vector<Overwrite>& writes, const char* writer);

/// While it lives, other tensors stand in the places of a module's parameters. A checkpointed block that has run
/// meanwhile finds them there again when the sweep runs it again.
class Substitutes {
 public:
  /// A handle and the tensor that it shall hold.
  struct Place {
    Tensor* handle;
    Tensor value;
  };

  /// Places that hold their tensor already are left alone. REQUIRES: the handles stay where they are until this ends
  /// and every tape that has recorded a checkpoint meanwhile is consumed; this ends in the thread in which it began.
  [[nodiscard]] explicit Substitutes(std::vector<Place> places);
  Substitutes(const Substitutes&) = delete;
  Substitutes& operator=(const Substitutes&) = delete;
  ~Substitutes();

  /// All that stand in for others in this thread now.
  static std::vector<Place> current();
  /// The tensor that belongs in a handle's place: what stands aside while this thread has another there.
  static const Tensor& original(const Tensor& handle);
  /// Throws TapeError "[writer] ..." where that is another than the handle's: what is written now would go into the
  /// tensor that stands there for a while.
  static void expect_original(const Tensor& handle, const char* writer);

 private:
  std::vector<Place> originals_;
};

/// Gives x (all handles to it) elements of another dtype, its gradient too. Leaf identity, hooks and role stay. The one
/// exception to "a tensor's dtype never changes". Throws TapeError while a tape records.
void convert_in_place(const Tensor& x, DType dtype);

}  // namespace tapegrad
