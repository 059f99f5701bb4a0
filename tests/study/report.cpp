#include "norm_study/report.hpp"

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "console/columns.hpp"
#include "study/made_up_results.hpp"
#include "study/well_formed.hpp"
#include "tapegrad/base/error.hpp"
#include "temporary_folder.hpp"

using namespace norm_study;

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(page_is_well_formed_and_self_contained) {
  StudyResults results = made_up_results();
  results.words = WordData{};
  const std::string page = render_report(results);
  BOOST_TEST(xml_fault(page).empty(), xml_fault(page));
  for (const char* outside : {"<script", "src=", "@import", "url(", "<link", "<iframe"})
    BOOST_TEST(page.find(outside) == std::string::npos, outside);
  BOOST_TEST(page.find("prefers-color-scheme: dark") != std::string::npos);
  BOOST_TEST(page.find("width=device-width") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(page_is_told_in_the_right_order) {
  const std::string page = render_report(made_up_results());
  std::size_t at = 0;
  for (const char* part :
       {"id=\"claim-4\"", "id=\"claim-3d\"", "id=\"claim-3a\"", "id=\"verdicts\"", "id=\"claim-1\"", "id=\"claim-5\"",
        "id=\"claim-6a\"", "id=\"setup\"", "id=\"training\"", "id=\"findings\"", "id=\"anchors\""}) {
    const std::size_t found = page.find(part);
    BOOST_REQUIRE(found != std::string::npos);
    BOOST_TEST(found > at, part);
    at = found;
  }
}

BOOST_AUTO_TEST_CASE(every_text_is_escaped) {
  const std::string attack = "</title><script>\"'&\x01";
  StudyResults results = made_up_results();
  for (std::string* text : {&results.title, &results.subtitle, &results.command, &results.machine, &results.runs_setup,
                            &results.findings[0]})
    *text = attack;
  for (TrainingRun& run : results.runs) run.norm = attack;
  for (Claim& claim : results.claims) {
    for (std::string* text : {&claim.id, &claim.title, &claim.sentence, &claim.setup, &claim.command,
                              &claim.verdict.detail, &claim.second, &claim.spread})
      *text = attack;
    claim.measurements = {{attack}, {{attack}}};
    results.setup = claim.measurements;
    for (Chart& chart : claim.charts) {
      std::visit([&](auto& c) { c.title = c.x_label = attack; }, chart);
      if (auto* strip = std::get_if<StripPlot>(&chart)) {
        strip->categories[0] = strip->rows[0].label = strip->rows[0].note = attack;
      } else if (auto* map = std::get_if<HeatMap>(&chart)) {
        map->rows[0] = map->columns[0] = map->value_label = map->y_label = attack;
      } else if (auto* bars = std::get_if<BarChart>(&chart)) {
        bars->categories[0] = bars->bars[0].name = bars->references[0].label = attack;
      } else if (auto* lines = std::get_if<LineChart>(&chart)) {
        lines->series[0].name = lines->y_label = attack;
      }
    }
  }
  const std::string page = render_report(results);
  BOOST_TEST(xml_fault(page).empty(), xml_fault(page));
  BOOST_TEST(page.find("<script") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_run_cut_short_is_told_as_such) {
  StudyResults empty{.title = "t",
                     .subtitle = "",
                     .command = "",
                     .machine = "",
                     .interrupted = true,
                     .claims = {},
                     .runs = {},
                     .runs_setup = "",
                     .setup = {},
                     .baselines = {},
                     .words = std::nullopt,
                     .findings = {}};
  const std::string page = render_report(empty);
  BOOST_TEST(xml_fault(page).empty());
  BOOST_TEST(page.find("stopped early") != std::string::npos);
  empty.runs.push_back({.norm = "LayerNorm", .colour = Colour::blue, .seed = 1, .points = {}});
  BOOST_TEST(xml_fault(render_report(empty)).empty());
}

BOOST_AUTO_TEST_CASE(rows_must_fit_their_table) {
  StudyResults results = made_up_results();
  results.claims[0].measurements.rows[0].pop_back();
  BOOST_CHECK_THROW(render_report(results), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(files_are_written_whole) {
  const TemporaryFolder folder;
  StudyResults results = made_up_results();
  results.claims[0].title = "a, \"quoted\" title";
  write_report(results, folder.path() / "deep" / "er");
  BOOST_TEST(folder.read("deep/er/report.html") == render_report(results));
  const std::string verdicts = folder.read("deep/er/verdicts.csv");
  BOOST_TEST(verdicts.find("\r\n1,\"a, \"\"quoted\"\" title\",holds,yes,") != std::string::npos);
  const std::string measurements = folder.read("deep/er/measurements.csv");
  BOOST_TEST(measurements.find("\r\n3d,\"400 steps, batch 64, 3 seeds\",LayerNorm,\"bucketed, %\",59.5\r\n") !=
             std::string::npos);
  BOOST_TEST(folder.read("deep/er/runs.csv") ==
             "claim,norm,condition,seed,accuracy\r\n"
             "3d,LayerNorm,shuffled,1,0.622\r\n3d,\"BatchNorm, unmasked\",bucketed,2,0.53\r\n");
  BOOST_TEST(folder.read("deep/er/curves.csv").starts_with("norm,seed,step,loss,accuracy\r\nLayerNorm,1,0,"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "deep" / "er")) {
    BOOST_TEST(entry.path().extension() != ".partial");
  }
  folder.write("file", "");
  BOOST_CHECK_THROW(write_report(results, folder.path() / "file"), tapegrad::IoError);
}

BOOST_AUTO_TEST_CASE(spread_is_told_where_it_is_shown) {
  StudyResults results = made_up_results();
  for (Claim& claim : results.claims) claim.spread = "bands: of " + claim.id;
  const std::string page = render_report(results);
  // Below the charts with bands or whiskers and below the numbers; the strip plot and the heat map have neither.
  BOOST_TEST(page.find("3 seeds · bands: of 3a</figcaption>") != std::string::npos);
  BOOST_TEST(page.find("3 seeds · bands: of 3d</figcaption>") != std::string::npos);
  BOOST_TEST(page.find("<p class=\"small\">bands: of 3d</p>") != std::string::npos);
  BOOST_TEST(page.find("bands: of 4</figcaption>") == std::string::npos);
  BOOST_TEST(page.find(how_to_read()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(csv_fields) {
  BOOST_TEST(csv_field("plain text") == "plain text");
  BOOST_TEST(csv_field("a,b") == "\"a,b\"");
  BOOST_TEST(csv_field("say \"x\"\n") == "\"say \"\"x\"\"\n\"");
}

BOOST_AUTO_TEST_CASE(verdict_table_fits_the_terminal) {
  const StudyResults results = made_up_results();
  for (const std::size_t width : {20U, 40U, 63U, 64U, 80U, 200U}) {
    std::istringstream lines(verdict_table(results, width, false));
    for (std::string line; std::getline(lines, line);) {
      BOOST_TEST(console::display_width(line) <= width, "width " << width << ": " << line);
      BOOST_TEST(line.find('\x1b') == std::string::npos);
    }
  }
  BOOST_TEST(verdict_table(results, 100, true).find("\x1b[32m✓ confirmed\x1b[0m") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
