#include "tapegrad/base/scope.hpp"

namespace tapegrad {
namespace {

constinit thread_local const Scope* innermost_scope = nullptr;

}  // namespace

Scope::Scope(std::string_view name) : name_(name), outer_(innermost_scope) { innermost_scope = this; }
Scope::~Scope() { innermost_scope = outer_; }

std::string scope_path() {
  std::string path;
  std::string_view inner;
  for (const Scope* s = innermost_scope; s != nullptr; s = s->outer_) {
    // A module's scope is its whole path: inside its parent's it says all that the parent's would.
    const bool told = inner.size() > s->name_.size() && inner.starts_with(s->name_) && inner[s->name_.size()] == '.';
    if (s->name_.empty() || told) continue;
    inner = s->name_;
    path = path.empty() ? std::string(inner) : std::string(inner) + "/" + path;
  }
  return path;
}

}  // namespace tapegrad
