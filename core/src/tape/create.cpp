#include "tapegrad/tape/create.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/dispatch.hpp"
#include "kernels/random.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

NestedList::NestedList(std::initializer_list<NestedList> items) : items_(items), is_list_(true) {}

namespace {

Tensor finish(Tensor t, const TensorOptions& options) {
  if (options.requires_grad) t.set_requires_grad(true);
  return t;
}

/// Of elements that are still to be written.
Tensor make_unset(const Shape& shape, const TensorOptions& options) {
  expect_dtype("tensor", options.dtype);
  return make_tensor(shape, options.dtype);
}

/// Calls f(T*) with the elements of a new tensor.
template <class F>
Tensor build(const Shape& shape, const TensorOptions& options, const F& f) {
  Tensor t = make_unset(shape, options);
  const array::Array& a = array_of(t);
  with_element(options.dtype, [&](auto zero) { f(a.as<decltype(zero)>()); });
  return finish(std::move(t), options);
}

/// How many of the first `most` elements start + i step come before stop, also when they are rounded to T. One that
/// falls short of stop by double's rounding alone, and is T's stop, does not.
template <class T>
std::int64_t count_before(double start, double stop, double step, std::int64_t most) {
  const double forward = step > 0.0 ? 1.0 : -1.0;
  const double rounding = 4.0 * std::numeric_limits<double>::epsilon() * std::max(std::abs(start), std::abs(stop));
  const auto comes_before = [=](std::int64_t i) {
    const double element = start + static_cast<double>(i) * step;
    const T rounded = static_cast<T>(element);
    const double left = forward * (stop - element);
    const bool is_stop = left <= rounding && rounded == static_cast<T>(stop);
    return left > 0.0 && forward * (stop - static_cast<double>(rounded)) > 0.0 && !is_stop;
  };
  std::int64_t count = 0;
  while (count < most) {
    const std::int64_t middle = count + (most - count) / 2;
    if (comes_before(middle))
      count = middle + 1;
    else
      most = middle;
  }
  return count;
}

/// Appends the numbers of a list, and completes its shape.
void flatten(const NestedList& list, Shape& shape, int depth, std::vector<const NestedList*>& numbers) {
  if (!list.is_list()) {
    if (depth != shape.rank())
      throw ShapeError("[tensor] the nested list mixes numbers and lists at depth " + std::to_string(depth));
    numbers.push_back(&list);
    return;
  }
  const auto count = static_cast<std::int64_t>(list.items().size());
  if (depth == shape.rank()) {
    if (!numbers.empty())
      throw ShapeError("[tensor] the nested list mixes numbers and lists at depth " + std::to_string(depth));
    shape.push_back(count);
  }
  if (shape[depth] != count)
    throw ShapeError("[tensor] rows of unequal length at depth " + std::to_string(depth) + ": " +
                     std::to_string(shape[depth]) + " and " + std::to_string(count));
  for (const NestedList& item : list.items()) flatten(item, shape, depth + 1, numbers);
}

void expect_floating(std::string_view op, DType dtype) {
  if (!is_floating(dtype))
    throw DTypeError("[" + std::string(op) + "] expected a floating dtype, got " + std::string(to_string(dtype)));
}

/// Calls fill(stream, n, T*) with the elements of a new floating tensor, and as many numbers.
template <class F>
Tensor drawn(std::string_view op, const Shape& shape, Generator& generator, const TensorOptions& options,
             const F& fill) {
  expect_floating(op, options.dtype);
  Tensor t = make_unset(shape, options);
  const std::int64_t n = shape.numel();
  const RandomStream stream = generator.reserve(static_cast<std::uint64_t>(n));
  with_floating(options.dtype, [&](auto zero) { fill(stream, n, array_of(t).as<decltype(zero)>()); });
  return finish(std::move(t), options);
}

bool is_in_int64(double value) { return value >= -0x1p63 && value < 0x1p63; }

/// An int64 tensor truncates, as NumPy does, but what lies outside has no integer.
void expect_in_range(std::string_view op, DType dtype, double value) {
  if (dtype == int64 && !is_in_int64(value)) throw ValueError(fmt::format("[{}] int64 has no {}", op, value));
}

}  // namespace

Tensor tensor(std::initializer_list<NestedList> items, TensorOptions options) {
  const NestedList list(items);
  Shape shape;
  std::vector<const NestedList*> numbers;
  flatten(list, shape, 0, numbers);
  std::vector<double> values;
  for (const NestedList* number : numbers) {
    if (!number->integer()) expect_in_range("tensor", options.dtype, number->value());
    values.push_back(number->value());
  }
  Tensor t = make_unset(shape, options);
  array::assign(array_of(t), array_of(from_vector(values, shape)));
  if (options.dtype == int64)
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (const auto integer = numbers[i]->integer()) array_of(t).as<std::int64_t>()[i] = *integer;
  return finish(std::move(t), options);
}

void engine::throw_beyond_int64(std::uint64_t value) {
  throw ValueError("[from_vector] int64 has no " + std::to_string(value));
}

namespace {

/// `count` elements, converted to T, in a new tensor.
template <Element T, class Iterator>
Tensor copied(std::string_view op, Iterator elements, std::size_t count, const Shape& shape,
              const FromVectorOptions& options) {
  const std::optional<Shape> filled = shape_of(op, static_cast<std::int64_t>(count), shape);
  if (!filled) throw ShapeError(fmt::format("[{}] {} values for shape {}", op, count, to_string(shape)));
  Tensor t = make_tensor(*filled, dtype_of<T>());
  std::copy_n(elements, count, array_of(t).template as<T>());
  return finish(std::move(t), {.dtype = dtype_of<T>(), .requires_grad = options.requires_grad});
}

template <Element T, class From>
Tensor copied_span(std::span<const From> values, const Shape& shape, const FromVectorOptions& options) {
  return copied<T>("from_span", values.data(), values.size(), shape, options);
}

}  // namespace

template <Element T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, FromVectorOptions options) {
  return copied<T>("from_vector", values.begin(), values.size(), shape, options);
}
template Tensor from_vector<float>(const std::vector<float>&, const Shape&, FromVectorOptions);
template Tensor from_vector<double>(const std::vector<double>&, const Shape&, FromVectorOptions);
template Tensor from_vector<std::int64_t>(const std::vector<std::int64_t>&, const Shape&, FromVectorOptions);
template Tensor from_vector<bool>(const std::vector<bool>&, const Shape&, FromVectorOptions);

Tensor from_span(std::span<const float> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<float>(values, shape, options);
}
Tensor from_span(std::span<const double> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<double>(values, shape, options);
}
Tensor from_span(std::span<const std::int64_t> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<std::int64_t>(values, shape, options);
}
Tensor from_span(std::span<const std::int32_t> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<std::int64_t>(values, shape, options);
}
Tensor from_span(std::span<const std::uint8_t> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<std::int64_t>(values, shape, options);
}
Tensor from_span(std::span<const bool> values, const Shape& shape, FromVectorOptions options) {
  return copied_span<bool>(values, shape, options);
}

Tensor empty(const Shape& shape, TensorOptions options) { return finish(make_unset(shape, options), options); }

Tensor full(const Shape& shape, double value, TensorOptions options) {
  expect_in_range("full", options.dtype, value);
  Tensor t = make_unset(shape, options);
  array::fill(array_of(t), value);
  return finish(std::move(t), options);
}

Tensor engine::integer(std::int64_t value, TensorOptions options) {
  if (options.dtype != int64) return full({}, static_cast<double>(value), options);
  Tensor t = make_tensor({}, int64);
  *array_of(t).as<std::int64_t>() = value;
  return finish(std::move(t), options);
}

DType engine::dtype_beside(std::string_view op, const Tensor& x) {
  expect_defined(op, x);
  return x.dtype();
}

void engine::expect_number_of(std::string_view op, DType dtype, double value) {
  const bool has = dtype == int64     ? is_in_int64(value) && value == std::trunc(value)
                   : dtype == boolean ? value == 0.0 || value == 1.0
                                      : true;
  if (!has)
    throw DTypeError(fmt::format("[{}] {} has no {}: convert the tensor with to()", op, to_string(dtype), value));
}

Tensor zeros(const Shape& shape, TensorOptions options) { return full(shape, 0.0, options); }
Tensor ones(const Shape& shape, TensorOptions options) { return full(shape, 1.0, options); }

namespace {

constexpr double kMostSteps = 1e15;

[[noreturn]] void throw_too_many_steps() { throw ValueError("[arange] more than 1e15 elements"); }

}  // namespace

Tensor arange(double start, double stop, double step, TensorOptions options) {
  if (step == 0.0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step))
    throw ValueError("[arange] start, stop and step must be finite and step not 0");
  const double steps = std::max(0.0, std::ceil((stop - start) / step));
  if (steps > kMostSteps) throw_too_many_steps();
  if (!is_floating(options.dtype) && (start != std::trunc(start) || step != std::trunc(step)))
    throw ValueError(fmt::format("[arange] from {} in steps of {} are no {} values: say .dtype = float32", start, step,
                                 to_string(options.dtype)));
  // Beyond 2^53 a range that is none may be one whose ends have become the same.
  if (options.dtype == int64 && (steps > 0 || start == stop) && std::max(std::abs(start), std::abs(stop)) > 0x1p53)
    throw ValueError(fmt::format("[arange] from {} to {}: beyond 2^53 double does not count one by one", start, stop));
  auto count = static_cast<std::int64_t>(steps);
  if (options.dtype == float32) count = count_before<float>(start, stop, step, count);
  if (options.dtype == float64) count = count_before<double>(start, stop, step, count);
  return build({count}, options, [&](auto* out) {
    using T = std::remove_pointer_t<decltype(out)>;
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(start + static_cast<double>(i) * step);
  });
}

Tensor engine::arange(std::int64_t start, std::int64_t stop, std::int64_t step, TensorOptions options) {
  if (options.dtype != int64 || step == 0)
    return tapegrad::arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), options);
  // Distances between int64s, which uint64 holds; it wraps around where int64 would overflow on the way.
  const auto bits = [](std::int64_t i) { return static_cast<std::uint64_t>(i); };
  const bool up = step > 0;
  const std::uint64_t distance = up ? bits(stop) - bits(start) : bits(start) - bits(stop);
  const std::uint64_t stride = up ? bits(step) : -bits(step);
  const std::uint64_t count = (up ? start < stop : stop < start) ? (distance - 1) / stride + 1 : 0;
  if (static_cast<double>(count) > kMostSteps) throw_too_many_steps();
  Tensor t = make_unset({static_cast<std::int64_t>(count)}, options);
  auto* const out = array_of(t).as<std::int64_t>();
  for (std::uint64_t i = 0; i < count; ++i) out[i] = static_cast<std::int64_t>(bits(start) + i * bits(step));
  return finish(std::move(t), options);
}

Tensor linspace(double start, double stop, std::int64_t count, TensorOptions options) {
  expect_floating("linspace", options.dtype);
  if (!std::isfinite(start) || !std::isfinite(stop))
    throw ValueError(fmt::format("[linspace] expected finite bounds, got {} and {}", start, stop));
  if (count < 0) throw ValueError(fmt::format("[linspace] expected a count of at least 0, got {}", count));
  return build({count}, options, [&](auto* out) {
    using T = std::remove_pointer_t<decltype(out)>;
    // From either end to the middle, so that both ends are met and equal bounds are kept.
    const auto last = static_cast<double>(std::max<std::int64_t>(1, count - 1));
    const double span = stop - start;
    const auto along = [&](std::int64_t i) {
      const auto steps = static_cast<double>(i);
      return std::isfinite(span * last) ? span * steps / last : steps / last * stop - steps / last * start;
    };
    for (std::int64_t i = 0; i < count; ++i)
      out[i] = static_cast<T>(2 * i < count ? start + along(i) : stop - along(count - 1 - i));
  });
}

Tensor eye(std::int64_t n, TensorOptions options) {
  if (n < 0) throw ValueError(fmt::format("[eye] expected n >= 0, got {}", n));
  Tensor t = zeros({n, n}, {.dtype = options.dtype});
  with_element(options.dtype, [&](auto zero) {
    auto* const elements = array_of(t).as<decltype(zero)>();
    for (std::int64_t i = 0; i < n; ++i) elements[i * (n + 1)] = decltype(zero){1};
  });
  return finish(std::move(t), options);
}

Tensor rand(const Shape& shape, Generator& generator, TensorOptions options) {
  return drawn("rand", shape, generator, options,
               [](const RandomStream& stream, std::int64_t n, auto* out) { kernels::fill_uniform(stream, n, out); });
}

Tensor randn(const Shape& shape, Generator& generator, TensorOptions options) {
  return drawn("randn", shape, generator, options,
               [](const RandomStream& stream, std::int64_t n, auto* out) { kernels::fill_normal(stream, n, out); });
}

Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Generator& generator, TensorOptions options) {
  if (high <= low)
    throw ValueError("[randint] no integer is at least " + std::to_string(low) + " and below " + std::to_string(high));
  std::int64_t range = 0;
  if (__builtin_sub_overflow(high, low, &range))
    throw ValueError("[randint] from " + std::to_string(low) + " to " + std::to_string(high) +
                     " are more integers than 2^63 - 1");
  const double most = std::max(std::abs(static_cast<double>(low)), std::abs(static_cast<double>(high)));
  const bool holds = options.dtype == int64     ? true
                     : options.dtype == boolean ? low >= 0 && high <= 2
                                                : most <= (options.dtype == float32 ? 0x1p24 : 0x1p53);
  if (!holds)
    throw ValueError(
        fmt::format("[randint] {} does not hold every integer from {} to {}", to_string(options.dtype), low, high));
  return build(shape, options, [&](auto* out) {
    using T = std::remove_pointer_t<decltype(out)>;
    const std::int64_t n = shape.numel();
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(low + generator.below(range));
  });
}

Tensor rand(const Shape& shape, TensorOptions options) { return rand(shape, default_generator(), options); }
Tensor randn(const Shape& shape, TensorOptions options) { return randn(shape, default_generator(), options); }
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, TensorOptions options) {
  return randint(low, high, shape, default_generator(), options);
}

Tensor randperm(std::int64_t n, Generator& generator) {
  if (n < 0) throw ValueError("[randperm] expected n >= 0, got " + std::to_string(n));
  Tensor order = arange(n);
  std::int64_t* const places = array_of(order).as<std::int64_t>();
  for (std::int64_t i = n - 1; i > 0; --i) std::swap(places[i], places[generator.below(i + 1)]);
  return order;
}
Tensor randperm(std::int64_t n) { return randperm(n, default_generator()); }

namespace {

/// make(shape, options) of what x has.
template <class Make>
Tensor alike(std::string_view op, const Tensor& x, const Make& make) {
  expect_defined(op, x);
  return make(x.shape(), TensorOptions{.dtype = x.dtype()});
}

}  // namespace

Tensor empty_like(const Tensor& x) { return alike("empty_like", x, empty); }
Tensor zeros_like(const Tensor& x) { return alike("zeros_like", x, zeros); }
Tensor ones_like(const Tensor& x) { return alike("ones_like", x, ones); }
Tensor full_like(const Tensor& x, double value) {
  return alike("full_like", x, [&](const Shape& shape, TensorOptions options) { return full(shape, value, options); });
}
Tensor rand_like(const Tensor& x) {
  return alike("rand_like", x, [](const Shape& shape, TensorOptions options) { return rand(shape, options); });
}
Tensor randn_like(const Tensor& x) {
  return alike("randn_like", x, [](const Shape& shape, TensorOptions options) { return randn(shape, options); });
}
Tensor randint_like(const Tensor& x, std::int64_t low, std::int64_t high) {
  return alike("randint_like", x,
               [&](const Shape& shape, TensorOptions options) { return randint(low, high, shape, options); });
}

}  // namespace tapegrad
