// Names of the layers and blocks that run: shown in errors and, in study mode, at the nodes of a tape.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// While it lives, what runs on this thread has this name (a module path, a block). Each call of a layer has one, with
/// the layer's path in the model.
class Scope {
 public:
  /// REQUIRES: the text outlives the Scope.
  [[nodiscard]] explicit Scope(std::string_view name);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

 private:
  friend std::string scope_path();
  std::string_view name_;
  const Scope* outer_;
};

/// The names of this thread's Scopes, outermost first, joined with "/", except that "a.b" inside "a" stays "a.b"; an
/// empty name says nothing. Empty where no Scope lives.
std::string scope_path();

}  // namespace tapegrad
