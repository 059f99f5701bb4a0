#include "tapegrad/tape/engine/substitutes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "tapegrad/base/error.hpp"

namespace tapegrad::engine {

namespace {

thread_local std::vector<const Substitutes*> active_substitutes;

/// Held by whoever looks into places that another thread may have, or changes what stands there.
std::mutex places_mutex;
std::vector<const Substitutes*> of_all_threads;

}  // namespace

Substitutes::Substitutes(std::vector<Place> places) : originals_(std::move(places)), thread_(&active_substitutes) {
  handles_.reserve(originals_.size());
  for (const Place& place : originals_) handles_.push_back(place.handle);
  std::sort(handles_.begin(), handles_.end(), std::less<>());

  const std::lock_guard lock(places_mutex);
  if (std::any_of(of_all_threads.begin(), of_all_threads.end(), [&](const Substitutes* s) { return meets(*s); }))
    throw TapeError("[substitution] another thread has a Substitution on this module: give each thread a copy");
  for (std::size_t i = 0; i < originals_.size(); ++i) {
    const Shape& expected = originals_[i].handle->shape();
    const Tensor& value = originals_[i].value;
    if (!value.defined())
      throw ValueError(
          fmt::format("[substitution] expected a tensor of shape {} for parameter {}, got an undefined one",
                      to_string(expected), i));
    if (value.shape() != expected)
      throw ShapeError(fmt::format("[substitution] expected a tensor of shape {} for parameter {}, got {}",
                                   to_string(expected), i, to_string(value.shape())));
  }
  std::erase_if(originals_, [](const Place& place) { return place.handle->impl() == place.value.impl(); });
  active_substitutes.reserve(active_substitutes.size() + 1);
  of_all_threads.push_back(this);  // from here on nothing throws
  active_substitutes.push_back(this);
  for (Place& place : originals_) std::swap(*place.handle, place.value);
}

Substitutes::~Substitutes() {
  const std::lock_guard lock(places_mutex);
  for (auto place = originals_.rbegin(); place != originals_.rend(); ++place) std::swap(*place->handle, place->value);
  std::erase(active_substitutes, this);
  std::erase(of_all_threads, this);
}

Substitutes::Stillness::Stillness() { places_mutex.lock(); }

Substitutes::Stillness::~Stillness() { places_mutex.unlock(); }

bool Substitutes::meets(const Substitutes& other) const {
  if (thread_ == other.thread_) return false;  // they nest
  auto mine = handles_.begin();
  auto theirs = other.handles_.begin();
  while (mine != handles_.end() && theirs != other.handles_.end()) {
    if (*mine == *theirs) return true;
    if (std::less<>()(*mine, *theirs))
      ++mine;
    else
      ++theirs;
  }
  return false;
}

const Tensor& Substitutes::original(const Tensor& handle) {
  for (const Substitutes* substitutes : active_substitutes)  // the outermost has it
    for (const Place& place : substitutes->originals_)
      if (place.handle == &handle) return place.value;
  return handle;
}

void Substitutes::expect_original(const Tensor& handle, const char* writer) {
  if (&original(handle) != &handle)
    throw TapeError(
        fmt::format("[{}] a Substitution has another tensor in the place of the parameter {}, which would be written "
                    "instead: write when it has ended",
                    writer, to_string(handle.shape())));
}

std::vector<Substitutes::Place> Substitutes::current() {
  std::vector<Place> places;
  for (const Substitutes* substitutes : active_substitutes)
    for (const Place& place : substitutes->originals_) places.push_back({place.handle, *place.handle});
  return places;
}

}  // namespace tapegrad::engine
