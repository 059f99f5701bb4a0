#include "io/safetensors_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "io/elements.hpp"
#include "io/refusal.hpp"

namespace tapegrad::io {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::string_view kMetadata = "__metadata__";

struct DTypeName {
  std::string_view name;
  DType dtype;
  Encoding encoding = Encoding::own;
};
constexpr std::array<DTypeName, 6> kDTypes{{{"F64", DType::float64},
                                            {"I64", DType::int64},
                                            {"F32", DType::float32},
                                            {"BOOL", DType::boolean},
                                            {"F16", DType::float32, Encoding::f16},
                                            {"BF16", DType::float32, Encoding::bf16}}};
// Legal in a file, but nothing that a dtype of this library holds.
constexpr std::array<std::string_view, 14> kForeignDTypes{
    "I32", "I16", "I8", "U64", "U32", "U16", "U8", "C64", "F4", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2"};

std::string_view stored_name(const StoredTensor& tensor) {
  return std::find_if(kDTypes.begin(), kDTypes.end(),
                      [&](const DTypeName& d) { return d.dtype == tensor.dtype && d.encoding == tensor.encoding; })
      ->name;
}

const DTypeName& parse_dtype(const std::string& text, const std::string& tensor) {
  for (const DTypeName& known : kDTypes)
    if (known.name == text) return known;
  if (std::find(kForeignDTypes.begin(), kForeignDTypes.end(), text) != kForeignDTypes.end())
    refuse(
        fmt::format("tensor '{}' has dtype {}, which tapegrad does not read (F32, F64, F16, BF16, I64 and BOOL it "
                    "reads): convert it before saving",
                    tensor, text));
  refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", tensor, text));
}

/// The bytes that a shape asks for; refuses a product that does not fit in 64 bits, whatever comes after it.
std::size_t checked_byte_count(const StoredTensor& tensor) {
  if (const auto bytes = byte_count(tensor.shape, stored_size(tensor))) return *bytes;
  refuse(fmt::format("tensor '{}': the shape {} overflows the number of bytes", tensor.name, to_string(tensor.shape)));
}

/// Reads the one legal form of a header, event by event, so that duplicate keys are seen and nothing is built for what
/// is refused:
/// {"__metadata__": {text: text}, name: {"dtype": text, "shape": [integers], "data_offsets": [begin, end]}, ...}
///
/// Invariant: place_ says where the next event belongs; any event that the form does not have there is refused.
class HeaderReader {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a truth value"); }
  bool number_integer(number_integer_t value) { unexpected(fmt::format("the negative number {}", value)); }
  bool number_float(number_float_t, const string_t& text) { unexpected(fmt::format("the number {}", text)); }
  bool binary(binary_t&) { unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) {
    if (place_ == Place::shape) {
      if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
        refuse(fmt::format("tensor '{}': the size {} is too large", tensor_.name, value));
      if (tensor_.shape.rank() == kMaxRank)
        refuse(fmt::format("tensor '{}' has more than {} dimensions", tensor_.name, kMaxRank));
      tensor_.shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offset_count_ == 2) refuse(fmt::format("tensor '{}': data_offsets has more than two numbers", tensor_.name));
      (offset_count_ == 0 ? tensor_.begin : tensor_.end) = value;
      ++offset_count_;
    } else {
      unexpected(fmt::format("the number {}", value));
    }
    return true;
  }

  bool string(string_t& value) {
    if (place_ == Place::metadata_value) {
      header_.metadata[metadata_key_] = value;
      place_ = Place::metadata;
    } else if (place_ == Place::dtype) {
      const DTypeName& dtype = parse_dtype(value, tensor_.name);
      tensor_.dtype = dtype.dtype;
      tensor_.encoding = dtype.encoding;
      place_ = Place::tensor;
    } else {
      unexpected(fmt::format("the text '{}'", value));
    }
    return true;
  }

  bool start_object(std::size_t) {
    switch (place_) {
      case Place::file: place_ = Place::names; return true;
      case Place::metadata_object: place_ = Place::metadata; return true;
      case Place::tensor_object: place_ = Place::tensor; return true;
      default: unexpected("an object");
    }
  }

  bool key(string_t& key) {
    switch (place_) {
      case Place::names:
        if (!names_.insert(key).second) refuse(fmt::format("the name '{}' occurs twice", key));
        if (key == kMetadata) {
          place_ = Place::metadata_object;
        } else {
          tensor_ = StoredTensor();
          tensor_.name = key;
          fields_.clear();
          offset_count_ = 0;
          place_ = Place::tensor_object;
        }
        return true;
      case Place::metadata:
        if (header_.metadata.contains(key)) refuse(fmt::format("the metadata key '{}' occurs twice", key));
        metadata_key_ = key;
        place_ = Place::metadata_value;
        return true;
      case Place::tensor:
        if (!fields_.insert(key).second)
          refuse(fmt::format("tensor '{}': the field '{}' occurs twice", tensor_.name, key));
        if (key == "dtype") {
          place_ = Place::dtype;
        } else if (key == "shape") {
          place_ = Place::shape_array;
        } else if (key == "data_offsets") {
          place_ = Place::offsets_array;
        } else {
          refuse(fmt::format("tensor '{}' has the unknown field '{}'", tensor_.name, key));
        }
        return true;
      default: unexpected(fmt::format("the key '{}'", key));
    }
  }

  bool end_object() {
    if (place_ == Place::tensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"})
        if (!fields_.contains(field)) refuse(fmt::format("tensor '{}' lacks the field '{}'", tensor_.name, field));
      header_.tensors.push_back(tensor_);
    }
    place_ = place_ == Place::names ? Place::end : Place::names;
    return true;
  }

  bool start_array(std::size_t) {
    switch (place_) {
      case Place::shape_array: place_ = Place::shape; return true;
      case Place::offsets_array: place_ = Place::offsets; return true;
      default: unexpected("an array");
    }
  }

  bool end_array() {
    if (place_ == Place::offsets && offset_count_ != 2)
      refuse(fmt::format("tensor '{}': data_offsets needs two numbers, begin and end", tensor_.name));
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    // nlohmann's message starts with its own error id in brackets; what follows says what is wrong.
    const std::string_view what = error.what();
    const std::size_t colon = what.find(": ");
    refuse(fmt::format("the header is not JSON (byte {}): {}", position,
                       colon == what.npos ? what : what.substr(colon + 2)));
  }

  SafetensorsHeader take() { return std::move(header_); }

 private:
  enum class Place {
    file,
    names,
    metadata_object,
    metadata,
    metadata_value,
    tensor_object,
    tensor,
    dtype,
    shape_array,
    shape,
    offsets_array,
    offsets,
    end
  };

  [[noreturn]] void unexpected(const std::string& what) const {
    switch (place_) {
      case Place::file:
      case Place::end: refuse(fmt::format("the header has to be one JSON object, not {}", what));
      case Place::metadata_object: refuse(fmt::format("__metadata__ has to be an object of texts, not {}", what));
      case Place::metadata_value:
        refuse(fmt::format("the metadata '{}' has to be a text, not {}", metadata_key_, what));
      case Place::tensor_object: refuse(fmt::format("tensor '{}' has to be an object, not {}", tensor_.name, what));
      case Place::dtype: refuse(fmt::format("tensor '{}': dtype has to be a text, not {}", tensor_.name, what));
      case Place::shape_array:
      case Place::shape:
        refuse(fmt::format("tensor '{}': shape has to be a list of sizes, not {}", tensor_.name, what));
      case Place::offsets_array:
      case Place::offsets:
        refuse(
            fmt::format("tensor '{}': data_offsets has to be two positions in the data, not {}", tensor_.name, what));
      case Place::names:
      case Place::metadata:
      case Place::tensor: refuse(fmt::format("the header has {} where a key belongs", what));
    }
    refuse(fmt::format("the header has {} in the wrong place", what));
  }

  Place place_ = Place::file;
  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::string metadata_key_;
  StoredTensor tensor_;  // the one being read
  std::set<std::string> fields_;
  int offset_count_ = 0;
};

std::uint64_t read_length(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kSafetensorsLengthBytes; ++i)
    length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
  return length;
}

/// Tensors in the order of their bytes; refuses holes, overlaps and lengths that do not fit. Returns the length of the
/// data.
std::size_t check_ranges(std::vector<StoredTensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::size_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.end < tensor.begin)
      refuse(fmt::format("tensor '{}' ends at byte {}, before it begins at {}", tensor.name, tensor.end, tensor.begin));
    if (tensor.begin < end)
      refuse(fmt::format("tensor '{}' begins at byte {}, inside the tensor before it, which ends at {}", tensor.name,
                         tensor.begin, end));
    if (tensor.begin > end)
      refuse(fmt::format("bytes {} to {} of the data, before tensor '{}', belong to no tensor", end, tensor.begin,
                         tensor.name));
    end = tensor.end;
  }
  for (const StoredTensor& tensor : tensors)
    if (const std::size_t bytes = checked_byte_count(tensor); bytes != tensor.end - tensor.begin)
      refuse(fmt::format("tensor '{}': {} {} takes {} bytes, data_offsets give {}", tensor.name, stored_name(tensor),
                         to_string(tensor.shape), bytes, tensor.end - tensor.begin));
  return end;
}

struct Signature {
  std::string_view bytes;
  std::string_view kind;
};
constexpr std::array<Signature, 4> kSignatures{
    {{"PK\x03\x04", "a zip archive: PyTorch's .pt is one, of which safetensors.torch.save_file saves the state_dict"},
     {"\x80\x02", "a pickle: PyTorch's older .pt is one, of which safetensors.torch.save_file saves the state_dict"},
     {"\x89HDF\r\n\x1a\n", "an HDF5 file"},
     {"GGUF", "a GGUF file"}}};

bool is_of_text(char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r'; }

/// What a file of another kind begins as, where that is known. REQUIRES: 8 bytes.
std::string_view kind_of_other(std::span<const std::byte> start) {
  const std::string_view bytes(reinterpret_cast<const char*>(start.data()), kSafetensorsLengthBytes);
  for (const Signature& known : kSignatures)
    if (bytes.starts_with(known.bytes)) return known.kind;
  return std::all_of(bytes.begin(), bytes.end(), is_of_text) ? "text" : "";
}

std::size_t head_bytes(std::span<const std::byte> start, std::uint64_t file_size) {
  if (const std::uint64_t bytes = std::min<std::uint64_t>(start.size(), file_size); bytes < kSafetensorsLengthBytes)
    refuse(fmt::format("the file has {} bytes, too few for the 8 bytes of the header's length", bytes));
  const std::uint64_t length = read_length(start);
  const bool fits = length <= kMaxHeaderBytes && length <= file_size - kSafetensorsLengthBytes;
  if (const std::string_view kind = fits ? "" : kind_of_other(start); !kind.empty())
    refuse(fmt::format("this is no safetensors file (it begins as {})", kind));
  if (length > kMaxHeaderBytes)
    refuse(fmt::format("a header of {} bytes is announced, more than the limit of {}", length, kMaxHeaderBytes));
  if (length > file_size - kSafetensorsLengthBytes)
    refuse(fmt::format("a header of {} bytes is announced, the file ends after {}", length,
                       file_size - kSafetensorsLengthBytes));
  return kSafetensorsLengthBytes + length;
}

// The order of the checks is that of a cautious reader: nothing is used before it has been shown to lie inside the
// file.
SafetensorsHeader parse(std::span<const std::byte> start, std::uint64_t file_size) {
  const std::size_t data_begin = head_bytes(start, file_size);
  const auto* text = reinterpret_cast<const char*>(start.data() + kSafetensorsLengthBytes);
  const std::string_view json(text, data_begin - kSafetensorsLengthBytes);
  if (json.starts_with("\xEF\xBB\xBF")) refuse("the header is not JSON (byte 1): it begins with a byte order mark");
  // The parser would take a NUL for the end of its input and ignore what follows.
  if (const std::size_t nul = json.find('\0'); nul != json.npos)
    refuse(fmt::format("the header is not JSON (byte {}): it holds a NUL", nul + 1));
  HeaderReader reader;
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  SafetensorsHeader header = reader.take();

  header.data_begin = data_begin;
  const std::uint64_t data_bytes = file_size - data_begin;
  if (const std::size_t end = check_ranges(header.tensors); end != data_bytes)
    refuse(fmt::format("the tensors end at byte {} of the data, the file has {} bytes of data", end, data_bytes));
  return header;
}

std::string json_text(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    refuse(nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + " is not UTF-8");
  }
}

std::string header_text(const SafetensorsHeader& header) {
  std::vector<std::string> entries;
  if (!header.metadata.empty()) {
    std::vector<std::string> texts;
    for (const auto& [key, text] : header.metadata) texts.push_back(json_text(key) + ":" + json_text(text));
    entries.push_back(fmt::format("\"{}\":{{{}}}", kMetadata, fmt::join(texts, ",")));
  }
  for (const StoredTensor& tensor : header.tensors)
    entries.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_text(tensor.name),
                                  stored_name(tensor), fmt::join(tensor.shape, ","), tensor.begin, tensor.end));
  std::string json = fmt::format("{{{}}}", fmt::join(entries, ","));
  json.append((8 - json.size() % 8) % 8, ' ');
  if (json.size() > kMaxHeaderBytes)
    refuse(fmt::format("names and metadata make a header of {} bytes, more than the limit of {}", json.size(),
                       kMaxHeaderBytes));
  return json;
}

}  // namespace

std::size_t stored_size(const StoredTensor& tensor) {
  return tensor.encoding == Encoding::own ? size_of(tensor.dtype) : sizeof(std::uint16_t);
}

std::size_t safetensors_head_bytes(const char* reader, std::span<const std::byte> start, std::uint64_t file_size,
                                   const std::string& path) {
  return naming(reader, path, [&] { return head_bytes(start, file_size); });
}

SafetensorsHeader parse_safetensors_header(const char* reader, std::span<const std::byte> start,
                                           std::uint64_t file_size, const std::string& path) {
  return naming(reader, path, [&] { return parse(start, file_size); });
}

void check_safetensors_data(const char* reader, std::span<const std::byte> bytes, const StoredTensor& tensor,
                            const std::string& path) {
  if (tensor.dtype != DType::boolean) return;
  naming(reader, path, [&] {
    if (const auto bad = no_truth_value(bytes))
      refuse(fmt::format("tensor '{}' is BOOL and holds the byte {}, neither 0 nor 1", tensor.name, *bad));
  });
}

void decode_safetensors_data(std::span<const std::byte> bytes, Encoding encoding, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::to_integer<std::uint32_t>(bytes[2 * i]) | std::to_integer<std::uint32_t>(bytes[2 * i + 1])
                                                                         << 8;
    values[i] = encoding == Encoding::f16 ? decode_f16(bits) : decode_bf16(bits);
  }
}

SafetensorsHeader layout_safetensors(const char* writer, std::vector<StoredTensor> tensors,
                                     std::map<std::string, std::string> metadata, const std::string& path) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    const std::size_t a_size = size_of(a.dtype), b_size = size_of(b.dtype);
    return a_size != b_size ? a_size > b_size : a.name < b.name;
  });
  std::set<std::string_view> names;
  std::size_t position = 0;
  for (StoredTensor& tensor : tensors) {
    naming(writer, path, [&] {
      if (tensor.name == kMetadata) refuse("'__metadata__' is not a name for a tensor");
      if (!names.insert(tensor.name).second) refuse(fmt::format("two tensors are named '{}'", tensor.name));
    });
    tensor.begin = position;
    position += static_cast<std::size_t>(tensor.shape.numel()) * size_of(tensor.dtype);
    tensor.end = position;
  }
  SafetensorsHeader header{.tensors = std::move(tensors), .metadata = std::move(metadata)};
  header.data_begin = format_safetensors_header(writer, header, path).size();
  return header;
}

std::string format_safetensors_header(const char* writer, const SafetensorsHeader& header, const std::string& path) {
  const std::string json = naming(writer, path, [&] { return header_text(header); });
  std::string bytes;
  for (std::size_t i = 0; i < kSafetensorsLengthBytes; ++i)
    bytes.push_back(static_cast<char>((json.size() >> (8 * i)) & 0xFF));
  return bytes + json;
}

}  // namespace tapegrad::io
