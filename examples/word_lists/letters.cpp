#include "word_lists/letters.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "tapegrad/base/error.hpp"

namespace word_lists {
namespace {

constexpr char32_t kInvalid = 0xffffffff;

/// Decodes the sequence at bytes[at] and moves `at` behind it; kInvalid where RFC 3629 forbids the sequence.
char32_t next_utf8(std::string_view bytes, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return kInvalid;
  std::uint32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t next = byte(at + i);
    if ((next & 0xc0U) != 0x80) return kInvalid;
    code = (code << 6U) | (next & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return kInvalid;
  at += length;
  return code;
}

char32_t next_letter(std::string_view bytes, Encoding encoding, std::size_t& at) {
  if (encoding == Encoding::latin1) return static_cast<unsigned char>(bytes[at++]);
  return next_utf8(bytes, at);
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto c = static_cast<std::uint32_t>(code);
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0U | (c >> 6U));
    put(0x80U | (c & 0x3fU));
  } else if (c < 0x10000) {
    put(0xe0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3fU));
    put(0x80U | (c & 0x3fU));
  } else {
    put(0xf0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3fU));
    put(0x80U | ((c >> 6U) & 0x3fU));
    put(0x80U | (c & 0x3fU));
  }
}

}  // namespace

Encoding detect_encoding(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (next_utf8(bytes, at) == kInvalid) return Encoding::latin1;
  }
  return Encoding::utf8;
}

std::u32string decode(std::string_view bytes, Encoding encoding) {
  std::u32string letters;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t c = next_letter(bytes, encoding, at);
    if (c == kInvalid)
      throw tapegrad::IoError(fmt::format("[decode] invalid UTF-8 at byte {} of {}", at, bytes.size()));
    letters.push_back(c);
  }
  return letters;
}

std::string to_utf8(std::u32string_view letters) {
  std::string out;
  for (const char32_t c : letters) append_utf8(out, c);
  return out;
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z');
  return (c >= 0xc0 && c <= 0x17f && c != 0xd7 && c != 0xf7) || c == 0x1e9e;
}

char32_t to_lower(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c < 0xc0) return c;
  if (c <= 0xde) return c == 0xd7 ? c : c + 32;
  // Latin Extended-A holds pairs of capital and small letter; the capital is even, except in two runs.
  if (c == 0x130) return U'i';   // capital I with dot
  if (c == 0x178) return 0xff;   // capital Y with diaeresis: its small letter is in Latin-1
  if (c == 0x1e9e) return 0xdf;  // capital sharp s
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c % 2 == 1 ? c + 1 : c;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) return c % 2 == 0 ? c + 1 : c;
  return c;
}

}  // namespace word_lists
