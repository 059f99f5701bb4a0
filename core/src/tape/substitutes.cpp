#include "tapegrad/tape/engine/substitutes.hpp"

#include <fmt/format.h>

#include <utility>

#include "tapegrad/base/error.hpp"

namespace tapegrad::engine {

namespace {

thread_local std::vector<const Substitutes*> active_substitutes;

}  // namespace

Substitutes::Substitutes(std::vector<Place> places) : originals_(std::move(places)) {
  std::erase_if(originals_, [](const Place& place) { return place.handle->impl() == place.value.impl(); });
  active_substitutes.push_back(this);
  for (Place& place : originals_) std::swap(*place.handle, place.value);
}

Substitutes::~Substitutes() {
  for (auto place = originals_.rbegin(); place != originals_.rend(); ++place) std::swap(*place->handle, place->value);
  std::erase(active_substitutes, this);
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
