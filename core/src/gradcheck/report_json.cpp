#include <nlohmann/json.hpp>

#include "gradcheck/wording.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "text/json_number.hpp"

namespace tapegrad {
namespace {

using Json = nlohmann::ordered_json;
using json::number;

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double v : values) list.push_back(number(v));
  return list;
}

Json element(const GradcheckElement& e) {
  return {{"verdict", to_string(e.verdict)},
          {"index", e.index},
          {"output", e.output},
          {"analytic", number(e.analytic)},
          {"numeric", number(e.numeric)},
          {"tolerance", number(e.tolerance)},
          {"input_value", number(e.input_value)},
          {"absolute_error", number(e.absolute_error())},
          {"relative_error", number(e.relative_error())}};
}

Json finding(const GradcheckReport& report, const GradcheckFinding& f) {
  Json json = {{"verdict", to_string(f.verdict)},
               {"passes", report.passes(f)},
               {"order", f.order},
               {"mode", to_string(f.mode)},
               {"input", f.input},
               {"input_name", f.input_name},
               {"shape", f.shape},
               {"index", f.index},
               {"output", f.output},
               {"analytic", number(f.analytic)},
               {"numeric", number(f.numeric)},
               {"numeric_is", checker::numeric_side(f)},
               {"tolerance", number(f.tolerance)},
               {"input_value", number(f.input_value)},
               {"absolute_error", number(f.absolute_error())},
               {"relative_error", number(f.relative_error())},
               {"taylor_rate", number(checker::measured_rate(f))},
               {"step", number(f.step)},
               {"note", f.note},
               {"reproduce", checker::reproduction(report, f)}};
  if (f.verdict == Verdict::kink) json["slopes"] = {{"below", number(f.slope_below)}, {"above", number(f.slope_above)}};
  if (f.diagnosis)
    json["diagnosis"] = {{"mistake", to_string(f.diagnosis->mistake)},
                         {"text", f.diagnosis->text},
                         {"unexplained", number(f.diagnosis->unexplained)}};
  for (const GradcheckElement& e : f.worst) json["worst"].push_back(element(e));
  for (const TaylorPoint& p : f.sweep)
    json["sweep"].push_back({{"step", number(p.step)}, {"remainder", number(p.remainder)}, {"noise", number(p.noise)}});
  if (!f.element_errors.empty()) json["element_errors"] = numbers(f.element_errors);
  return json;
}

}  // namespace

std::string to_json(const GradcheckReport& report) {
  Json json = {{"verdict", to_string(report.verdict())},
               {"ok", report.ok()},
               {"comparisons", report.comparisons},
               {"calls", report.calls},
               {"seconds", report.seconds},
               {"seed", report.seed},
               {"allowed", Json::array()},
               {"findings", Json::array()}};
  for (const Allowance& a : report.allowed)
    json["allowed"].push_back({{"verdict", to_string(a.verdict)}, {"reason", a.reason}});
  for (const GradcheckFinding& f : report.findings) json["findings"].push_back(finding(report, f));
  // A name may hold bytes that are no UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tapegrad
