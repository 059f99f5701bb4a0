// Drawings for the HTML report: SVG that takes its colours from the page.
#pragma once

#include <string>
#include <vector>

#include "gradcheck/values.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// One cell per element, the last axis across; decades of the relative error from 1e-12 to 1. Large inputs show the
/// largest error of a rectangle of elements in a cell.
std::string heat_map(const Values& errors, const Extents& shape);

/// Remainder over step on logarithmic axes, with the noise and the slopes of a right (t^2) and a wrong (t) derivative.
std::string sweep_plot(const std::vector<TaylorPoint>& points);

}  // namespace tapegrad::checker
