#include "io/npy_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "io/elements.hpp"
#include "io/refusal.hpp"

namespace tapegrad::io {
namespace {

constexpr const char* kLoadNpy = "load_npy";
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kVersionBytes = 2;
// What version 1.0 has room for: more is needed by structures of thousands of fields alone.
constexpr std::uint64_t kMaxNpyHeaderBytes = 65535;

/// Version and length of a header.
struct Announced {
  bool first_version = true;
  bool of_python_2 = true;  // as versions before 3.0 may be
  std::size_t length_end = 0;
  std::uint64_t length = 0;
};

Announced announced(std::span<const std::byte> start, std::uint64_t file_size) {
  const std::string_view text(reinterpret_cast<const char*>(start.data()),
                              std::min<std::uint64_t>(start.size(), file_size));
  if (text.starts_with("PK\x03\x04"))
    refuse(
        "this is no NPY file (it begins as a zip archive: NumPy's .npz is one, whose arrays numpy.save saves singly)");
  if (!text.starts_with(kMagic.substr(0, text.size())))
    refuse("this is no NPY file (it does not begin with \"\\x93NUMPY\")");
  if (text.size() < kNpyStartBytes) refuse(fmt::format("the file has {} bytes, too few for a header", text.size()));
  const auto byte = [start](std::size_t i) { return std::to_integer<std::uint64_t>(start[i]); };
  const std::uint64_t major = byte(kMagic.size()), minor = byte(kMagic.size() + 1);
  if (major < 1 || major > 3 || minor != 0)
    refuse(fmt::format("the file is of version {}.{}, expected 1.0, 2.0 or 3.0", major, minor));
  Announced header{.first_version = major == 1, .of_python_2 = major < 3};
  const std::size_t begin = kMagic.size() + kVersionBytes;
  header.length_end = begin + (header.first_version ? 2 : 4);
  for (std::size_t i = begin; i < header.length_end; ++i) header.length |= byte(i) << (8 * (i - begin));
  return header;
}

std::size_t npy_head(std::span<const std::byte> start, std::uint64_t file_size) {
  const Announced header = announced(start, file_size);
  if (header.length > kMaxNpyHeaderBytes)
    refuse(
        fmt::format("a header of {} bytes is announced, more than the limit of {}", header.length, kMaxNpyHeaderBytes));
  if (header.length > file_size - header.length_end)
    refuse(fmt::format("a header of {} bytes is announced, the file ends after {}", header.length,
                       file_size - header.length_end));
  const std::size_t end = header.length_end + header.length;
  if (end < kNpyStartBytes) refuse(fmt::format("a header of {} bytes is too short for a dictionary", header.length));
  return end;
}

struct ForeignKind {
  std::string_view kinds;
  std::string_view what;
};
constexpr std::array<ForeignKind, 6> kForeignKinds{{{"O", "Python objects, which are never read"},
                                                    {"c", "complex numbers"},
                                                    {"SaU", "texts"},
                                                    {"mM", "times"},
                                                    {"V", "bytes without a meaning"},
                                                    {"u", "numbers that int64 does not hold"}}};

constexpr std::string_view kKnownTypes = "f2, f4, f8, i1, i2, i4, i8, u1, u2, u4 and b1 it reads";

/// "<f4": the order of bytes ('<' little-endian, '>' big-endian, '|' of single bytes, '=' or none the machine's), the
/// kind and the bytes.
NpyType parse_descr(std::string_view descr) {
  constexpr std::string_view kOrders = "<>=|";
  std::string_view name = descr;
  const char order = !name.empty() && kOrders.find(name.front()) != name.npos ? name.front() : '=';
  if (order != '=' || name.starts_with('=')) name.remove_prefix(1);
  for (const std::string_view known : {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "b1"}) {
    if (name != known) continue;
    const NpyType type{.kind = known[0], .bytes = static_cast<std::size_t>(known[1] - '0')};
    if (order == '|' && type.bytes > 1) break;
    return {.kind = type.kind, .bytes = type.bytes, .big_endian = order == '>' && type.bytes > 1};
  }
  std::string what;
  for (const ForeignKind& foreign : kForeignKinds)
    if (!name.empty() && foreign.kinds.find(name.front()) != name.npos) what = fmt::format(" ({})", foreign.what);
  refuse(fmt::format("the dtype '{}'{} is none that tapegrad reads ({}): convert it before saving", descr, what,
                     kKnownTypes));
}

/// Reads the one legal form of a header,
/// {'descr': text, 'fortran_order': True or False, 'shape': (sizes)},
/// in any order of the keys and with white space anywhere between; nothing else of Python.
///
/// Invariant: at_ is the next byte that has not been read.
class DictionaryReader {
 public:
  DictionaryReader(std::string_view text, bool of_python_2) : text_(text), of_python_2_(of_python_2) {}

  NpyHeader read() {
    expect('{');
    while (!take('}')) {
      read_entry();
      if (!take(',') && peek() != '}') unexpected("',' or '}'");
    }
    if (!rest().empty()) unexpected("nothing behind the dictionary");
    for (std::size_t i = 0; i < kKeys.size(); ++i)
      if (!seen_[i]) refuse(fmt::format("the header lacks the key '{}'", kKeys[i]));
    return header_;
  }

 private:
  static constexpr std::array<std::string_view, 3> kKeys{"descr", "fortran_order", "shape"};

  void read_entry() {
    const std::string_view key = string("a key");
    const auto place = static_cast<std::size_t>(std::find(kKeys.begin(), kKeys.end(), key) - kKeys.begin());
    if (place == kKeys.size()) refuse(fmt::format("the header has the unknown key '{}'", key));
    if (std::exchange(seen_[place], true)) refuse(fmt::format("the key '{}' occurs twice", key));
    expect(':');
    switch (place) {
      case 0: read_descr(); break;
      case 1: read_order(); break;
      default: read_shape();
    }
  }

  void read_descr() {
    if (const char next = peek(); next == '[' || next == '(' || next == '{')
      refuse(
          fmt::format("the dtype is structured, of several fields or an array of its own, which tapegrad does not "
                      "read ({}): save each field by itself",
                      kKnownTypes));
    header_.type = parse_descr(string("a dtype"));
  }

  void read_order() {
    for (const std::string_view word : {"True", "False"}) {
      if (!rest().starts_with(word)) continue;
      at_ += word.size();
      header_.fortran_order = word == "True";
      return;
    }
    unexpected("True or False");
  }

  void read_shape() {
    expect('(');
    bool comma = true;
    while (!take(')')) {
      if (!comma) unexpected("',' or ')'");
      if (header_.shape.rank() == kMaxRank) refuse(fmt::format("the array has more than {} dimensions", kMaxRank));
      header_.shape.push_back(read_size());
      comma = take(',');
    }
    if (header_.shape.rank() == 1 && !comma) refuse("the shape is a number in brackets: one size is written (3,)");
  }

  std::int64_t read_size() {
    if (peek() == '-') refuse("the shape has a negative size");
    const std::string_view text = rest();
    const std::string_view digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
    if (digits.empty()) unexpected("a size");
    if (digits.size() > 1 && digits.front() == '0') refuse(fmt::format("the size {} begins with 0", digits));
    std::int64_t size = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), size).ec != std::errc())
      refuse(fmt::format("the size {} is too large", digits));
    at_ += digits.size();
    if (of_python_2_ && at_ < text_.size() && text_[at_] == 'L') ++at_;  // its long integers
    return size;
  }

  /// Text between quotes of either kind; none of the names here needs an escape.
  std::string_view string(const char* what) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') unexpected(what);
    ++at_;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_)
      if (text_[at_] < ' ' || text_[at_] > '~' || text_[at_] == '\\') unexpected("printable ASCII");
    if (at_ == text_.size()) unexpected("the end of a text");
    return text_.substr(begin, at_++ - begin);
  }

  /// What has not been read, from the next byte on that is no white space.
  std::string_view rest() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
    return text_.substr(at_);
  }
  /// Its first byte; NUL, which is legal nowhere, behind the last.
  char peek() { return rest().empty() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) unexpected(fmt::format("'{}'", c));
  }

  [[noreturn]] void unexpected(std::string_view expected) const {
    const std::size_t byte = at_ + 1;
    if (at_ >= text_.size()) refuse(fmt::format("header, byte {}: expected {}, got its end", byte, expected));
    const char c = text_[at_];
    if (c < ' ' || c > '~')
      refuse(fmt::format("header, byte {}: expected {}, got the byte 0x{:02X}", byte, expected,
                         static_cast<unsigned>(static_cast<unsigned char>(c))));
    refuse(fmt::format("header, byte {}: expected {}, got '{}'", byte, expected, c));
  }

  std::string_view text_;
  bool of_python_2_;
  std::size_t at_ = 0;
  NpyHeader header_;
  std::array<bool, kKeys.size()> seen_{};
};

NpyHeader parse_npy(std::span<const std::byte> start, std::uint64_t file_size) {
  const Announced announcement = announced(start, file_size);
  const std::size_t data_begin = npy_head(start, file_size);
  const std::string_view text(reinterpret_cast<const char*>(start.data()), data_begin);
  NpyHeader header = DictionaryReader(text.substr(announcement.length_end), announcement.of_python_2).read();
  header.data_begin = data_begin;
  const auto bytes = byte_count(header.shape, header.type.bytes);
  if (!bytes) refuse(fmt::format("the shape {} overflows the number of bytes", to_string(header.shape)));
  if (*bytes != file_size - data_begin)
    refuse(fmt::format("the shape {} takes {} bytes, the file has {} behind its header", to_string(header.shape),
                       *bytes, file_size - data_begin));
  return header;
}

/// An element's bytes, put in order.
std::uint64_t bits_of(const std::byte* element, const NpyType& type) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < type.bytes; ++i)
    bits |= std::to_integer<std::uint64_t>(element[type.big_endian ? type.bytes - 1 - i : i]) << (8 * i);
  return bits;
}

/// The integer whose bits are the lowest; the sign is that of Stored.
template <class Stored>
std::int64_t integer_of(std::uint64_t bits) {
  return static_cast<Stored>(bits);
}

template <class T, class Decode>
void decode_each(std::span<const std::byte> bytes, const NpyType& type, std::byte* elements, const Decode& decode) {
  auto* to = reinterpret_cast<T*>(elements);
  for (std::size_t i = 0; i < bytes.size(); i += type.bytes) *to++ = decode(bits_of(bytes.data() + i, type));
}

}  // namespace

DType npy_dtype(const NpyType& type) {
  if (type.kind == 'b') return DType::boolean;
  if (type.kind != 'f') return DType::int64;
  return type.bytes == sizeof(double) ? DType::float64 : DType::float32;
}

bool is_own(const NpyType& type) {
  return !type.big_endian && type.kind != 'u' && type.bytes == size_of(npy_dtype(type));
}

std::size_t npy_head_bytes(std::span<const std::byte> start, std::uint64_t file_size, const std::string& path) {
  return naming(kLoadNpy, path, [&] { return npy_head(start, file_size); });
}

NpyHeader parse_npy_header(std::span<const std::byte> start, std::uint64_t file_size, const std::string& path) {
  return naming(kLoadNpy, path, [&] { return parse_npy(start, file_size); });
}

void check_npy_data(std::span<const std::byte> bytes, const NpyType& type, const std::string& path) {
  if (type.kind != 'b') return;
  naming(kLoadNpy, path, [&] {
    if (const auto bad = no_truth_value(bytes))
      refuse(fmt::format("the array is b1 and holds the byte {}, neither 0 nor 1", *bad));
  });
}

void decode_npy_data(std::span<const std::byte> bytes, const NpyType& type, std::byte* elements) {
  if (type.kind == 'f' && type.bytes == 2) {
    decode_each<float>(bytes, type, elements,
                       [](std::uint64_t bits) { return decode_f16(static_cast<std::uint32_t>(bits)); });
  } else if (type.kind == 'f' && type.bytes == 4) {
    decode_each<float>(bytes, type, elements,
                       [](std::uint64_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits)); });
  } else if (type.kind == 'f') {
    decode_each<double>(bytes, type, elements, [](std::uint64_t bits) { return std::bit_cast<double>(bits); });
  } else if (type.kind == 'i' && type.bytes == 1) {
    decode_each<std::int64_t>(bytes, type, elements, integer_of<std::int8_t>);
  } else if (type.kind == 'i' && type.bytes == 2) {
    decode_each<std::int64_t>(bytes, type, elements, integer_of<std::int16_t>);
  } else if (type.kind == 'i' && type.bytes == 4) {
    decode_each<std::int64_t>(bytes, type, elements, integer_of<std::int32_t>);
  } else {
    decode_each<std::int64_t>(bytes, type, elements, integer_of<std::int64_t>);  // whatever has no sign is smaller
  }
}

std::string format_npy_header(DType dtype, const Shape& shape) {
  constexpr std::size_t kAlignment = 64;
  constexpr std::array<std::string_view, 4> kDescr{"<f4", "<f8", "<i8", "|b1"};  // by DType
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                  kDescr[static_cast<std::size_t>(dtype)], fmt::join(shape, ", "), shape.rank() == 1 ? "," : "");
  constexpr std::size_t kLengthEnd = kMagic.size() + kVersionBytes + 2;
  header.append(kAlignment - (kLengthEnd + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return bytes + header;
}

}  // namespace tapegrad::io
