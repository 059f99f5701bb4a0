// A program that knows nothing of tapegrad and loads a shared object that does: host PLUGIN.
#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv) {
  void* const plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW) : nullptr;
  if (plugin == nullptr) {
    std::fprintf(stderr, "host: %s\n", argc == 2 ? dlerror() : "expected a plugin");
    return 1;
  }
  const auto slope = reinterpret_cast<double (*)(double)>(dlsym(plugin, "slope_of_squares"));
  return slope != nullptr && slope(3.0) == 12.0 ? 0 : 1;
}
