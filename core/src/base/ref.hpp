// An owning pointer to an object that counts its owners itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace tapegrad {

/// Whether this process has one thread: a count needs no locked instruction then, which costs more than a small
/// object's allocation. The C library knows; where it does not say, there may be others.
inline bool has_one_thread() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

/// Puts one owner to a count.
inline void add_owner(std::atomic<std::int32_t>& owners) {
  if (has_one_thread()) {
    owners.store(owners.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  } else {
    owners.fetch_add(1, std::memory_order_relaxed);
  }
}

/// Takes one owner off a count; whether it was the last, who destroys the object. A sole owner writes nothing: nobody
/// else can have an interest in the count.
inline bool drop_owner(std::atomic<std::int32_t>& owners) {
  const std::int32_t before = owners.load(std::memory_order_acquire);
  if (before == 1) return true;
  if (!has_one_thread()) return owners.fetch_sub(1, std::memory_order_acq_rel) == 1;
  owners.store(before - 1, std::memory_order_relaxed);
  return false;
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

  /// Gives up the count that it holds: the caller's from here on.
  T* take() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace tapegrad
