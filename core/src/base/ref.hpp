// An owning pointer to an object that counts its owners itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tapegrad {

/// Takes one owner off a count; whether it was the last, who destroys the object. A sole owner writes nothing: nobody
/// else can have an interest in the count, and a locked instruction costs more than a small object's allocation.
inline bool drop_owner(std::atomic<std::int32_t>& owners) {
  return owners.load(std::memory_order_acquire) == 1 || owners.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

/// T provides `void retain() const` and `void release() const`.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  /// Takes over a count that is already held.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace tapegrad
