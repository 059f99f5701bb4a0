// Measures every unary pointwise op against MPFR and prints the table of worst errors, or keeps docs/accuracy.md:
//   accuracy_table                   prints the document
//   accuracy_table --write FILE      replaces FILE by it
//   accuracy_table --check FILE      exits 1 when FILE is not what is measured, or a bound is broken
// The digits belong to one instruction set and one libm, which the document names: elsewhere only the bounds are
// checked.
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <hwy/targets.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "truth/measure.hpp"

namespace {

using namespace tapegrad::truth;

/// The instruction set that the library runs on here, and the libm behind it.
std::string machine() {
  const auto targets = hwy::SupportedTargets() & HWY_TARGETS;
  return fmt::format("Measured with Highway's target {} and glibc {}.", hwy::TargetName(targets & -targets),
                     gnu_get_libc_version());
}

struct Document {
  std::string text;
  bool within_bounds = true;
};

std::string entry(const Worst& worst) {
  return worst.error == 0 ? "0 |" : fmt::format("{:.2f} | {:.6g}", worst.error, worst.at);
}

template <class T>
void add_row(Document& document, const Reference& reference) {
  constexpr bool kNarrow = sizeof(T) == 4;
  const auto of = [](const Bound& bound) { return kNarrow ? bound.float32 : bound.float64; };
  const Accuracy a = measure<T>(reference, by_reverse_sweep<T>(reference));
  const double value_bound = of(reference.value_bound), derivative_bound = of(reference.derivative_bound);
  document.text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", reference.row, kNarrow ? "float32" : "float64",
                               entry(a.value), value_bound, entry(a.derivative), derivative_bound);
  const auto check = [&](std::string_view what, const Worst& worst, double bound) {
    if (worst.error <= bound) return;
    fmt::print(stderr, "accuracy_table: {} of {} in {} is {:.3g} ulp off at {}, the bound is {}\n", what, reference.row,
               kNarrow ? "float32" : "float64", worst.error, worst.at, bound);
    document.within_bounds = false;
  };
  check("the value", a.value, value_bound);
  check("the derivative", a.derivative, derivative_bound);
}

Document measured() {
  Document document;
  std::string& text = document.text;
  text = fmt::format(R"(# How accurate the pointwise ops are

Every unary pointwise op but those that give truth values is compared with [GNU MPFR](https://www.mpfr.org) at 256 bits: its value, and its derivative as the reverse sweep gives it. The table holds the worst error found, in units in the
last place (ulp) of the exact result, where it was found, and the bound that the tests hold it to. Looked at are all powers of two of both signs with random mantissas (so subnormal numbers and the largest finite
ones too), zeros, infinities, NaN, and the neighbourhood, from one ulp upwards and on both sides, of each op's zeros, kinks, ends of domain and of the points where its implementation changes its method.
A zero where the exact result is two subnormal units or more counts as infinitely wrong: no tail vanishes. Outside the domain the value is NaN and nothing is asked of the derivative; where a finite value
overflows, its derivative may.

{} Made by `accuracy_table --write docs/accuracy.md`; a test holds it to what is measured, on other machines to the bounds.

| op | dtype | value, ulp | at x | bound | derivative, ulp | at x | bound |
|---|---|---|---|---|---|---|---|
)",
                     machine());
  for (const Reference& reference : references()) {
    add_row<float>(document, reference);
    add_row<double>(document, reference);
  }
  text += "\n";
  for (const Reference& reference : references())
    if (!reference.note.empty()) text += fmt::format("- {}: {}\n", reference.row, reference.note);
  return document;
}

int usage() {
  std::fputs("usage: accuracy_table [--write FILE | --check FILE]\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (argc != 1 && (argc != 3 || (mode != "--write" && mode != "--check"))) return usage();
  const Document document = measured();
  if (argc == 1) {
    std::fputs(document.text.c_str(), stdout);
  } else if (mode == "--write") {
    std::ofstream out(argv[2]);
    out << document.text;
    if (!out.flush().good()) return 2;
  } else {
    std::ifstream in(argv[2]);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
      fmt::print(stderr, "accuracy_table: {} cannot be read\n", argv[2]);
      return 2;
    }
    if (text.str().find(machine()) == std::string::npos) {
      fmt::print("{} The document was made on another machine: only the bounds are checked.\n", machine());
    } else if (text.str() != document.text) {
      fmt::print(stderr, "accuracy_table: {} is not what is measured; run accuracy_table --write {}\n", argv[2],
                 argv[2]);
      return 1;
    }
  }
  return document.within_bounds ? 0 : 1;
}
