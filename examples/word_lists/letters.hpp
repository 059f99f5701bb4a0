// Letters of the Latin alphabets, in the encodings of Debian's word lists.
#pragma once

#include <string>
#include <string_view>

namespace word_lists {

enum class Encoding { utf8, latin1 };

/// UTF-8 if every byte sequence is valid (RFC 3629: no overlong forms, no surrogates), otherwise ISO-8859-1.
Encoding detect_encoding(std::string_view bytes);

/// Code points of `bytes`. Throws tapegrad::IoError on invalid UTF-8; ISO-8859-1 is always valid.
std::u32string decode(std::string_view bytes, Encoding encoding);

std::string to_utf8(std::u32string_view letters);

/// A letter of the Latin alphabets of Latin-1 and Latin Extended-A (U+0041 to U+017F), or the capital sharp s.
bool is_letter(char32_t c);

/// Lower case of such a letter, independent of the locale. Other code points come back unchanged.
char32_t to_lower(char32_t c);

}  // namespace word_lists
