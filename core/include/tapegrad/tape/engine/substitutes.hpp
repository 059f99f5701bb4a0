// Tensors that stand in for parameters. Users have nn::Substitution.
#pragma once

#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::engine {

/// While it lives, other tensors stand in the places of a module's parameters. A checkpointed block that has run
/// meanwhile finds them there again when the sweep runs it again.
class Substitutes {
 public:
  /// A handle and the tensor that it shall hold.
  struct Place {
    Tensor* handle;
    Tensor value;
  };

  /// Places that hold their tensor already are left alone. Throws TapeError while another thread has tensors in one of
  /// the places, ShapeError for a tensor of another shape than the place's, ValueError for an undefined one. REQUIRES:
  /// the handles stay where they are until this ends and every tape that has recorded a checkpoint meanwhile is
  /// consumed; this ends in the thread in which it began.
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

  /// While it lives, no other thread puts a tensor into any place or takes one away: for who reads which places there
  /// are. REQUIRES: no Substitutes begin or end in its thread meanwhile.
  class Stillness {
   public:
    [[nodiscard]] Stillness();
    Stillness(const Stillness&) = delete;
    Stillness& operator=(const Stillness&) = delete;
    ~Stillness();
  };

 private:
  /// Whether another thread's has one of these places.
  bool meets(const Substitutes& other) const;

  std::vector<const Tensor*> handles_;  // all of them, in the order of their addresses
  std::vector<Place> originals_;
  const void* thread_;  // whose this is
};

}  // namespace tapegrad::engine
