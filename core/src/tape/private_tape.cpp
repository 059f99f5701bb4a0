#include "tape/private_tape.hpp"

#include <memory>
#include <string>
#include <vector>

#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

Tensor off_tape(const Tensor& x) {
  if (!x.defined()) return x;
  Tensor y = x.detach();
  if (x.impl()->tangents != nullptr) {
    y.impl()->tangents = std::make_unique<std::vector<Tangent>>();
    for (const Tangent& t : *x.impl()->tangents) y.impl()->tangents->push_back({t.level, off_tape(t.value)});
  }
  return y;
}

TapeAside::TapeAside()
    : outer_(recorder.aside),
      tape_(recorder.tape),
      serial_(recorder.serial),
      generation_(recorder.generation),
      paused_(recorder.paused) {
  recorder.aside = this;
  recorder.detach();
  recorder.paused = 0;
}

TapeAside::~TapeAside() {
  recorder.tape = tape_;
  recorder.serial = serial_;
  recorder.generation = generation_;
  recorder.paused = paused_;
  recorder.aside = outer_;
}

PrivateTape::PrivateTape() {
  const TapeAside aside;
  tape_ = std::make_unique<Tape>();
  impl_ = recorder.tape;
  impl_->home = nullptr;
}

PrivateTape::Use::Use(PrivateTape& tape, const char* name) : owner_(tape) {
  const std::thread::id here = std::this_thread::get_id();
  if (!owner_.user_.compare_exchange_strong(before_, here, std::memory_order_acquire) && before_ != here)
    throw TapeError(std::string("[") + name + "] another thread is using what this function recorded: call " + name +
                    " on each thread");
  recorder.attach(*owner_.impl_);
}
PrivateTape::Use::~Use() { owner_.user_.store(before_, std::memory_order_release); }

}  // namespace tapegrad
