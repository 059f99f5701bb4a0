// Names for what runs: they say where an error arose and, in study mode, what recorded a tape's nodes.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// Names what runs on this thread while it lives (a module path, a block). Layers name their calls so, by their path in
/// the model.
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
