// Sequential: layers of any types, one after the other, as one value.
//
//   Sequential mlp(Linear(2, 16), Tanh(), Linear(16, 1));
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "tapegrad/nn/module.hpp"

namespace tapegrad::nn {

/// Takes one tensor and gives one: a layer, a function or a lambda, held by value.
template <class F>
concept Layer = std::is_copy_constructible_v<F> && std::is_invocable_r_v<Tensor, F&, const Tensor&>;

/// A value that holds any Layer, or none after a move. Copying copies the layer. Assignment of a layer of the same type
/// assigns it, so that parameters keep their storage; a layer of another type replaces it.
class AnyLayer {
 public:
  // is_same is tested first: is_copy_constructible<AnyLayer> would recurse into this constraint.
  template <class F>
  requires(!std::is_same_v<F, AnyLayer> && Layer<F>) explicit AnyLayer(F layer)
      : held_(new Held<F>(std::move(layer))) {}
  AnyLayer(const AnyLayer& other);
  AnyLayer(AnyLayer&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  AnyLayer& operator=(const AnyLayer& other);
  AnyLayer& operator=(AnyLayer&& other) noexcept;
  ~AnyLayer() { delete held_; }

  /// Throws ValueError when the layer has been moved away.
  Tensor operator()(const Tensor& x);
  /// The layer as a module, or nullptr for a plain function.
  Module* module() { return held_ == nullptr ? nullptr : held_->module(); }
  const Module* module() const { return held_ == nullptr ? nullptr : held_->module(); }
  /// The layer's parameters; none of a plain function.
  std::vector<Tensor> parameters() { return module() == nullptr ? std::vector<Tensor>() : module()->parameters(); }
  /// The layer when it has this type, or nullptr.
  template <class F>
  F* as() {
    auto* held = dynamic_cast<Held<F>*>(held_);
    return held == nullptr ? nullptr : &held->layer;
  }
  template <class F>
  const F* as() const {
    const auto* held = dynamic_cast<const Held<F>*>(held_);
    return held == nullptr ? nullptr : &held->layer;
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Base* clone() const = 0;
    virtual bool assign(const Base& other) = 0;
    virtual Tensor call(const Tensor& x) = 0;
    virtual Module* module() = 0;
  };
  template <class F>
  struct Held final : Base {
    static_assert(!std::is_base_of_v<Module, F> || std::is_copy_assignable_v<F>,
                  "a layer that cannot be assigned would be replaced, and its parameters with it");
    explicit Held(F value) : layer(std::move(value)) {}
    Base* clone() const override { return new Held(layer); }
    bool assign(const Base& other) override {
      if constexpr (std::is_copy_assignable_v<F>) {
        if (const auto* same = dynamic_cast<const Held*>(&other)) {
          layer = same->layer;
          return true;
        }
      }
      return false;
    }
    Tensor call(const Tensor& x) override { return layer(x); }
    Module* module() override {
      if constexpr (std::is_base_of_v<Module, F>) {
        return &layer;
      } else {
        return nullptr;
      }
    }
    F layer;
  };
  Base* held_;  // its own; nullptr after a move
};

/// Layers by value, called in order; named "0", "1", ...
class Sequential : public Module {
 public:
  template <class... Layers>
  requires(!(sizeof...(Layers) == 1 && (std::is_same_v<Layers, Sequential> && ...)) && (Layer<Layers> && ...))  //
      explicit Sequential(Layers... layers) {
    layers_.reserve(sizeof...(Layers));
    (append(std::move(layers)), ...);
  }
  Sequential(const Sequential&) = default;
  Sequential(Sequential&&) noexcept = default;
  /// As Module's. Functions are replaced, and may be more or fewer.
  Sequential& operator=(const Sequential& other);
  Sequential& operator=(Sequential&&) noexcept = default;
  ~Sequential() override = default;

  template <Layer F>
  void append(F layer) {
    layers_.emplace_back(std::move(layer));
  }

  Tensor operator()(const Tensor& x);

  std::size_t size() const { return layers_.size(); }
  /// Layer i. Throws IndexError.
  AnyLayer& operator[](std::size_t i);
  const AnyLayer& operator[](std::size_t i) const;
  /// For loops: `for (nn::AnyLayer& layer : model)`, by reference, since a copy has parameters of its own.
  std::vector<AnyLayer>::iterator begin() { return layers_.begin(); }
  std::vector<AnyLayer>::iterator end() { return layers_.end(); }
  std::vector<AnyLayer>::const_iterator begin() const { return layers_.begin(); }
  std::vector<AnyLayer>::const_iterator end() const { return layers_.end(); }

  void visit_members(MemberVisitor& visitor) override;

 private:
  std::vector<AnyLayer> layers_;
};

}  // namespace tapegrad::nn
