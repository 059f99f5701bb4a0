#include "tapegrad/tape/tensor.hpp"

#include <fmt/format.h>

#include <ostream>
#include <string_view>

#include "array/allocator.hpp"
#include "base/dispatch.hpp"
#include "kernels/pointwise.hpp"
#include "tape/expect.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

void* TensorImpl::operator new(std::size_t size) { return array::allocate(size); }
void TensorImpl::operator delete(void* block, std::size_t size) { array::deallocate(block, size); }

void TensorImpl::destroy() const {
  // The block is the storage's: it goes when this has gone.
  if (before_storage && !first && !leaf && tangents == nullptr) [[likely]] {  // owns nothing else
    const_cast<TensorImpl&>(*this).array.storage.take()->release();
    return;
  }
  destroy_with_others();
}

[[gnu::noinline]] void TensorImpl::destroy_with_others() const {
  if (!before_storage) {
    delete this;
    return;
  }
  auto& self = const_cast<TensorImpl&>(*this);
  const Ref<array::Storage> block = std::move(self.first ? self.first : self.array.storage);
  this->~TensorImpl();
}

void TensorImpl::replace_array(array::Array other) {
  if (before_storage && !first) first = std::move(array.storage);
  array = std::move(other);
}

namespace {

[[gnu::noinline]] Tensor make_large(const Shape& shape, DType dtype) { return wrap(array::Array(shape, dtype)); }

}  // namespace

Tensor make_tensor(const Shape& shape, DType dtype) {
  static_assert(alignof(TensorImpl) <= array::kAlignment);
  constexpr std::size_t kFewBytes = 4096;  // more would wait, as one block, for a small object to go
  const std::size_t bytes = array::bytes_of(shape, dtype);
  if (bytes > kFewBytes) return make_large(shape, dtype);
  Ref<array::Storage> storage = array::storage_for(bytes, shape, dtype, sizeof(TensorImpl));
  void* const front = storage->front();
  return Tensor::adopt(::new (front) TensorImpl(std::move(storage), shape, dtype));
}

Tensor wrap(array::Array a) { return Tensor::adopt(new TensorImpl(std::move(a))); }

Tensor alias(const Tensor& x) {
  Tensor y = wrap(array_of(x));
  y.impl()->place = x.impl()->place;
  y.impl()->leaf = x.impl()->leaf;
  return y;
}

void throw_undefined(const char* op, const Tensor& x) {
  throw UndefinedTensor(fmt::format("[{}] an undefined tensor has no elements", op), x);
}

array::Array contiguous_copy(const array::Array& a) {
  array::Array copy = array::Array::empty(a.shape, a.dtype);
  kernels::copy_strided(size_of(a.dtype), a.shape, {a.data(), a.strides}, copy.data());
  return copy;
}

array::Array contiguous_array(const Tensor& x) {
  const array::Array& a = array_of(x);
  return a.contiguous ? a : contiguous_copy(a);
}

Tensor& Tensor::operator=(const Tensor& other) & noexcept {
  Tensor copy(other);
  std::swap(impl_, copy.impl_);
  return *this;
}

void Tensor::retain(const TensorImpl& impl) noexcept { impl.retain(); }
void Tensor::release(const TensorImpl& impl) noexcept { impl.release(); }

const Shape& Tensor::shape() const& { return array_of(*this, "shape").shape; }
const Shape& Tensor::strides() const& { return array_of(*this, "strides").strides; }
std::int64_t Tensor::size(Axis axis) const {
  const Shape& sizes = array_of(*this, "size").shape;
  return sizes[normalize_axis("size", axis, sizes)];
}
int Tensor::dim() const { return array_of(*this, "dim").shape.rank(); }
std::int64_t Tensor::numel() const { return array_of(*this, "numel").shape.numel(); }
DType Tensor::dtype() const { return array_of(*this, "dtype").dtype; }
bool Tensor::is_contiguous() const { return array_of(*this, "is_contiguous").contiguous; }

namespace {

double read(const array::Array& a) {
  return with_element(a.dtype, [&](auto zero) { return static_cast<double>(*a.as<decltype(zero)>()); });
}

void expect_one_element(const Tensor& x) {
  if (array_of(x, "item").shape.numel() != 1)
    throw ShapeError("[item] expected one element, got shape " + to_string(x.shape()));
}

/// `otherwise` tells what to do instead.
template <class T>
void expect_type(const char* op, const Tensor& x, const char* otherwise = "") {
  if (array_of(x, op).dtype != dtype_of<T>())
    throw DTypeError(std::string("[") + op + "] the tensor is " + std::string(to_string(x.dtype())) + ", not " +
                     std::string(to_string(dtype_of<T>())) + otherwise);
}

}  // namespace

double Tensor::item() const {
  expect_one_element(*this);
  return read(array_of(*this));
}

template <Element T>
T Tensor::item() const {
  expect_type<T>("item", *this, ": item() without a type converts any to double");
  expect_one_element(*this);
  return *array_of(*this).template as<T>();
}

template <Element T>
std::vector<T> Tensor::to_vector() const {
  expect_type<T>("to_vector", *this, ": convert it with to()");
  const array::Array a = contiguous_array(*this);
  const T* first = a.template as<T>();
  return std::vector<T>(first, first + a.shape.numel());
}

namespace {

/// The elements of x, which lie together in row-major order.
template <class T>
std::span<T> elements_of(const char* op, const Tensor& x) {
  expect_type<T>(op, x);
  const array::Array& a = array_of(x);
  if (!a.contiguous)
    throw ShapeError(std::string("[") + op + "] the tensor " + to_string(a.shape) + " has strides " +
                     to_string(a.strides) + ": call contiguous() first");
  return {a.as<T>(), static_cast<std::size_t>(a.shape.numel())};
}

}  // namespace

template <Element T>
std::span<const T> Tensor::data() const& {
  return elements_of<T>("data", *this);
}

template <Element T>
std::span<T> Tensor::mutable_data(const char* writer) & {
  const std::span<T> elements = elements_of<T>(writer, *this);
  engine::expect_writable(*this, writer);
  array_of(*this).storage->written_by(writer);
  return elements;
}

#define TAPEGRAD_INSTANTIATE(T)                         \
  template T Tensor::item<T>() const;                   \
  template std::vector<T> Tensor::to_vector<T>() const; \
  template std::span<const T> Tensor::data<T>() const&; \
  template std::span<T> Tensor::mutable_data<T>(const char*)&;
TAPEGRAD_INSTANTIATE(float)
TAPEGRAD_INSTANTIATE(double)
TAPEGRAD_INSTANTIATE(std::int64_t)
TAPEGRAD_INSTANTIATE(bool)
#undef TAPEGRAD_INSTANTIATE

namespace {

/// Of a tensor that is defined.
LeafState& leaf_state(const Tensor& x) {
  if (!x.impl()->leaf) x.impl()->leaf = Ref<LeafState>::adopt(new LeafState);
  return *x.impl()->leaf;
}

/// Of a tensor that is defined.
bool was_computed_on_tape(const Tensor& x) { return x.impl()->place.serial != 0; }

}  // namespace

const Tensor& Tensor::set_requires_grad(bool requires_grad) const& {
  const DType dtype = array_of(*this, "set_requires_grad").dtype;
  if (requires_grad && !is_floating(dtype))
    throw DTypeError(fmt::format("[set_requires_grad] only floating tensors have gradients, this one is {} {}",
                                 to_string(dtype), to_string(shape())));
  if (was_computed_on_tape(*this))
    throw TapeError("[set_requires_grad] this tensor " + to_string(shape()) +
                    " was computed on a tape and is no leaf: use detach() for a new leaf, or for its value alone, and "
                    "Tape::gradient for its gradient");
  if (requires_grad || impl_->leaf) leaf_state(*this).requires_grad = requires_grad;
  return *this;
}

bool Tensor::requires_grad() const { return impl_ != nullptr && impl_->leaf && impl_->leaf->requires_grad; }

bool Tensor::is_tracked() const {
  if (impl_ == nullptr || !is_recording()) return false;
  const TapePlace& place = impl_->place;
  if (place.serial != 0)
    return place.serial == recorder.serial && place.generation == recorder.generation && recorder.tape->stands(place);
  return requires_grad();
}

namespace {

/// Why a tensor that is defined has no gradient.
std::string without_gradient(const Tensor& x) {
  if (x.requires_grad())
    return " has no gradient yet: call backward() first, or ask has_grad(): a result that does not depend on it, or "
           "only by steps (sign, floor, round, a comparison), gives none";
  constexpr std::string_view kRebound = " (x -= u, as x = x - u, makes another tensor: optimisers write into the leaf)";
  const std::string_view reason =
      was_computed_on_tape(x)
          ? " was computed on a tape and is no leaf: tape.gradient(loss, y) gives the gradient of such a y"
          : " is no leaf that requires a gradient";
  return fmt::format("{}{}", reason, kRebound);
}

}  // namespace

Tensor Tensor::grad() const {
  if (!has_grad()) {
    const Shape& shape = array_of(*this, "grad").shape;
    throw TapeError(fmt::format("[grad] the tensor {}{}", to_string(shape), without_gradient(*this)));
  }
  return impl_->leaf->grad;
}

bool Tensor::has_grad() const { return impl_ != nullptr && impl_->leaf && impl_->leaf->grad.defined(); }

void Tensor::zero_grad() const {
  if (has_grad()) impl_->leaf->grad = Tensor();
}

void Tensor::set_grad(const Tensor& gradient) const {
  array_of(*this, "set_grad");
  if (!gradient.defined()) return zero_grad();
  expect_alike("set_grad", "gradient", gradient, *this);
  if (!is_floating(dtype()))
    throw DTypeError(fmt::format("[set_grad] only floating tensors have gradients, this one is {} {}",
                                 to_string(dtype()), to_string(shape())));
  leaf_state(*this).grad = wrap(contiguous_copy(array_of(gradient)));
}

HookId Tensor::register_hook(GradientHook hook) const {
  if (!requires_grad()) {
    const Shape& shape = array_of(*this, "register_hook").shape;
    const std::string_view reason =
        was_computed_on_tape(*this)
            ? "was computed on a tape and is no leaf: tape.register_hook(y, hook) takes a hook of such a y"
            : "is no leaf that requires a gradient";
    throw TapeError(fmt::format("[register_hook] the tensor {} {}", to_string(shape), reason));
  }
  return impl_->leaf->hooks.add(std::move(hook));
}

bool Tensor::remove_hook(HookId id) const { return impl_ != nullptr && impl_->leaf && impl_->leaf->hooks.remove(id); }

Tensor Tensor::detach() const {
  expect_defined("detach", *this);
  return wrap(array_of(*this));
}

std::string to_string(const Tensor& x, const PrintOptions& options) {
  return x.defined() ? array::to_string(array_of(x), options) : "undefined";
}

std::ostream& operator<<(std::ostream& stream, const Tensor& x) { return stream << to_string(x); }

}  // namespace tapegrad
