#include "tapegrad/nn/module.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <typeinfo>
#include <unordered_set>
#include <utility>
#include <vector>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/engine/parameter_role.hpp"
#include "tapegrad/tape/engine/substitutes.hpp"

namespace tapegrad::nn {

std::string_view members::Names::next() {
  const std::size_t comma = rest_.find(',');
  std::string_view name = rest_.substr(0, comma);
  rest_.remove_prefix(comma == std::string_view::npos ? rest_.size() : comma + 1);
  const std::size_t first = name.find_first_not_of(' ');
  name = name.substr(first, name.find_last_not_of(' ') + 1 - first);
  constexpr std::string_view kThis = "this->";  // as members of a base that depends on a template argument are written
  return name.starts_with(kThis) ? name.substr(kThis.size()) : name;
}

std::string members::element_name(std::string_view name, std::size_t i) {
  return std::string(name) + "." + std::to_string(i);
}

namespace {

struct TensorEntry {
  std::string name;
  OwnedTensor* owner;
  bool is_parameter;
};

struct ModuleEntry {
  std::string name;  // empty for the root
  Module* module;
  std::size_t first_tensor;  // its own tensors stand at [first_tensor, last_tensor)
  std::size_t last_tensor;
};

/// A module and all below it, parents first.
struct ModuleTree {
  explicit ModuleTree(Module& root) { read(root, ""); }
  // Reading changes nothing, but the visitor that a user's macro wrote is for both.
  explicit ModuleTree(const Module& root) : ModuleTree(const_cast<Module&>(root)) {}

  std::vector<TensorEntry> tensors;
  std::vector<ModuleEntry> modules;

 private:
  class Reader final : public MemberVisitor {
   public:
    Reader(ModuleTree& tree, const std::string& path) : tree_(tree), prefix_(path.empty() ? "" : path + ".") {}
    void parameter(std::string_view name, Parameter& parameter) override { add(name, parameter, true); }
    void buffer(std::string_view name, Buffer& buffer) override { add(name, buffer, false); }
    void module(std::string_view name, Module& module) override {
      children.emplace_back(prefix_ + std::string(name), &module);
    }

    std::vector<std::pair<std::string, Module*>> children;

   private:
    void add(std::string_view name, OwnedTensor& owner, bool is_parameter) {
      if (owner.defined() && tree_.seen_.insert(&owner).second)
        tree_.tensors.push_back({prefix_ + std::string(name), &owner, is_parameter});
    }
    ModuleTree& tree_;
    std::string prefix_;
  };

  void read(Module& module, const std::string& path) {
    Reader reader(*this, path);
    const std::size_t first = tensors.size();
    module.visit_members(reader);
    modules.push_back({path, &module, first, tensors.size()});
    for (const auto& [name, child] : reader.children) read(*child, name);
  }

  std::unordered_set<const OwnedTensor*> seen_;
};

/// "LayerNorm" for tapegrad::nn::LayerNorm.
std::string type_name(const Module& module) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(typeid(module).name(), nullptr, nullptr, &status), &std::free);
  const std::string_view name = status == 0 ? text.get() : typeid(module).name();
  const std::size_t colon = name.rfind("::", name.find('<'));  // not one among template arguments
  return std::string(colon == std::string_view::npos ? name : name.substr(colon + 2));
}

NamedTensors listed(const ModuleTree& tree, bool parameters) {
  NamedTensors list;
  for (const TensorEntry& entry : tree.tensors)
    if (entry.is_parameter == parameters) list.insert(entry.name, *entry.owner);
  return list;
}

/// Each module once, under its first name.
std::vector<std::pair<std::string, Module*>> distinct_modules(const ModuleTree& tree) {
  std::vector<std::pair<std::string, Module*>> list;
  std::unordered_set<const Module*> seen;
  for (const ModuleEntry& entry : tree.modules)
    if (seen.insert(entry.module).second) list.emplace_back(entry.name, entry.module);
  return list;
}

std::string join(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

}  // namespace

NamedTensors Module::named_parameters() {
  const ModuleTree tree(*this);
  const std::string prefix = path_.empty() ? "" : path_ + ".";
  for (const auto& [name, module] : distinct_modules(tree)) {
    if (name.empty()) continue;
    std::string path = prefix + name;
    if (module->path_ != path) module->path_ = std::move(path);  // a Scope may hold the one that is there
  }
  NamedTensors parameters = listed(tree, true);
  for (const auto& [name, tensor] : parameters)
    engine::set_parameter_role(tensor, engine::ParameterRole::named_parameter);
  return parameters;
}

std::vector<Tensor> Module::parameters() { return named_parameters().tensors(); }

std::vector<std::pair<std::string, Module*>> Module::named_modules() { return distinct_modules(ModuleTree(*this)); }

NamedTensors Module::named_buffers() const { return listed(ModuleTree(*this), false); }

NamedTensors Module::state_dict() const {
  NamedTensors state;
  for (const TensorEntry& entry : ModuleTree(*this).tensors) state.insert(entry.name, entry.owner->tensor().detach());
  return state;
}

namespace {

/// A module's tensors beside those of a state.
struct Comparison {
  StateDifference different;
  std::vector<std::pair<const OwnedTensor*, Tensor>> fitting;
  bool undefined = false;     // whether something mismatched is no tensor,
  bool other_shapes = false;  // or has another shape; otherwise its dtype is of another kind

  /// REQUIRES: something is different.
  [[noreturn]] void refuse(const std::string& message) const {
    if (undefined || !different.missing.empty() || !different.unexpected.empty()) throw ValueError(message);
    if (other_shapes) throw ShapeError(message);
    throw DTypeError(message);
  }
};

Comparison compare(const ModuleTree& tree, const NamedTensors& state) {
  Comparison comparison;
  StateDifference& different = comparison.different;
  std::unordered_set<std::string_view> known;
  for (const TensorEntry& entry : tree.tensors) {
    known.insert(entry.name);
    const Tensor* tensor = state.find(entry.name);
    if (tensor == nullptr) {
      different.missing.push_back(entry.name);
    } else if (!tensor->defined()) {
      comparison.undefined = true;
      different.mismatched.push_back(
          fmt::format("{}: expected {}, got an undefined tensor", entry.name, to_string(entry.owner->shape())));
    } else if (tensor->shape() != entry.owner->shape()) {
      comparison.other_shapes = true;
      different.mismatched.push_back(fmt::format("{}: expected {}, got {}", entry.name, to_string(entry.owner->shape()),
                                                 to_string(tensor->shape())));
    } else if (is_floating(tensor->dtype()) != is_floating(entry.owner->dtype())) {
      different.mismatched.push_back(fmt::format("{}: expected {}, got {}", entry.name, to_string(entry.owner->dtype()),
                                                 to_string(tensor->dtype())));
    } else {
      comparison.fitting.emplace_back(entry.owner, *tensor);
    }
  }
  for (const auto& [name, tensor] : state)
    if (!known.contains(name)) different.unexpected.push_back(name);
  return comparison;
}

/// What stands in the state before the names of all the module's tensors, none of which is there without it, as
/// before a checkpoint's part or what PyTorch's DataParallel saved; empty where there is no such.
std::string common_prefix(const ModuleTree& tree, const NamedTensors& state, const StateDifference& different) {
  if (different.missing.empty() || different.missing.size() < tree.tensors.size()) return {};
  const std::string& name = different.missing.front();
  for (const std::string& candidate : different.unexpected) {
    if (!candidate.ends_with(name)) continue;
    std::string prefix = candidate.substr(0, candidate.size() - name.size());
    if (std::all_of(different.missing.begin(), different.missing.end(),
                    [&](const std::string& missing) { return state.contains(prefix + missing); }))
      return prefix;
  }
  return {};
}

}  // namespace

void Module::load_state_dict(const NamedTensors& state) { static_cast<void>(load_state_dict(state, {.strict = true})); }

StateDifference Module::load_state_dict(const NamedTensors& state, LoadOptions options) {
  const ModuleTree tree(*this);
  Comparison comparison = compare(tree, state);
  StateDifference& different = comparison.different;
  if (options.strict && !different.empty()) {
    std::string message = "[load_state_dict]";
    if (!different.missing.empty()) message += " missing: " + join(different.missing) + ";";
    if (!different.unexpected.empty()) message += " unexpected: " + join(different.unexpected) + ";";
    if (!different.mismatched.empty()) message += " mismatched: " + join(different.mismatched) + ";";
    message.pop_back();
    if (const std::string prefix = common_prefix(tree, state, different); !prefix.empty())
      message += fmt::format("; all that are missing are there behind '{0}': load state.under(\"{0}\")", prefix);
    comparison.refuse(message);
  }
  std::vector<engine::Overwrite> writes;
  for (const auto& [owner, tensor] : comparison.fitting) {
    engine::Substitutes::expect_original(*owner, "load_state_dict");
    writes.push_back({*owner, tensor});
  }
  if (!writes.empty() && std::all_of(writes.begin(), writes.end(), [](const engine::Overwrite& write) {
        return engine::sees_same_elements(write.x, write.values);
      }))
    throw ValueError(
        "[load_state_dict] this state is the module's own, which has changed with it, and nothing would be loaded: "
        "keep state_dict().clone(), or a copy of the module");
  engine::overwrite(writes, "load_state_dict");
  return std::move(different);
}

void Module::train(bool training) {
  for (const ModuleEntry& entry : ModuleTree(*this).modules) entry.module->training_ = training;
}

void Module::set_requires_grad(bool requires_grad) {
  for (const TensorEntry& entry : ModuleTree(*this).tensors)
    if (entry.is_parameter) entry.owner->tensor().set_requires_grad(requires_grad);
}

void Module::to(DType dtype) {
  expect_dtype_of_parameters(dtype);
  const ModuleTree tree(*this);
  for (const TensorEntry& entry : tree.tensors) engine::Substitutes::expect_original(*entry.owner, "to");
  for (const TensorEntry& entry : tree.tensors)
    if (is_floating(entry.owner->dtype())) entry.owner->to(dtype);
}

void Module::zero_grad() {
  for (const TensorEntry& entry : ModuleTree(*this).tensors) entry.owner->tensor().zero_grad();
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const TensorEntry& entry : ModuleTree(*this).tensors)
    if (entry.is_parameter) count += entry.owner->tensor().numel();
  return count;
}

namespace {

/// Throws ShapeError "[assign] the modules differ: ..." unless the entries are the same, one by one; `told` says what
/// one is.
template <class Entry, class Same, class Told>
void expect_alike(std::span<const Entry> mine, std::span<const Entry> theirs, const Same& same, const Told& told) {
  const auto [a, b] = std::mismatch(mine.begin(), mine.end(), theirs.begin(), theirs.end(), same);
  const auto text = [&told](auto entry, std::span<const Entry> all) {
    return entry == all.end() ? std::string("nothing") : told(*entry);
  };
  if (a != mine.end() || b != theirs.end())
    throw ShapeError(fmt::format("[assign] the modules differ: expected {}, got {}", text(a, mine), text(b, theirs)));
}

}  // namespace

Module::Module(Module&& other) noexcept
    : path_(std::move(other.path_)), training_(other.training_), moved_away_(std::exchange(other.moved_away_, true)) {}

Module& Module::operator=(const Module& other) {
  if (this == &other) return *this;
  const ModuleTree mine(*this);
  const ModuleTree theirs(other);
  if (!mine.tensors.empty()) {
    expect_alike<TensorEntry>(
        mine.tensors, theirs.tensors,
        [](const TensorEntry& a, const TensorEntry& b) {
          return a.name == b.name && a.owner->shape() == b.owner->shape();
        },
        [](const TensorEntry& entry) { return fmt::format("{} {}", entry.name, to_string(entry.owner->shape())); });
    // A part of another type is another object with parameters of its own, which no optimiser knows.
    expect_alike<ModuleEntry>(
        std::span(mine.modules).subspan(1), std::span(theirs.modules).subspan(1),
        [](const ModuleEntry& a, const ModuleEntry& b) {
          return a.name == b.name && typeid(*a.module) == typeid(*b.module);
        },
        [](const ModuleEntry& entry) { return fmt::format("{} {}", entry.name, type_name(*entry.module)); });
    for (const TensorEntry& entry : mine.tensors) {
      engine::Substitutes::expect_original(*entry.owner, "assign");
      engine::expect_writable(*entry.owner, "assign");
    }
  }
  training_ = other.training_;
  moved_away_ = other.moved_away_;
  return *this;
}

Module& Module::operator=(Module&& other) noexcept {
  training_ = other.training_;
  moved_away_ = std::exchange(other.moved_away_, true);  // its own stays, where other is this
  return *this;
}

void Module::throw_moved_away() const {
  throw ValueError(
      fmt::format("[{}] the module has been moved away: call the one that it was moved into", type_name(*this)));
}

ParameterPlaces::ParameterPlaces(Module& module) {
  const engine::Substitutes::Stillness stillness;  // another thread may have its tensors there
  for (const TensorEntry& entry : ModuleTree(module).tensors)
    if (entry.is_parameter) owners_.push_back(entry.owner);
}

std::vector<engine::Substitutes::Place> Substitution::substitutes(const ParameterPlaces& places,
                                                                  const std::vector<Tensor>& tensors) {
  const std::vector<OwnedTensor*>& owners = places.owners_;
  if (owners.size() != tensors.size())
    throw ShapeError(fmt::format("[substitution] expected {} tensors, one for each parameter, got {}", owners.size(),
                                 tensors.size()));
  std::vector<engine::Substitutes::Place> substitutes;
  substitutes.reserve(owners.size());
  for (std::size_t i = 0; i < owners.size(); ++i) substitutes.push_back({&owners[i]->tensor_, tensors[i]});
  return substitutes;
}

Substitution::Substitution(const ParameterPlaces& places, const std::vector<Tensor>& tensors)
    : substitutes_(substitutes(places, tensors)) {}

// ---- summary

namespace {

/// Words in lines of about so many columns.
std::vector<std::string> lines_of(const std::vector<std::string>& words, std::size_t columns) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!lines.back().empty() && lines.back().size() + words[i].size() > columns) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + words[i] + (i + 1 < words.size() ? "," : "");
  }
  return lines;
}

}  // namespace

std::string summary(const Module& module) {
  constexpr std::size_t kColumns = 60;  // of a module's tensors: more stand in several lines
  const ModuleTree tree(module);
  std::vector<std::array<std::string, 4>> rows = {{"name", "type", "tensors", "parameters"}};
  std::int64_t total = 0;
  std::int64_t trained = 0;
  for (const ModuleEntry& entry : tree.modules) {
    std::vector<std::string> shapes;
    std::int64_t count = 0;
    for (std::size_t i = entry.first_tensor; i < entry.last_tensor; ++i) {
      const TensorEntry& own = tree.tensors[i];
      const std::string name = own.name.substr(entry.name.empty() ? 0 : entry.name.size() + 1);
      const bool frozen = own.is_parameter && !own.owner->tensor().requires_grad();
      shapes.push_back(fmt::format("{} {}{}", name, to_string(own.owner->shape()), frozen ? " (frozen)" : ""));
      if (!own.is_parameter) continue;
      count += own.owner->tensor().numel();
      if (!frozen) trained += own.owner->tensor().numel();
    }
    total += count;
    const std::vector<std::string> lines = lines_of(shapes, kColumns);
    rows.push_back({entry.name, type_name(*entry.module), lines[0], count == 0 ? "" : fmt::format("{}", count)});
    for (std::size_t line = 1; line < lines.size(); ++line) rows.push_back({"", "", lines[line], ""});
  }
  rows.push_back({"total", "", "", fmt::format("{}", total)});

  std::array<std::size_t, 4> widths{};
  for (const auto& row : rows)
    for (std::size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  std::string table;
  for (const auto& row : rows) {
    table += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}", row[0], widths[0], row[1], widths[1], row[2], widths[2],
                         row[3], widths[3]);
    table.erase(table.find_last_not_of(' ') + 1);
    table += '\n';
  }
  if (trained < total) table.insert(table.size() - 1, fmt::format(", {} trainable", trained));
  return table;
}

}  // namespace tapegrad::nn
