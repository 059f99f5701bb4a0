// A list whose greatest length is known when it is made, on the stack for the usual few.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace tapegrad {

template <class T>
class Few {
 public:
  /// An empty list with room for `most`.
  explicit Few(std::size_t most) {
    if (most > kFew) data_ = static_cast<T*>(::operator new(most * sizeof(T)));
  }
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  ~Few() {
    std::destroy_n(data_, size_);
    if (static_cast<void*>(data_) != few_) ::operator delete(data_);
  }

  /// REQUIRES: there is room.
  template <class Value>
  T& push(Value&& value) {
    return *::new (static_cast<void*>(data_ + size_++)) T(std::forward<Value>(value));
  }
  std::span<T> span() { return {data_, size_}; }

 private:
  static constexpr std::size_t kFew = 8;
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  alignas(T) std::byte few_[kFew * sizeof(T)];
  T* data_ = reinterpret_cast<T*>(few_);
  std::size_t size_ = 0;
};

}  // namespace tapegrad
