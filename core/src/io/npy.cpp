#include "tapegrad/io/npy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/file_reader.hpp"
#include "io/npy_format.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

Shape reversed(Shape sizes) {
  std::reverse(sizes.begin(), sizes.end());
  return sizes;
}

}  // namespace

void save_npy(const std::string& path, const Tensor& tensor) {
  if (!tensor.defined()) throw ValueError(fmt::format("[save_npy] {}: the tensor is undefined", path));
  const std::string head = io::format_npy_header(tensor.dtype(), tensor.shape());
  const array::Array a = contiguous_array(tensor);
  const std::size_t size = static_cast<std::size_t>(tensor.numel()) * size_of(tensor.dtype());
  const std::array<std::span<const std::byte>, 2> chunks{std::as_bytes(std::span(head)), {a.data(), size}};
  io::write_file_atomically("save_npy", path, chunks);
}

Tensor load_npy(const std::string& path) {
  io::FileReader file("load_npy", path);
  std::vector<std::byte> start(io::kNpyStartBytes);
  start.resize(file.read(start));
  start.resize(io::npy_head_bytes(start, file.size(), path));
  file.read_all(std::span(start).subspan(io::kNpyStartBytes));
  const io::NpyHeader header = io::parse_npy_header(start, file.size(), path);

  // What lies in Fortran's order is the array with its dimensions turned round.
  const array::Array a(header.fortran_order ? reversed(header.shape) : header.shape, npy_dtype(header.type));
  const std::size_t size = static_cast<std::size_t>(a.shape.numel()) * header.type.bytes;
  std::vector<std::byte> encoded(is_own(header.type) ? 0 : size);
  const std::span<std::byte> bytes = is_own(header.type) ? std::span(a.data(), size) : encoded;
  file.read_all(bytes);
  io::check_npy_data(bytes, header.type, path);
  if (!is_own(header.type)) io::decode_npy_data(bytes, header.type, a.data());
  return wrap(header.fortran_order ? array::copy(a.view(header.shape, reversed(a.strides))) : a);
}

}  // namespace tapegrad
