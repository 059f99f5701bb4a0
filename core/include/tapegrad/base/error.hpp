// Errors: everything a caller can get wrong throws a subclass of tapegrad::Error. The message begins with the operation
// in brackets, then says what was expected and what came, shapes included: "[matmul] inner dimensions differ: [16, 7,
// 40] x [41, 3]". An error in a layer, or under another Scope, ends with its place: "(in encoder.layers.0.linear1)".
#pragma once

#include <stdexcept>
#include <string>

namespace tapegrad {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
};

/// Shapes, ranks or axes that do not fit the operation.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A dtype that the operation does not take, or two dtypes that do not mix.
class DTypeError : public Error {
 public:
  using Error::Error;
};

/// An index or a class label outside its range.
class IndexError : public Error {
 public:
  using Error::Error;
};

/// Misuse of a tape: a stale tensor, a second backward, a saved tensor that was changed in place.
class TapeError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read, written or trusted.
class IoError : public Error {
 public:
  using Error::Error;
};

/// An option or an argument value outside its domain.
class ValueError : public Error {
 public:
  using Error::Error;
};

}  // namespace tapegrad
