#include "io/safetensors_format.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <limits>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"

using tapegrad::Shape;
using tapegrad::io::SafetensorsHeader;
using tapegrad::io::StoredTensor;
using tapegrad::test::says;

namespace {

template <class File>
SafetensorsHeader parse(const File& file) {
  const auto bytes = std::as_bytes(std::span(file));
  const std::string path = "weights.safetensors";
  SafetensorsHeader header = tapegrad::io::parse_safetensors_header("load_safetensors", bytes, bytes.size(), path);
  BOOST_REQUIRE(header.data_begin ==
                tapegrad::io::safetensors_head_bytes("load_safetensors", bytes, bytes.size(), path));
  for (const StoredTensor& tensor : header.tensors)
    tapegrad::io::check_safetensors_data(
        "load_safetensors", bytes.subspan(header.data_begin + tensor.begin, tensor.end - tensor.begin), tensor, path);
  return header;
}

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>((length >> (8 * i)) & 0xFF));
  return file + rest;
}

std::string file_of(const std::string& json, std::size_t data_bytes = 0) {
  return with_length(json.size(), json + std::string(data_bytes, '\0'));
}

/// A header with one tensor "a".
std::string tensor_json(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"a":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
}

StoredTensor stored(const std::string& name, tapegrad::DType dtype, const Shape& shape) {
  StoredTensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.shape = shape;
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors_format)

BOOST_AUTO_TEST_CASE(reads_what_the_format_allows) {
  BOOST_TEST(parse(file_of("{}")).tensors.empty());
  BOOST_TEST(parse(file_of(" \n\t{}   ")).tensors.empty());
  BOOST_TEST(parse(file_of(R"({"__metadata__":{}})")).metadata.empty());

  const SafetensorsHeader header =
      parse(file_of(R"({"b":{"data_offsets":[12,16],"shape":[],"dtype":"F32"},)"
                    R"("__metadata__":{"format":"pt","é\n":"\u00e9"},)"
                    R"("empty":{"dtype":"I64","shape":[3,0],"data_offsets":[12,12]},)"
                    R"("a.0.weight":{"dtype":"BOOL","shape":[3,4],"data_offsets":[0,12]}})",
                    16));
  BOOST_TEST_REQUIRE(header.tensors.size() == 3);
  BOOST_TEST(header.tensors[0].name == "a.0.weight");
  BOOST_TEST((header.tensors[0].dtype == tapegrad::boolean));
  BOOST_TEST((header.tensors[0].shape == Shape{3, 4}));
  BOOST_TEST(header.tensors[0].end == 12);
  BOOST_TEST(header.tensors[1].name == "empty");
  BOOST_TEST((header.tensors[1].shape == Shape{3, 0}));
  BOOST_TEST(header.tensors[2].name == "b");
  BOOST_TEST((header.tensors[2].shape == Shape{}));
  BOOST_TEST(header.tensors[2].begin == 12);
  BOOST_TEST(header.metadata.at("format") == "pt");
  BOOST_TEST(header.metadata.at("é\n") == "é");
}

// The fixtures were written by Python: our header of the same tensors has to be the same bytes.
BOOST_AUTO_TEST_CASE(agrees_with_an_independent_writer) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TAPEGRAD_FIXTURES)) {
    if (entry.path().extension() != ".safetensors") continue;
    BOOST_TEST_CONTEXT(entry.path().filename()) {
      const std::string file = file_content(entry.path());
      const SafetensorsHeader header = parse(file);
      BOOST_TEST(!header.tensors.empty());
      const SafetensorsHeader ours =
          tapegrad::io::layout_safetensors("save_safetensors", header.tensors, header.metadata, "f");
      BOOST_TEST((ours.tensors == header.tensors));
      BOOST_TEST(ours.data_begin == header.data_begin);
      BOOST_TEST(tapegrad::io::format_safetensors_header("save_safetensors", ours, "f") ==
                 file.substr(0, header.data_begin));
    }
    ++files;
  }
  BOOST_TEST(files >= 100);
}

BOOST_AUTO_TEST_CASE(round_trip) {
  const SafetensorsHeader written = tapegrad::io::layout_safetensors(
      "save_safetensors",
      {stored("mask", tapegrad::boolean, {3}), stored("a\"\\\n\x01 é", tapegrad::float32, {2, 3}),
       stored("z", tapegrad::float64, {}), stored("tokens", tapegrad::int64, {1, 0, 5}),
       stored("", tapegrad::float64, {1, 1, 1, 1, 1, 1, 1, 2})},
      {{"key \"", "text\t"}, {"", ""}}, "f");
  BOOST_TEST(written.data_begin % 8 == 0);
  const std::string header = tapegrad::io::format_safetensors_header("save_safetensors", written, "f");
  BOOST_TEST(header.size() == written.data_begin);
  const SafetensorsHeader read = parse(header + std::string(2 * 8 + 8 + 6 * 4 + 3, '\1'));
  BOOST_TEST((read.tensors == written.tensors));
  BOOST_TEST((read.metadata == written.metadata));
  BOOST_TEST(read.data_begin == written.data_begin);
  BOOST_TEST(read.tensors.front().name.empty());
  BOOST_TEST(read.tensors.back().name == "mask");
}

BOOST_AUTO_TEST_CASE(writer_refuses_what_no_reader_takes) {
  using tapegrad::io::layout_safetensors;
  const StoredTensor a = stored("a", tapegrad::float32, {1});
  BOOST_CHECK_THROW(layout_safetensors("save_safetensors", {a, a}, {}, "f"), tapegrad::IoError);
  BOOST_CHECK_THROW(layout_safetensors("save_safetensors", {stored("__metadata__", tapegrad::float32, {1})}, {}, "f"),
                    tapegrad::IoError);
  BOOST_CHECK_THROW(layout_safetensors("save_safetensors", {stored("\xFF", tapegrad::float32, {1})}, {}, "f"),
                    tapegrad::IoError);
  BOOST_CHECK_THROW(layout_safetensors("save_safetensors", {a}, {{"key", "\xC3"}}, "f"), tapegrad::IoError);
  std::string long_text;
  long_text.resize(100'000'000, 'x');
  BOOST_CHECK_EXCEPTION(layout_safetensors("save_safetensors", {a}, {{"key", long_text}}, "f"), tapegrad::IoError,
                        says("more than the limit of 100000000"));
}

BOOST_AUTO_TEST_CASE(hostile_headers_are_refused_with_the_reason) {
  struct Hostile {
    std::string file;
    std::string reason;
  };
  const std::string big = std::to_string(std::numeric_limits<std::int64_t>::max());
  const std::string good = tensor_json(R"("F32")", "[1]", "[0,4]");
  const std::string entry = good.substr(1, good.size() - 2);  // "a":{...}
  const Hostile cases[] = {
      {"", "the file has 0 bytes"},
      {"\x02", "the file has 1 bytes"},
      {with_length(100'000'001, std::string(16, ' ')), "more than the limit of 100000000"},
      {with_length(~std::uint64_t{0}, "{}"), "more than the limit"},
      {with_length(3, "{}"), "a header of 3 bytes is announced, the file ends after 2"},
      {file_of(""), "not JSON"},
      {file_of("    "), "not JSON"},
      {file_of("{"), "not JSON"},
      {file_of("{}x"), "not JSON"},
      {file_of("{}{}"), "not JSON"},
      {file_of(std::string("{}\0\0", 4)), "it holds a NUL"},
      {file_of("{} // comment"), "not JSON"},
      {file_of("\xEF\xBB\xBF{}"), "byte order mark"},
      {file_of("{\"\xC3(\":{}}"), "not JSON"},
      {file_of(R"({"\ud800":{}})"), "not JSON"},
      {file_of("null"), "has to be one JSON object, not null"},
      {file_of("[]"), "has to be one JSON object, not an array"},
      {file_of("7"), "has to be one JSON object, not the number 7"},
      {file_of("{" + entry + "," + entry + "}", 4), "the name 'a' occurs twice"},
      {file_of(R"({"__metadata__":{},"__metadata__":{}})"), "the name '__metadata__' occurs twice"},
      {file_of(R"({"__metadata__":{"k":"1","k":"2"}})"), "the metadata key 'k' occurs twice"},
      {file_of(R"({"__metadata__":{"k":1}})"), "the metadata 'k' has to be a text, not the number 1"},
      {file_of(R"({"__metadata__":{"k":{}}})"), "the metadata 'k' has to be a text, not an object"},
      {file_of(R"({"__metadata__":"k"})"), "__metadata__ has to be an object of texts, not the text 'k'"},
      {file_of(R"({"a":[]})"), "tensor 'a' has to be an object, not an array"},
      {file_of(R"({"a":null})"), "tensor 'a' has to be an object, not null"},
      {file_of(R"({"a":{}})"), "tensor 'a' lacks the field 'dtype'"},
      {file_of(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "tensor 'a' lacks the field 'shape'"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "tensor 'a' lacks the field 'data_offsets'"},
      {file_of(R"({"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,4]}})", 4),
       "the field 'dtype' occurs twice"},
      {file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"stride":[1]}})", 4),
       "the unknown field 'stride'"},
      {file_of(tensor_json(R"("I16")", "[2]", "[0,4]"), 4), "tensor 'a' has dtype I16, which tapegrad does not read"},
      {file_of(tensor_json(R"("U8")", "[4]", "[0,4]"), 4), "tensor 'a' has dtype U8, which tapegrad does not read"},
      {file_of(tensor_json(R"("BF16")", "[2]", "[0,8]"), 8), "tensor 'a': BF16 [2] takes 4 bytes, data_offsets give 8"},
      {file_of(tensor_json(R"("F16")", "[2]", "[0,8]"), 8), "tensor 'a': F16 [2] takes 4 bytes, data_offsets give 8"},
      {file_of(tensor_json(R"("f32")", "[1]", "[0,4]"), 4), "tensor 'a' has the unknown dtype 'f32'"},
      {file_of(tensor_json("32", "[1]", "[0,4]"), 4), "dtype has to be a text, not the number 32"},
      {file_of(tensor_json(R"("F32")", "1", "[0,4]"), 4), "shape has to be a list of sizes, not the number 1"},
      {file_of(tensor_json(R"("F32")", "[-1]", "[0,4]"), 4),
       "shape has to be a list of sizes, not the negative number -1"},
      {file_of(tensor_json(R"("F32")", "[1.0]", "[0,4]"), 4), "shape has to be a list of sizes, not the number 1.0"},
      {file_of(tensor_json(R"("F32")", "[[1]]", "[0,4]"), 4), "shape has to be a list of sizes, not an array"},
      {file_of(tensor_json(R"("F32")", "[true]", "[0,4]"), 4), "shape has to be a list of sizes, not a truth value"},
      {file_of(tensor_json(R"("F32")", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4), "tensor 'a' has more than 8 dimensions"},
      {file_of(tensor_json(R"("F32")", "[9223372036854775808]", "[0,4]"), 4),
       "the size 9223372036854775808 is too large"},
      {file_of(tensor_json(R"("F32")", "[99999999999999999999999]", "[0,4]"), 4), "shape has to be a list of sizes"},
      {file_of(tensor_json(R"("F32")", "[" + big + "," + big + "]", "[0,4]"), 4), "overflows the number of bytes"},
      {file_of(tensor_json(R"("F32")", "[0," + big + "," + big + "]", "[0,0]")), "overflows the number of bytes"},
      // 2^62 * 4 bytes wraps around to 0.
      {file_of(tensor_json(R"("F32")", "[4611686018427387904]", "[0,0]")), "overflows the number of bytes"},
      {file_of(tensor_json(R"("F32")", "[1]", "[0]"), 4), "data_offsets needs two numbers"},
      {file_of(tensor_json(R"("F32")", "[1]", "[0,4,4]"), 4), "data_offsets has more than two numbers"},
      {file_of(tensor_json(R"("F32")", "[1]", "[-4,0]"), 4), "data_offsets has to be two positions in the data"},
      {file_of(tensor_json(R"("F32")", "[1]", "[4,0]"), 4), "tensor 'a' ends at byte 0, before it begins at 4"},
      {file_of(tensor_json(R"("F32")", "[1]", "[4,8]"), 8),
       "bytes 0 to 4 of the data, before tensor 'a', belong to no tensor"},
      {file_of("{" + entry + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", 12),
       "bytes 4 to 8 of the data"},
      {file_of("{" + entry + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6),
       "tensor 'b' begins at byte 2, inside"},
      {file_of("{" + entry + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
       "begins at byte 0, inside"},
      {file_of(tensor_json(R"("F32")", "[2]", "[0,4]"), 4), "tensor 'a': F32 [2] takes 8 bytes, data_offsets give 4"},
      {file_of(tensor_json(R"("F64")", "[]", "[0,4]"), 4), "tensor 'a': F64 [] takes 8 bytes, data_offsets give 4"},
      {file_of(tensor_json(R"("F32")", "[0]", "[0,4]"), 4), "takes 0 bytes, data_offsets give 4"},
      {file_of(tensor_json(R"("F32")", "[1]", "[0,18446744073709551615]"), 4),
       "data_offsets give 18446744073709551615"},
      {file_of(good, 3), "the tensors end at byte 4 of the data, the file has 3 bytes of data"},
      {file_of(good, 5), "the tensors end at byte 4 of the data, the file has 5 bytes of data"},
      {file_of("{}", 1), "the tensors end at byte 0 of the data, the file has 1 bytes of data"},
      {file_of(tensor_json(R"("BOOL")", "[2]", "[0,2]")) + "\x01\x02", "tensor 'a' is BOOL and holds the byte 2"},
      {file_of(std::string(100'000, '[')), "has to be one JSON object, not an array"},
  };
  for (const Hostile& hostile : cases) {
    BOOST_TEST_CONTEXT(hostile.reason) {
      BOOST_CHECK_EXCEPTION(parse(hostile.file), tapegrad::IoError, [&](const tapegrad::IoError& error) {
        const std::string message = error.what();
        BOOST_TEST_MESSAGE(message);
        return message.starts_with("[load_safetensors] weights.safetensors: ") &&
               message.find(hostile.reason) != std::string::npos;
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_cut_at_any_byte_is_refused) {
  const std::string file = file_content(std::filesystem::path(TAPEGRAD_FIXTURES) / "linear.safetensors");
  BOOST_TEST_REQUIRE(file.size() > 1000);
  parse(file);
  for (std::size_t size = 0; size < file.size(); ++size) {
    // An allocation of its own, so that a sanitizer sees a read beyond the cut.
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    BOOST_CHECK_THROW(parse(cut), tapegrad::IoError);
  }
}

// Whatever a byte of the header is changed to, the file is refused or still has only ranges that lie in it.
BOOST_AUTO_TEST_CASE(a_changed_byte_never_leads_outside_the_file) {
  std::string file = file_content(std::filesystem::path(TAPEGRAD_FIXTURES) / "embedding.safetensors");
  const std::size_t header_size = parse(file).data_begin;
  for (std::size_t i = 0; i < header_size; ++i) {
    const char old = file[i];
    for (const int flip : {1, 2, 4, 16, 64, 128}) {
      file[i] = static_cast<char>(old ^ flip);
      try {
        const SafetensorsHeader header = parse(file);
        for (const StoredTensor& tensor : header.tensors) {
          BOOST_REQUIRE_LE(header.data_begin + tensor.end, file.size());
          BOOST_REQUIRE_EQUAL(tensor.end - tensor.begin,
                              static_cast<std::size_t>(tensor.shape.numel()) * stored_size(tensor));
        }
      } catch (const tapegrad::IoError&) {
      }
    }
    file[i] = old;
  }
}

BOOST_AUTO_TEST_SUITE_END()
