#include <nlohmann/json.hpp>

#include "tapegrad/reports.hpp"
#include "text/json_number.hpp"

namespace tapegrad::program {
namespace {

using Json = nlohmann::ordered_json;
using json::number;

std::string_view name_of(suite::Outcome outcome) {
  switch (outcome) {
    case suite::Outcome::passed: return "passed";
    case suite::Outcome::failed: return "failed";
    case suite::Outcome::skipped: return "skipped";
  }
  return "?";
}

Json json_of(const suite::EntryResult& result, const suite::CheckResult& check, const CheckRun& run) {
  Json json = {{"check", check.check}, {"outcome", name_of(check.outcome)}, {"seconds", check.seconds}};
  if (!check.sample.empty()) json["sample"] = check.sample;
  if (!check.message.empty()) json["message"] = check.message;
  if (check.outcome == suite::Outcome::failed)
    json["reproduce"] = reproduction(run.program, result, check, run.options);
  if (check.report) json["gradcheck"] = Json::parse(to_json(*check.report));
  return json;
}

Json json_of(const suite::EntryResult& result, const CheckRun& run) {
  const Summary s = summary_of(result);
  Json verdicts = Json::object();
  for (std::size_t v = 0; v < kVerdicts; ++v)
    if (s.verdicts[v] > 0) verdicts[std::string(to_string(static_cast<Verdict>(v)))] = s.verdicts[v];
  Json json = {
      {"kind", result.kind},          {"family", result.family},   {"name", result.name},
      {"passed", result.passed()},    {"seconds", result.seconds}, {"samples", s.samples},
      {"comparisons", s.comparisons}, {"verdicts", verdicts},      {"worst_error_in_tolerances", number(s.worst)},
      {"checks", Json::array()}};
  for (const suite::CheckResult& check : result.checks) json["checks"].push_back(json_of(result, check, run));
  return json;
}

}  // namespace

std::string json_report(const CheckRun& run) {
  Json json = {
      {"tapegrad", TAPEGRAD_VERSION},
      {"program", run.program},
      {"passed", run.passed()},
      {"seconds", run.seconds},
      {"threads", run.workers},
      {"options", {{"order", run.options.order}, {"dtype", to_string(run.options.dtype)}, {"seed", run.options.seed}}},
      {"results", Json::array()}};
  for (const suite::EntryResult& result : run.results) json["results"].push_back(json_of(result, run));
  // a message may hold bytes that are no UTF-8
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tapegrad::program
