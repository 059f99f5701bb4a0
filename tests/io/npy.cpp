#include "tapegrad/io/npy.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <thread>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"
#include "temporary_folder.hpp"

using namespace tapegrad;
using tapegrad::test::says;

namespace {

/// A file that NumPy wrote (tests/fixtures/npy/make_npy.py).
std::string numpy_file(const std::string& name) { return TAPEGRAD_FIXTURES "/npy/" + name + ".npy"; }

/// A file with such a header, of which nothing is padded.
std::string npy_bytes(const std::string& header, const std::string& data = "", char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return bytes + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return fmt::format("{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}\n", descr, fortran, shape);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(npy)

BOOST_AUTO_TEST_CASE(every_dtype_that_numpy_wrote) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<double> floats{1.5, -2.25, 1e-38, 3e38, -0.0, kInfinity};
  for (const std::string order : {"", "_big"}) {
    BOOST_TEST_CONTEXT("byte order '" << order << "'") {
      const Tensor f8 = load_npy(numpy_file("f8" + order));
      BOOST_TEST(same_bits(f8, from_vector(floats, {2, 3})));
      BOOST_TEST(same_bits(load_npy(numpy_file("f4" + order)), from_vector(floats, {2, 3}).to(float32)));
      BOOST_TEST(
          same_bits(load_npy(numpy_file("f2" + order)), from_vector<float>({1.5F, -65504, 0x1p-24F, kInfinity}, {4})));
      const auto check_integers = [&](const std::string& name, std::int64_t least, std::int64_t most) {
        BOOST_TEST(same_bits(load_npy(numpy_file(name + order)), from_vector<std::int64_t>({least, 0, 1, most}, {4})),
                   name);
      };
      check_integers("i1", -128, 127);
      check_integers("i2", -32768, 32767);
      check_integers("i4", -2147483648, 2147483647);
      check_integers("i8", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
      check_integers("u1", 0, 255);
      check_integers("u2", 0, 65535);
      check_integers("u4", 0, 4294967295);
    }
  }
  BOOST_TEST(same_bits(load_npy(numpy_file("b1")), from_vector<bool>({true, false, true}, {3, 1})));
}

BOOST_AUTO_TEST_CASE(every_order_version_and_shape_that_numpy_wrote) {
  const Tensor counted = arange(24).to(float32).reshape({2, 3, 4});
  for (const char* name : {"order_c", "order_fortran", "order_fortran_big", "version_2", "version_3"}) {
    const Tensor x = load_npy(numpy_file(name));
    BOOST_TEST(same_bits(x, counted), name);
    BOOST_TEST(x.is_contiguous(), name);
  }
  BOOST_TEST(same_bits(load_npy(numpy_file("scalar")), tensor(2.5)));
  BOOST_TEST(same_bits(load_npy(numpy_file("nothing")), zeros({3, 0, 2}, {.dtype = float64})));
  BOOST_TEST(
      same_bits(load_npy(numpy_file("rank_8")), from_vector<std::int64_t>({0, 1, 2, 3}, {1, 2, 1, 2, 1, 1, 1, 1})));
}

// Rows and columns side by side where one would be told from the other by its values alone.
BOOST_AUTO_TEST_CASE(fortrans_order_of_few_dimensions) {
  const TemporaryFolder folder;
  const auto loaded = [&](const std::string& shape, const std::string& data) {
    folder.write("a.npy", npy_bytes(dictionary("'|i1'", shape, "True"), data));
    return load_npy(folder / "a.npy");
  };
  BOOST_TEST(same_bits(loaded("(2, 3)", "\1\2\3\4\5\6"), from_vector<std::int64_t>({1, 3, 5, 2, 4, 6}, {2, 3})));
  BOOST_TEST(same_bits(loaded("(3,)", "\1\2\3"), from_vector<std::int64_t>({1, 2, 3}, {3})));
  BOOST_TEST(same_bits(loaded("()", "\7"), from_vector<std::int64_t>({7}, {})));
  BOOST_TEST(same_bits(loaded("(2, 0, 3)", ""), zeros({2, 0, 3}, {.dtype = int64})));
}

// NumPy's own bytes, where nothing is converted.
BOOST_AUTO_TEST_CASE(what_is_loaded_is_saved_as_numpy_wrote_it) {
  const TemporaryFolder folder;
  for (const char* name : {"f4", "f8", "i8", "b1", "order_c", "scalar", "nothing", "rank_8"}) {
    save_npy(folder / "copy.npy", load_npy(numpy_file(name)));
    BOOST_TEST((folder.read("copy.npy") == file_content(numpy_file(name))), name);
  }
  save_npy(folder / "copy.npy", load_npy(numpy_file("order_fortran")));
  BOOST_TEST((folder.read("copy.npy") == file_content(numpy_file("order_c"))));
}

BOOST_AUTO_TEST_CASE(views_are_written_as_they_look) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.npy";
  const Tensor x = arange(12).reshape({3, 4});
  for (const Tensor& view :
       {x.transpose(0, 1), x.slice(1, {.start = 1, .stop = 4, .step = 2}), x[1], x[0].expand({2, 4})}) {
    save_npy(path, view);
    BOOST_TEST(same_bits(load_npy(path), view.contiguous()));
  }
  const Tensor leaf = tensor({1.0, 2.0}, {.requires_grad = true});
  const Tape tape;
  save_npy(path, leaf);
  BOOST_TEST(!load_npy(path).requires_grad());
  BOOST_TEST(tape.size() == 0);
}

// Other writers than NumPy, and NumPy under Python 2.
BOOST_AUTO_TEST_CASE(headers_that_are_written_otherwise) {
  const TemporaryFolder folder;
  const auto loaded = [&](const std::string& bytes) {
    folder.write("a.npy", bytes);
    return load_npy(folder / "a.npy");
  };
  const std::string one("\0\0\x80\x3f", 4);
  const Tensor expected = tensor({{1.0, 1.0}});
  BOOST_TEST(same_bits(loaded(npy_bytes("{'shape':(1,2),'descr':'<f4','fortran_order':False}", one + one)), expected));
  BOOST_TEST(same_bits(
      loaded(npy_bytes("\t{ \"fortran_order\" : False ,\n\"shape\" : ( 1 , 2 , ) , \"descr\" : \"<f4\" , } \r\n",
                       one + one, 2)),
      expected));
  BOOST_TEST(same_bits(loaded(npy_bytes(dictionary("'f4'", "(1L, 2L)"), one + one)), expected));
  BOOST_TEST(same_bits(loaded(npy_bytes(dictionary("'=f4'", "(1, 2)"), one + one, 3)), expected));
}

BOOST_AUTO_TEST_CASE(dtypes_that_are_refused) {
  const auto refused = [](const std::string& name, const std::string& reason) {
    const std::string path = numpy_file(name);
    BOOST_CHECK_EXCEPTION((void)load_npy(path), IoError, says("[load_npy] " + path + ": " + reason));
  };
  const std::string none = " is none that tapegrad reads (f2, f4, f8, i1, i2, i4, i8, u1, u2, u4 and b1 it reads)";
  refused("refused_u8", "the dtype '<u8' (numbers that int64 does not hold)" + none);
  refused("refused_c8", "the dtype '<c8' (complex numbers)" + none);
  refused("refused_f16", "the dtype '<f16'" + none);
  refused("refused_S3", "the dtype '|S3' (texts)" + none);
  refused("refused_U3", "the dtype '<U3' (texts)" + none);
  refused("refused_M8", "the dtype '<M8[D]' (times)" + none);
  refused("refused_V3", "the dtype '|V3' (bytes without a meaning)" + none);
  refused("refused_O", "the dtype '|O' (Python objects, which are never read)" + none);
  refused("refused_fields", "the dtype is structured");
  refused("refused_named_fields", "the dtype is structured");
  refused("rank_9", "the array has more than 8 dimensions");
}

BOOST_AUTO_TEST_CASE(hostile_files_are_refused_with_the_reason) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.npy";
  const auto refused = [&](const std::string& bytes, const std::string& reason) {
    folder.write("a.npy", bytes);
    BOOST_CHECK_EXCEPTION((void)load_npy(path), IoError, says("[load_npy] " + path + ": " + reason));
    BOOST_CHECK_EXCEPTION((void)load_npy(path), IoError, [](const IoError& error) {
      return std::string(error.what()).find('\n') == std::string::npos;
    });
  };
  const auto header_refused = [&](const std::string& header, const std::string& reason) {
    refused(npy_bytes(header, std::string(8, '\0')), reason);
  };

  // Before the header.
  refused("", "the file has 0 bytes, too few for a header");
  refused("\x93NUM", "the file has 4 bytes, too few for a header");
  refused(std::string("\x93NUMPY\1\0\2\0{", 11), "the file has 11 bytes, too few for a header");
  refused("1 2 3\n", "this is no NPY file (it does not begin with \"\\x93NUMPY\")");
  refused("PK\x03\x04 and more than that", "this is no NPY file (it begins as a zip archive: NumPy's .npz is one");
  refused(npy_bytes("{}", "", 4), "the file is of version 4.0, expected 1.0, 2.0 or 3.0");
  refused(npy_bytes(std::string(20, ' '), "", 0), "the file is of version 0.0");
  refused(std::string("\x93NUMPY\1\1\2\0{}", 12), "the file is of version 1.1");
  refused(std::string("\x93NUMPY\1\0\xff\xff{}", 12), "a header of 65535 bytes is announced, the file ends after 2");
  refused(std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12),
          "a header of 4294967295 bytes is announced, more than the limit of 65535");
  refused(std::string("\x93NUMPY\1\0\1\0{}", 12), "a header of 1 bytes is too short");

  // The dictionary.
  header_refused("  ", "header, byte 3: expected '{', got its end");
  header_refused("{}", "the header lacks the key 'descr'");
  header_refused("{'descr': '<f4', 'shape': (2,)}", "the header lacks the key 'fortran_order'");
  header_refused("{'descr': '<f4', 'fortran_order': False}", "the header lacks the key 'shape'");
  header_refused("{'descr': '<f4', 'descr': '<f4'}", "the key 'descr' occurs twice");
  header_refused("{'descr': '<f4', 'strides': (4,)}", "the header has the unknown key 'strides'");
  header_refused("{descr: '<f4'}", "header, byte 2: expected a key, got 'd'");
  header_refused("{'descr' '<f4'}", "header, byte 10: expected ':', got '''");
  header_refused("{'descr': '<f4' 'shape': (2,)}", "header, byte 17: expected ',' or '}', got '''");
  header_refused("{'descr': '<f4',, 'shape': (2,)}", "header, byte 17: expected a key, got ','");
  header_refused("{,}", "header, byte 2: expected a key, got ','");
  header_refused("{'descr': '<f4", "header, byte 15: expected the end of a text, got its end");
  header_refused("{'descr': '<f4'", "header, byte 16: expected ',' or '}', got its end");
  header_refused("{'descr': '<f\xe9'}", "header, byte 14: expected printable ASCII, got the byte 0xE9");
  header_refused("{'descr': '<f\n4'}", "header, byte 14: expected printable ASCII, got the byte 0x0A");
  header_refused(R"({'descr': '\x3cf4'})", "header, byte 12: expected printable ASCII, got '\\'");
  header_refused("{'descr': None}", "header, byte 11: expected a dtype, got 'N'");
  header_refused("{'descr': ''}", "the dtype '' is none that tapegrad reads");
  header_refused("{'descr': '|f4'}", "the dtype '|f4' is none that tapegrad reads");
  header_refused("{'descr': '<f44'}", "the dtype '<f44' is none that tapegrad reads");
  header_refused("{'fortran_order': 0}", "header, byte 19: expected True or False, got '0'");
  header_refused("{'fortran_order': Falsehood}", "header, byte 24: expected ',' or '}', got 'h'");
  header_refused(dictionary("'<f4'", "(2,)") + "x", "header, byte 59: expected nothing behind the dictionary, got 'x'");
  header_refused(dictionary("'<f4'", "(2,)") + std::string(1, '\0'),
                 "header, byte 59: expected nothing behind the dictionary, got the byte 0x00");
  header_refused(std::string("{\0}", 3), "header, byte 2: expected a key, got the byte 0x00");

  // The shape.
  const auto shape_refused = [&](const std::string& shape, const std::string& reason) {
    header_refused(dictionary("'<f4'", shape), reason);
  };
  shape_refused("(-2,)", "the shape has a negative size");
  shape_refused("(2)", "the shape is a number in brackets: one size is written (3,)");
  shape_refused("[2]", "header, byte 51: expected '(', got '['");
  shape_refused("2", "header, byte 51: expected '(', got '2'");
  shape_refused("(,)", "header, byte 52: expected a size, got ','");
  shape_refused("(2 2)", "header, byte 54: expected ',' or ')', got '2'");
  shape_refused("(2.0,)", "header, byte 53: expected ',' or ')', got '.'");
  shape_refused("(True, 2)", "header, byte 52: expected a size, got 'T'");
  shape_refused("(02,)", "the size 02 begins with 0");
  shape_refused("(9223372036854775808,)", "the size 9223372036854775808 is too large");
  shape_refused("(9223372036854775807,)", "the shape [9223372036854775807] overflows the number of bytes");
  shape_refused("(4294967296, 4294967296)", "the shape [4294967296, 4294967296] overflows the number of bytes");
  shape_refused("(4294967296, 4294967296, 0)", "the shape [4294967296, 4294967296, 0] overflows");
  shape_refused("(1, 1, 1, 1, 1, 1, 1, 1, 2)", "the array has more than 8 dimensions");
  refused(npy_bytes(dictionary("'<f4'", "(2L,)"), std::string(8, '\0'), 3),
          "header, byte 53: expected ',' or ')', got 'L'");

  // The elements.
  shape_refused("(3,)", "the shape [3] takes 12 bytes, the file has 8 behind its header");
  shape_refused("(1,)", "the shape [1] takes 4 bytes, the file has 8 behind its header");
  shape_refused("(0,)", "the shape [0] takes 0 bytes, the file has 8 behind its header");
  shape_refused("(1000000000000,)", "the shape [1000000000000] takes 4000000000000 bytes, the file has 8");
  refused(npy_bytes(dictionary("'|b1'", "(3,)"), "\1\2\1"), "the array is b1 and holds the byte 2, neither 0 nor 1");

  const std::string whole = file_content(numpy_file("f4"));
  for (std::size_t length = 0; length < whole.size(); ++length) refused(whole.substr(0, length), "");
}

// A file that has more bytes than memory could: only its header may be read.
BOOST_AUTO_TEST_CASE(nothing_is_read_for_a_file_that_holds_something_else) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.npy";
  save_npy(path, zeros({4}));
  std::filesystem::resize_file(path, std::uintmax_t{1} << 42);
  BOOST_CHECK_EXCEPTION((void)load_npy(path), IoError, says("the shape [4] takes 16 bytes, the file has 4398"));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_read_to_its_end) {
  const TemporaryFolder folder;
  BOOST_TEST_REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { folder.write("pipe", file_content(numpy_file("order_c"))); });
  const Tensor loaded = load_npy(folder / "pipe");
  writer.join();
  BOOST_TEST(same_bits(loaded, load_npy(numpy_file("order_c"))));
}

BOOST_AUTO_TEST_CASE(errors) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.npy";
  BOOST_CHECK_EXCEPTION((void)load_npy(path), IoError, says("[load_npy] " + path + ": No such file or directory"));
  BOOST_CHECK_EXCEPTION((void)load_npy("/dev/zero"), IoError, says("[load_npy] /dev/zero: a device"));
  BOOST_CHECK_EXCEPTION(save_npy(path, Tensor()), ValueError, says("[save_npy] " + path + ": the tensor is undefined"));
  BOOST_TEST(!std::filesystem::exists(path));
  BOOST_CHECK_EXCEPTION(save_npy(folder / "no/where", ones({2})), IoError,
                        says("[save_npy] " + folder / "no/where" + ": cannot create a file beside it"));
}

BOOST_AUTO_TEST_SUITE_END()
