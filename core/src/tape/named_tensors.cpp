#include "tapegrad/tape/named_tensors.hpp"

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"

namespace tapegrad {

NamedTensors::NamedTensors(std::initializer_list<Item> items) {
  for (const Item& item : items) insert(item.first, item.second);
}

void NamedTensors::insert(std::string name, Tensor tensor) {
  if (!places_.emplace(name, items_.size()).second)
    throw ValueError("[named_tensors] the name '" + name + "' is there already");
  items_.emplace_back(std::move(name), std::move(tensor));
}

void NamedTensors::insert(std::string_view prefix, const NamedTensors& list) {
  NamedTensors all = *this;
  for (const auto& [name, tensor] : list) all.insert(std::string(prefix) + name, tensor);
  *this = std::move(all);
}

NamedTensors NamedTensors::under(std::string_view prefix) const {
  NamedTensors list;
  for (const auto& [name, tensor] : items_)
    if (std::string_view(name).starts_with(prefix)) list.insert(name.substr(prefix.size()), tensor);
  return list;
}

NamedTensors NamedTensors::clone() const {
  NamedTensors list;
  for (const auto& [name, tensor] : items_)
    list.insert(name, tensor.defined() ? engine::unrecorded_copy(tensor) : Tensor());
  return list;
}

const Tensor* NamedTensors::find(std::string_view name) const& {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &items_[place->second].second;
}

const Tensor& NamedTensors::at(std::string_view name) const& {
  if (const Tensor* tensor = find(name)) return *tensor;
  throw IndexError("[named_tensors] there is no tensor named '" + std::string(name) + "' among " +
                   std::to_string(size()));
}

std::vector<std::string> NamedTensors::names() const {
  std::vector<std::string> names;
  names.reserve(size());
  for (const Item& item : items_) names.push_back(item.first);
  return names;
}

std::vector<Tensor> NamedTensors::tensors() const {
  std::vector<Tensor> tensors;
  tensors.reserve(size());
  for (const Item& item : items_) tensors.push_back(item.second);
  return tensors;
}

}  // namespace tapegrad
