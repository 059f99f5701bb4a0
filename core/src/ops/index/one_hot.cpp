#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "ops/index/indices.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct OneHot : Op<OneHot> {
  static constexpr std::string_view name = "one_hot";
  static constexpr std::string_view math = R"(y_{pc} = \delta_{c\, t_p})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  std::int64_t count;
  DType dtype;

  OneHot(std::int64_t classes, DType result) : count(classes), dtype(result) {}

  Tensor forward(const Tensor& classes) const {
    if (count < 0) throw ValueError(fmt::format("[one_hot] expected a count of at least 0, got {}", count));
    const array::Array chosen = checked_indices(name, classes, count);
    Shape shape = classes.shape();
    expect_room(name, shape);
    shape.push_back(count);
    Tensor y = zeros(shape, {.dtype = dtype});
    with_element(dtype, [&](auto zero) {
      auto* const elements = array_of(y).as<decltype(zero)>();
      for (std::int64_t p = 0; p < classes.numel(); ++p)
        elements[p * count + chosen.as<std::int64_t>()[p]] = decltype(zero){1};
    });
    return y;
  }
  void describe(AttributeVisitor& visitor) const { visitor("count", count); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{pc} = \delta_{c\, t_p})", "constant in everything that could carry a gradient"}};
  }
  static catalogue::Samples samples(Generator&) {
    return {
        {"batch", {from_vector(std::vector<std::int64_t>{2, 0, 1, 2}, {2, 2})}, catalogue::of([](const Tensor& t) {
           return one_hot(t, 3);
         })},
        {"no classes", {zeros({0}, {.dtype = int64})}, catalogue::of([](const Tensor& t) { return one_hot(t, 0); })}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"out of range",
         [] {
           (void)one_hot(from_vector(std::vector<std::int64_t>{0, 3}, {2}), 3);
         },
         "[one_hot] index 3 at [1] is out of range for size 3"},
        {"no room",
         [] {
           (void)one_hot(zeros({1, 1, 1, 1, 1, 1, 1, 2}, {.dtype = int64}), 3);
         },
         "[one_hot] [1, 1, 1, 1, 1, 1, 1, 2] has no room for another dimension"},
        {"count", [] { (void)one_hot(zeros({0}, {.dtype = int64}), -1); }, "[one_hot] expected a count of at least 0"},
        {"dtype", [] { (void)one_hot(zeros({2}), 3); }, "[one_hot] expected int64 indices, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[1024] of 64", {randint(0, 64, {1024}, g)}, catalogue::of([](const Tensor& t) { return one_hot(t, 64); })};
  }
};

Tensor one_hot(const Tensor& classes, std::int64_t count, DType dtype) { return apply(OneHot(count, dtype), classes); }

TAPEGRAD_CATALOGUE(index, one_hot, OneHot)

}  // namespace tapegrad
