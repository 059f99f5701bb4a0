// The page and the CSV files beside it, as files.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "norm_study/report.hpp"
#include "tapegrad/base/error.hpp"

namespace norm_study {
namespace {

void write_file(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path partial = path.string() + ".partial";
  std::ofstream file(partial, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(partial, path, error);
  if (!file || error) throw tapegrad::IoError(fmt::format("[write_report] cannot write {}", path.string()));
}

template <class... Fields>
std::string csv_line(const Fields&... fields) {
  std::string line;
  ((line += (line.empty() ? "" : ",") + csv_field(fields)), ...);
  return line + "\r\n";
}

std::string verdicts_csv(const StudyResults& results) {
  std::string lines = csv_line("claim", "title", "verdict", "by_construction", "measured", "setup", "command");
  for (const Claim& claim : results.claims) {
    const Verdict& v = claim.verdict;
    lines += csv_line(claim.id, claim.title, outcome_name(v.outcome), v.by_construction ? "yes" : "no", v.detail,
                      claim.setup, claim.command);
  }
  return lines;
}

std::string measurements_csv(const StudyResults& results) {
  std::string lines = csv_line("claim", "setup", "row", "column", "value");
  for (const Claim& claim : results.claims) {
    const Table& table = claim.measurements;
    for (const auto& row : table.rows) {
      for (std::size_t c = 1; c < std::min(row.size(), table.columns.size()); ++c)
        lines += csv_line(claim.id, claim.setup, row[0], table.columns[c], row[c]);
    }
  }
  return lines;
}

std::string runs_csv(const StudyResults& results) {
  std::string lines = csv_line("claim", "norm", "condition", "seed", "accuracy");
  for (const Claim& claim : results.claims) {
    for (const SeedResult& run : claim.seeds)
      lines +=
          csv_line(claim.id, run.norm, run.condition, fmt::format("{}", run.seed), fmt::format("{}", run.accuracy));
  }
  return lines;
}

std::string curves_csv(const StudyResults& results) {
  std::string lines = csv_line("norm", "seed", "step", "loss", "accuracy");
  for (const TrainingRun& run : results.runs) {
    for (const CurvePoint& p : run.points) {
      lines += csv_line(run.norm, fmt::format("{}", run.seed), fmt::format("{}", p.step), fmt::format("{}", p.loss),
                        fmt::format("{}", p.accuracy));
    }
  }
  return lines;
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && ::access(folder.c_str(), W_OK) != 0) error = std::error_code(errno, std::generic_category());
  if (error)
    throw tapegrad::IoError(
        fmt::format("[write_report] cannot write to the folder {}: {}", folder.string(), error.message()));
}

void write_report(const StudyResults& results, const std::filesystem::path& folder) {
  make_folder(folder);
  write_file(folder / "report.html", render_report(results));
  write_file(folder / "verdicts.csv", verdicts_csv(results));
  write_file(folder / "measurements.csv", measurements_csv(results));
  write_file(folder / "runs.csv", runs_csv(results));
  write_file(folder / "curves.csv", curves_csv(results));
}

}  // namespace norm_study
