#include "tapegrad/io/safetensors.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"
#include "temporary_folder.hpp"

using namespace tapegrad;
using tapegrad::test::says;

namespace {

template <class T>
void check_same(const Tensor& a, const Tensor& b) {
  BOOST_TEST_REQUIRE(to_string(a.shape()) == to_string(b.shape()));
  BOOST_TEST_REQUIRE((a.dtype() == b.dtype()));
  const auto x = a.to_vector<T>();
  const auto y = b.to_vector<T>();
  BOOST_TEST((x == y));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safetensors)

BOOST_AUTO_TEST_CASE(files_of_other_kinds_are_named) {
  const TemporaryFolder folder;
  const std::string path = folder / "weights";
  const auto refused = [&](const std::string& bytes, const std::string& reason) {
    std::ofstream(path, std::ios::binary) << bytes;
    BOOST_CHECK_EXCEPTION(load_safetensors(path), IoError, says("[load_safetensors] " + path + ": " + reason));
  };
  const std::string_view zip("PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00", 12);  // as torch.save begins
  refused(std::string(zip),
          "this is no safetensors file (it begins as a zip archive: PyTorch's .pt is one, of which "
          "safetensors.torch.save_file saves the state_dict)");
  refused(std::string("PK\x03\x04\x00\x00\x00\x00{}", 10), "this is no safetensors file (it begins as a zip archive");
  refused("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j", "this is no safetensors file (it begins as a pickle");
  refused("\x89HDF\r\n\x1a\n and more", "this is no safetensors file (it begins as an HDF5 file)");
  refused("GGUF\x03\x01\x01\x01\x01", "this is no safetensors file (it begins as a GGUF file)");
  refused("{\"weight\": [1, 2]}\n", "this is no safetensors file (it begins as text)");
  refused(std::string(8, '\xFF'), "a header of 18446744073709551615 bytes is announced");
}

BOOST_AUTO_TEST_CASE(round_trip_of_every_dtype_and_shape) {
  const TemporaryFolder folder;
  const std::string path = folder / "weights.safetensors";
  const NamedTensors tensors = {
      {"z.weight", tensor({{1.5F, -2.25F, 1e-38F}, {3e38F, -0.0F, 7.0F}})},
      {"bias", tensor({0.1, 1e-300}, {.dtype = float64})},
      {"count", from_vector<std::int64_t>({9007199254740993}, {})},
      {"keep", from_vector<bool>({true, false, true}, {3, 1})},
      {"nothing", zeros({3, 0, 2}, {.dtype = float64})},
      {"scalar", tensor(2.5)},
      {"Grüße", arange(4)},
  };
  save_safetensors(path, tensors, {{"format", "pt"}, {"note", "line\nbreak"}});
  const NamedTensors loaded = load_safetensors(path);
  BOOST_TEST(loaded.size() == tensors.size());
  for (const auto& [name, x] : tensors) {
    BOOST_TEST_CONTEXT(name) {
      switch (x.dtype()) {
        case DType::float32: check_same<float>(loaded.at(name), x); break;
        case DType::float64: check_same<double>(loaded.at(name), x); break;
        case DType::int64: check_same<std::int64_t>(loaded.at(name), x); break;
        case DType::boolean: check_same<bool>(loaded.at(name), x); break;
      }
    }
  }
  BOOST_TEST(std::signbit(loaded.at("z.weight").to_vector<float>()[4]));
  const auto metadata = load_safetensors_metadata(path);
  BOOST_TEST(metadata.at("note") == "line\nbreak");
  BOOST_TEST(metadata.size() == 2);
}

BOOST_AUTO_TEST_CASE(views_are_written_as_they_look) {
  const TemporaryFolder folder;
  const std::string path = folder / "views.safetensors";
  const Tensor x = tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  save_safetensors(path, {{"transposed", x.transpose(0, 1)},
                          {"column", x.slice(1, {.start = 1, .stop = 2})},
                          {"row", x[1]},
                          {"expanded", x[0].expand({2, 3})}});
  const NamedTensors loaded = load_safetensors(path);
  BOOST_TEST((loaded.at("transposed").to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6}));
  BOOST_TEST((loaded.at("column").to_vector<float>() == std::vector<float>{2, 5}));
  BOOST_TEST((loaded.at("row").to_vector<float>() == std::vector<float>{4, 5, 6}));
  BOOST_TEST((loaded.at("expanded").to_vector<float>() == std::vector<float>{1, 2, 3, 1, 2, 3}));
}

// Bytes written out by hand after the format's description, in the compact form of Python's writer.
BOOST_AUTO_TEST_CASE(the_bytes_of_a_file) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  save_safetensors(path, {{"b", tensor({true}, {.dtype = boolean})}, {"a", tensor({1.0, -2.0})}});
  const std::string json =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}})";
  const std::string padding((8 - json.size() % 8) % 8, ' ');
  std::string expected(8, '\0');
  expected[0] = static_cast<char>(json.size() + padding.size());
  expected += json + padding;
  expected += std::string("\x00\x00\x80\x3F\x00\x00\x00\xC0\x01", 9);
  BOOST_TEST(file_content(path) == expected);
}

// Every pattern of 16 bits, against what IEEE 754 says of its sign, exponent and fraction.
BOOST_AUTO_TEST_CASE(halves_become_float32) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.safetensors";
  struct Format {
    std::string name;
    int exponent_bits, fraction_bits;
  };
  for (const auto& [name, exponent_bits, fraction_bits] : {Format{"F16", 5, 10}, Format{"BF16", 8, 7}}) {
    std::string json = R"({"a":{"dtype":")" + name + R"(","shape":[256,256],"data_offsets":[0,131072]},)" +
                       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[131072,131076]}})";
    json.append((8 - json.size() % 8) % 8, ' ');
    std::string file(8, '\0');
    file[0] = static_cast<char>(json.size());
    file += json;
    for (int bits = 0; bits < 65536; ++bits) {
      file += static_cast<char>(bits & 0xFF);
      file += static_cast<char>(bits >> 8);
    }
    std::ofstream(path, std::ios::binary) << file << std::string("\x00\x00\x80\x3F", 4);
    const NamedTensors loaded = load_safetensors(path);
    BOOST_TEST(loaded.at("b").item() == 1.0);
    BOOST_TEST(to_string(loaded.at("a").shape()) == "[256, 256]");
    const std::vector<float> values = loaded.at("a").to_vector<float>();
    const int most = (1 << exponent_bits) - 1, bias = most / 2;
    for (int bits = 0; bits < 65536; ++bits) {
      const int exponent = bits >> fraction_bits & most, fraction = bits & ((1 << fraction_bits) - 1);
      const float value = values[static_cast<std::size_t>(bits)];
      BOOST_TEST_REQUIRE(std::signbit(value) == (bits >= 32768));
      if (exponent == most) {
        BOOST_TEST_REQUIRE((fraction == 0 ? std::isinf(value) : std::isnan(value)));
        continue;
      }
      const double significand = std::ldexp(fraction, -fraction_bits) + (exponent == 0 ? 0 : 1);
      BOOST_TEST_REQUIRE(std::abs(value) == std::ldexp(significand, std::max(exponent, 1) - bias));
    }
  }
}

// The fixtures were written by Python: what is loaded from them and saved again has to be the same bytes.
BOOST_AUTO_TEST_CASE(files_of_an_independent_writer) {
  const TemporaryFolder folder;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TAPEGRAD_FIXTURES)) {
    if (entry.path().extension() != ".safetensors") continue;
    BOOST_TEST_CONTEXT(entry.path().filename()) {
      const std::string copy = folder / "copy.safetensors";
      save_safetensors(copy, load_safetensors(entry.path()), load_safetensors_metadata(entry.path()));
      BOOST_TEST((file_content(copy) == file_content(entry.path())));
    }
    ++files;
  }
  BOOST_TEST(files > 100);
}

BOOST_AUTO_TEST_CASE(leaves_are_written_while_a_tape_records) {
  const TemporaryFolder folder;
  const std::string path = folder / "leaf.safetensors";
  const Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  const Tape tape;
  save_safetensors(path, {{"x", x}});
  BOOST_TEST(tape.size() == 0);
  const Tensor loaded = load_safetensors(path).at("x");
  BOOST_TEST(!loaded.requires_grad());
}

// A file that has more bytes than memory could: only its header may be read.
BOOST_AUTO_TEST_CASE(nothing_is_read_for_a_file_that_promises_something_else) {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  save_safetensors(path, {{"x", zeros({4})}});
  std::filesystem::resize_file(path, std::uintmax_t{1} << 42);
  BOOST_CHECK_EXCEPTION(load_safetensors(path), IoError,
                        says("the tensors end at byte 16 of the data, the file has 4398"));
  BOOST_CHECK_EXCEPTION(load_safetensors_metadata(path), IoError, says("the tensors end at byte 16"));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_read_to_its_end) {
  const TemporaryFolder folder;
  const Tensor x = randn({300, 100});
  save_safetensors(folder / "w.safetensors", {{"x", x}});
  BOOST_TEST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::thread writer(
      [&] { std::ofstream(folder / "pipe", std::ios::binary) << file_content(folder / "w.safetensors"); });
  const Tensor loaded = load_safetensors(folder / "pipe").at("x");
  writer.join();
  BOOST_TEST((loaded.to_vector<float>() == x.to_vector<float>()));
}

BOOST_AUTO_TEST_CASE(errors) {
  const TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
  BOOST_CHECK_EXCEPTION(load_safetensors(path), IoError,
                        says("[load_safetensors] " + path + ": No such file or directory"));
  BOOST_CHECK_EXCEPTION(load_safetensors(folder / ""), IoError, says("Is a directory"));
  BOOST_CHECK_EXCEPTION(load_safetensors("/dev/zero"), IoError, says("[load_safetensors] /dev/zero: a device"));
  save_safetensors(folder / "short", {{"x", ones({2})}});
  BOOST_CHECK_EXCEPTION(load_safetensors((folder / "short") + std::string("\0er", 3)), IoError,
                        says("[load_safetensors] " + folder / "short" + ": a NUL in a name would cut it off here"));
  const std::string where = "[save_safetensors] " + path + ": ";
  BOOST_CHECK_EXCEPTION(save_safetensors(folder / "no/where", {}), IoError,
                        says("[save_safetensors] " + folder / "no/where" + ": cannot create a file beside it"));
  BOOST_CHECK_EXCEPTION(save_safetensors(path, {{"x\x1b", Tensor()}}), ValueError,
                        says(where + "tensor 'x\\x1b' is undefined"));
  BOOST_CHECK_EXCEPTION(save_safetensors(path, {{"__metadata__", zeros({1})}}), IoError,
                        says(where + "'__metadata__' is not a name"));
  BOOST_CHECK_EXCEPTION(save_safetensors(path, {{"a\xFF", zeros({1})}}), IoError,
                        says(where + "\"a\xEF\xBF\xBD\" is not UTF-8"));
  // What a file is loaded from goes as it is when nobody holds it.
  save_safetensors(folder / "kept", {{"x", ones({2})}});
  const Tensor& kept = load_safetensors(folder / "kept").at("x");
  BOOST_TEST(kept.to_vector<float>()[1] == 1.0F);
  BOOST_TEST(!std::filesystem::exists(path));

  save_safetensors(path, {{"x", zeros({4})}});
  const std::string whole = file_content(path);
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{20}, whole.size() - 1}) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, length);
    BOOST_CHECK_EXCEPTION(load_safetensors(path), IoError, says("[load_safetensors] " + path));
  }
}

BOOST_AUTO_TEST_SUITE_END()
