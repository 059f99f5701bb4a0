// What a function of a tensor and one axis refuses, whatever else it does.
#pragma once

#include <string>
#include <string_view>

#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Of f(x, axis), called `name`.
template <class Result>
catalogue::ErrorSamples axis_errors(std::string_view name, Result (*f)(const Tensor& x, Axis axis)) {
  const std::string op = std::string("[").append(name).append("] ");
  return {{"axis",
           [f] {
             (void)f(zeros({2, 3}), 2);
           },
           op + "axis 2 is out of range for rank 2"},
          {"negative axis",
           [f] {
             (void)f(zeros({2, 3}), -3);
           },
           op + "axis -3 is out of range for rank 2"},
          {"scalar", [f] { (void)f(zeros({}), 0); }, op + "axis 0 is out of range for rank 0"}};
}

}  // namespace tapegrad
