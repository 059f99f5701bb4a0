// Module: a value that owns parameters and other modules, and can name them.
//
//   struct Classifier : tapegrad::nn::Module {
//     Embedding embed{64, 40};
//     Linear head{40, 12};
//     TAPEGRAD_MODULE(embed, head)
//     Tensor operator()(const Tensor& tokens) { return head(mean(embed(tokens), 1)); }
//   };
//
//   void train(Classifier& model);    // by reference: passed by value, a copy would be trained and thrown away
//
// The call operator is not const where a part may write to itself, as a BatchNorm does, and so a Sequential, an encoder
// or a decoder may.
//
// Modules are values: `Classifier ema = model;` is an independent deep copy, `model = best;` writes into the existing
// storage, so that an optimiser goes on with the same parameters. Training or evaluation mode is copied too; which
// parameters are frozen is not, since that belongs to the storage. A move keeps no storage: after `model =
// Classifier();` the model has other parameters than the optimiser.
//
// To share a weight between two layers, keep one of them and call the operation with its weight: tapegrad::linear(h,
// embed.weight) applies an embedding's transpose, while `head.weight = embed.weight` copies. To use a layer in two
// places, call one member in both. Do not keep a reference or pointer to it (`Linear& again = first;`): in a copy of
// the model it would still refer to the original's layer.
//
// Thread safety: in evaluation mode any layer of this library may be called from several threads at once; in training
// mode too, unless it has a BatchNorm (or a function of your own in a Sequential) that writes to itself. The first call
// of parameters() or named_parameters() writes each module's path (later ones write nothing): that, train(), to(), an
// optimiser's step, assignment and a Substitution, from its beginning to its end, must not overlap with any other use.
// Threads that substitute have a copy of the model each.
//
// Invariants:
// 1. no module stores a pointer to a member: they are visited;
// 2. names are PyTorch's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tapegrad/base/scope.hpp"
#include "tapegrad/nn/parameter.hpp"
#include "tapegrad/tape/engine/substitutes.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad::nn {

class Module;

/// Called with each member of one module, in the order of its member list.
class MemberVisitor {
 public:
  virtual void parameter(std::string_view name, Parameter& parameter) = 0;
  virtual void buffer(std::string_view name, Buffer& buffer) = 0;
  virtual void module(std::string_view name, Module& module) = 0;

 protected:
  ~MemberVisitor() = default;
};

struct LoadOptions {
  /// When false, keys that fit are loaded and the mismatches are returned.
  bool strict = true;
};

/// What a state_dict and a module do not have in common.
struct StateDifference {
  std::vector<std::string> missing;     ///< in the module alone
  std::vector<std::string> unexpected;  ///< in the state_dict alone
  std::vector<std::string> mismatched;  ///< in both, in another shape or dtype: "w: expected [2, 4], got [3, 4]"
  bool empty() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

class Module {
 public:
  virtual ~Module() = default;

  /// Calls the visitor for each member that holds tensors. Written by TAPEGRAD_MODULE.
  virtual void visit_members(MemberVisitor& visitor) = 0;

  /// Every parameter under its path ("encoder.layers.0.norm1.weight"), a module's own before its children's. One that
  /// is reached twice stands once, under its first name. Marks them as named, and gives each module its path as the
  /// scope of what it records.
  NamedTensors named_parameters();
  /// The same without names: what optimisers take.
  std::vector<Tensor> parameters();
  NamedTensors named_buffers() const;

  /// Parameters and buffers, as PyTorch names them. The tensors share elements with the module:
  /// `best = model.state_dict().clone()` is a snapshot, and so is a copy of the module.
  NamedTensors state_dict() const;
  /// Writes a state_dict's values into the existing storage, converted to its dtype. Throws an error that names
  /// each missing, unexpected and mismatched key: ValueError where names differ or a tensor is undefined, ShapeError
  /// where shapes alone do, DTypeError where only floating and other dtypes stand against each other. Throws ValueError
  /// for a state that is the module's own, which has changed with it, TapeError while a tape records and one of the
  /// tensors is trained, or while a Substitution lives. Then nothing is written.
  void load_state_dict(const NamedTensors& state);
  /// The same; with .strict = false keys that do not fit are left out and the mismatches are returned.
  [[nodiscard]] StateDifference load_state_dict(const NamedTensors& state, LoadOptions options);

  /// This module under "" and every part below it, parents first, under the path that named_parameters() has for it
  /// ("encoder.layers.0"). One that is reached twice stands once, under its first name.
  std::vector<std::pair<std::string, Module*>> named_modules();
  /// Calls f(part) for each of these that is an M, this module too:
  ///
  ///   model.for_each<nn::Linear>([](nn::Linear& layer) { nn::init::normal(layer.weight, 0.0, 0.02); });
  ///
  /// REQUIRES: f takes no part away and adds none.
  template <class M, class F>
  void for_each(F&& f) {
    for (const auto& [path, module] : named_modules())
      if (auto* part = dynamic_cast<M*>(module)) f(*part);
  }

  /// Training mode (dropout drops, batch statistics are used and tracked), for this module and all below.
  void train(bool training = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }

  /// Freezes all parameters (false), or has them trained: gradients flow through a frozen module, not into it.
  void set_requires_grad(bool requires_grad);

  /// Converts all floating parameters and buffers in place; handles to them stay good. Throws TapeError, before any is
  /// converted, while a Substitution lives.
  void to(DType dtype);
  /// Forgets the gradients of all parameters.
  void zero_grad();
  /// The number of elements of all parameters, frozen ones too.
  std::int64_t parameter_count() const;

  /// Where this stands in the model that was last named, by its first name there: "encoder.layers.0", empty for a root.
  /// A part, and a copy of one, keeps its path until it is named in another model: to name it alone changes none.
  const std::string& path() const& { return path_; }
  std::string path() const&& { return path_; }

 protected:
  Module() = default;
  Module(const Module& other) = default;
  Module(Module&& other) noexcept;
  /// Throws ShapeError, before anything is written, when the two do not have the same parameters, buffers and types of
  /// parts (one without any, as after a move, takes everything), TapeError while a tape records and one of them is
  /// trained, or while a Substitution lives.
  Module& operator=(const Module& other);
  Module& operator=(Module&& other) noexcept;

  /// What a layer's call begins with: the path as the Scope of what it records. Throws ValueError "[LayerNorm] ..." for
  /// a module that has been moved away, whose parts are gone.
  [[nodiscard]] Scope entered() const {
    if (moved_away_) throw_moved_away();
    return Scope(path_);
  }

 private:
  [[noreturn]] void throw_moved_away() const;

  std::string path_;
  bool training_ = true;
  bool moved_away_ = false;
};

/// Where the parameters of a module stand: found once for many Substitutions, since finding them takes longer than a
/// small layer computes.
class ParameterPlaces {
 public:
  /// REQUIRES: the module outlives this, stays where it is, and keeps its parts.
  ParameterPlaces(Module& module);

 private:
  friend class Substitution;
  std::vector<OwnedTensor*> owners_;
};

/// While it lives, a module computes with other tensors in the place of its parameters: to differentiate with respect
/// to them by transforms of functions (grad, hessian, gradcheck), or to try a step without taking it. Whatever reads
/// the module (state_dict, a copy) finds the other tensors. Whatever writes its parameters (assignment of another
/// module or parameter, load_state_dict, to) throws TapeError. A tensor that is moved into their places is lost when
/// this ends. Whoever calls the module in another thread meanwhile finds the other tensors, or half of them: a thread
/// that substitutes has a copy of the model to itself.
class Substitution {
 public:
  /// One tensor per entry of module.named_parameters(), in that order: Substitution(module, tensors). Throws ShapeError
  /// for another number or shape, ValueError for an undefined one, TapeError while another thread has a Substitution on
  /// the module or a part of it. A block that is checkpointed meanwhile is swept with the same tensors. REQUIRES: the
  /// module outlives this and, where a block was checkpointed meanwhile, the tape, and stays where it is; this ends in
  /// the thread in which it began, and no other thread uses the module meanwhile, nor while such a block is swept (but
  /// to be refused a Substitution).
  [[nodiscard]] Substitution(const ParameterPlaces& places, const std::vector<Tensor>& tensors);

 private:
  static std::vector<engine::Substitutes::Place> substitutes(const ParameterPlaces& places,
                                                             const std::vector<Tensor>& tensors);

  engine::Substitutes substitutes_;
};

/// A table of a module's parts: name, type, parameter shapes and counts. Frozen parameters are marked, and where there
/// are any the last line says how many elements are trainable. While a Substitution lives, both are of its tensors.
std::string summary(const Module& module);

// ---- what TAPEGRAD_MODULE is made of

namespace members {

/// "embed, head" taken apart.
class Names {
 public:
  explicit Names(std::string_view list) : rest_(list) {}
  std::string_view next();

 private:
  std::string_view rest_;
};

/// "layers" and 3: "layers.3".
std::string element_name(std::string_view name, std::size_t i);

template <class T>
inline constexpr bool kIsSequence = false;
template <class T, class A>
inline constexpr bool kIsSequence<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool kIsSequence<std::array<T, N>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVariant = false;
template <class... Ts>
inline constexpr bool kIsVariant<std::variant<Ts...>> = true;

template <class T>
void visit(MemberVisitor& visitor, std::string_view name, T& member) {
  if constexpr (std::is_base_of_v<Parameter, T>) {
    visitor.parameter(name, member);
  } else if constexpr (std::is_base_of_v<Buffer, T>) {
    visitor.buffer(name, member);
  } else if constexpr (std::is_base_of_v<Module, T>) {
    visitor.module(name, member);
  } else if constexpr (kIsSequence<T>) {
    for (std::size_t i = 0; i < member.size(); ++i) visit(visitor, element_name(name, i), member[i]);
  } else if constexpr (kIsOptional<T>) {
    if (member.has_value()) visit(visitor, name, *member);
  } else if constexpr (kIsVariant<T>) {
    std::visit([&](auto& held) { visit(visitor, name, held); }, member);
  } else {
    static_assert(
        std::is_same_v<T, std::monostate>,
        "TAPEGRAD_MODULE lists Parameters, Buffers, Modules, and vectors, arrays, optionals or variants of them; for "
        "other holders override visit_members(MemberVisitor&) yourself");
  }
}

template <class Self, class... Ts>
void visit_all([[maybe_unused]] MemberVisitor& visitor, const Self& /*whose*/, const char* list, Ts&... each) {
  // A vector that grows copies what has no move of its own, and an optimiser holds other parameters than the copies'.
  static_assert(!std::is_copy_constructible_v<Self> || std::is_nothrow_move_constructible_v<Self>,
                "this module would be copied where it is moved, and a copy's parameters are others: leave its own "
                "destructor or copy out, or declare X(X&&) noexcept = default, X(const X&) = default and both "
                "assignments beside it; members must move noexcept");
  [[maybe_unused]] Names names(list);
  (visit(visitor, names.next(), each), ...);
}

}  // namespace members
}  // namespace tapegrad::nn

/// Lists a module's members: Parameters, Buffers, Modules, and vectors, arrays, optionals or variants of them.
///
/// Once parameters() or named_parameters() has been called, a parameter that is not on the list is noticed: a
/// backward() that reaches it together with a listed one throws TapeError. The same finds a layer that was copied by
/// mistake (`for (auto layer : layers)`, a lambda that captures it by value); where a sweep reaches copies alone, the
/// optimiser's step() says that no parameter has a gradient. A layer without parameters is not noticed: a Dropout that
/// is not listed stays in training mode.
#define TAPEGRAD_MODULE(...)                                                                            \
  void visit_members(::tapegrad::nn::MemberVisitor& member_visitor) override {                          \
    ::tapegrad::nn::members::visit_all(member_visitor, *this, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
  }

/// The same for a module that extends another one: the base's members come first.
#define TAPEGRAD_MODULE_BASED_ON(Base, ...)                                                             \
  void visit_members(::tapegrad::nn::MemberVisitor& member_visitor) override {                          \
    Base::visit_members(member_visitor);                                                                \
    ::tapegrad::nn::members::visit_all(member_visitor, *this, #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
  }
