// A case that PyTorch computed: tests/fixtures/README.md says what its tensors mean.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "io/safetensors_format.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::test {

class Fixture {
 public:
  explicit Fixture(const std::string& name) {
    const std::string path = std::string(TAPEGRAD_FIXTURES) + "/" + name + ".safetensors";
    std::ifstream file(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto header = io::parse_safetensors_header("fixture", std::as_bytes(std::span(bytes)), bytes.size(), path);
    for (const io::StoredTensor& stored : header.tensors) {
      const Tensor t = empty(stored.shape, {.dtype = stored.dtype});
      if (stored.end > stored.begin)
        std::memcpy(array_of(t).data(), bytes.data() + header.data_begin + stored.begin, stored.end - stored.begin);
      tensors_[stored.name] = t;
    }
    attributes_ = header.metadata;
  }

  /// What follows `prefix` in the keys that begin with it, sorted.
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const auto& [key, tensor] : tensors_)
      if (key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
    return names;
  }
  bool has(const std::string& key) const { return tensors_.contains(key); }
  /// "input.x", "param.weight", "output.y", "cotangent.y", "grad.input.x", ...: a handle of its own storage.
  Tensor operator[](const std::string& key) const {
    const auto found = tensors_.find(key);
    if (found == tensors_.end()) throw IoError("[fixture] there is no tensor " + key);
    return wrap(array::copy(array_of(found->second)));
  }
  /// The same as a leaf.
  Tensor leaf(const std::string& key) const { return (*this)[key].set_requires_grad(true); }
  const std::map<std::string, std::string>& attributes() const { return attributes_; }
  /// An option. Throws std::out_of_range when the fixture does not say.
  double number(const std::string& name) const { return std::stod(attributes_.at(name)); }
  /// The same, or what it is when the fixture does not say.
  std::int64_t whole_number(const std::string& name, std::int64_t otherwise) const {
    const auto found = attributes_.find(name);
    return found == attributes_.end() ? otherwise : std::stoll(found->second);
  }
  bool truth(const std::string& name, bool otherwise = false) const {
    const auto found = attributes_.find(name);
    return found == attributes_.end() ? otherwise : found->second == "true";
  }

 private:
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> attributes_;
};

/// |actual - expected| <= tolerance (1 + |expected|) everywhere, float64; shapes agree.
inline void check_close(const Tensor& actual, const Tensor& expected, double tolerance = 1e-12) {
  BOOST_TEST_REQUIRE(to_string(actual.shape()) == to_string(expected.shape()));
  const std::vector<double> a = actual.to_vector<double>();
  const std::vector<double> e = expected.to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i)
    BOOST_TEST(std::abs(a[i] - e[i]) <= tolerance * (1.0 + std::abs(e[i])),
               "element " << i << " is " << a[i] << ", expected " << e[i]);
}

}  // namespace tapegrad::test
