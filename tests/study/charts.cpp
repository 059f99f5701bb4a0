#include "norm_study/charts.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>
#include <string>

#include "study/made_up_results.hpp"
#include "study/well_formed.hpp"
#include "tapegrad/base/error.hpp"

using namespace norm_study;

namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

Series series(std::vector<double> x, std::vector<double> y) {
  return {.name = "s", .colour = Colour::blue, .x = std::move(x), .y = std::move(y), .low = {}, .high = {}};
}

LineChart line_chart(Series s) {
  return {.title = "t", .x_label = "x", .y_label = "y", .series = {std::move(s)}, .references = {}, .x_ticks = {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(charts)

BOOST_AUTO_TEST_CASE(the_checker_finds_faults) {
  BOOST_TEST(xml_fault("<a b=\"c\"><d/>e &amp; f</a>").empty());
  for (const char* bad :
       {"<a>", "<a></b>", "<a b=c></a>", "a & b", "<a b=\"&x\"/>", "<a>\"<</a>", "</a>", "<a", "<a b=\"c\"d=\"e\"/>"}) {
    BOOST_TEST(!xml_fault(bad).empty(), bad);
  }
}

BOOST_AUTO_TEST_CASE(escapes_every_special_sign) {
  BOOST_TEST(escape("<a href=\"x\">&'</a>") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;");
  BOOST_TEST(escape("é\n\x1b") == "é\n\xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(every_kind_is_well_formed_and_titled) {
  for (const Claim& claim : made_up_results().claims) {
    for (const Chart& chart : claim.charts) {
      const std::string svg = render_svg(chart, "x");
      BOOST_TEST(xml_fault(svg).empty(), xml_fault(svg));
      BOOST_TEST(svg.find("role=\"img\" aria-labelledby=\"x\"") != std::string::npos);
      BOOST_TEST(svg.find("<title id=\"x\">") != std::string::npos);
      BOOST_TEST(count(svg, "nan") + count(svg, "inf") == count(svg, "inf"), "not a number in " << claim.id);
    }
  }
}

BOOST_AUTO_TEST_CASE(strip_plot_shows_every_point) {
  StripPlot chart{.title = "t", .x_label = "x", .categories = {"one"}, .rows = {{"row", "note", {}}}};
  for (int i = 0; i < 20; ++i) chart.rows[0].points.push_back({0.5, 0});
  BOOST_TEST(count(render_svg(chart, "x"), "<circle") == 21U);  // and one in the legend
  chart.rows[0].points.push_back({0.5, 1});
  BOOST_CHECK_THROW(render_svg(chart, "x"), tapegrad::ValueError);
  chart.rows[0].points.back() = {1.5, 0};
  BOOST_CHECK_THROW(render_svg(chart, "x"), tapegrad::ValueError);
}

BOOST_AUTO_TEST_CASE(coincident_points_all_show) {
  // 20 at one spot, in a row that is 77.2 high: a height for each, all inside.
  StripPlot chart{.title = "t", .x_label = "x", .categories = {"one"}, .rows = {{"row", "note", {}}}};
  for (int i = 0; i < 20; ++i) chart.rows[0].points.push_back({0.5, 0});
  const std::string svg = render_svg(chart, "x");
  std::set<std::string> heights;
  for (std::size_t at = svg.find(" cy=\""); at != std::string::npos; at = svg.find(" cy=\"", at + 1))
    heights.insert(svg.substr(at + 5, svg.find('"', at + 5) - at - 5));
  BOOST_TEST(heights.size() == 21U);  // and one in the legend
}

BOOST_AUTO_TEST_CASE(values_stand_clear_of_reference_lines) {
  // The axis has 0 to 100 in 400 - 14 - 34 - left units, left = 12 + 0.58 * 12.5 = 19.25: 3.3275 to a point. A bar of
  // 60 ends at 218.9; its value would stand from 223.9 on, over the line of 65 at 235.5, and stands behind that.
  BarChart chart{.title = "t",
                 .x_label = "x",
                 .categories = {"c"},
                 .bars = {{"s", Colour::blue, {60}, {}, {}}},
                 .references = {{65, "r"}, {100, "end"}}};
  const std::string svg = render_svg(chart, "x");
  BOOST_TEST(svg.find("<text x=\"240.5\"") != std::string::npos, svg);
  chart.references.erase(chart.references.begin());
  BOOST_TEST(render_svg(chart, "x").find("<text x=\"223.9\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_heat_map_keeps_its_texts_inside) {
  // 16 letters of 7.9 as a browser draws them in DejaVu Sans stand left of the cells; the key ends the picture.
  const std::string name = "smartphonemakers", label = "norm of the Jacobian";
  const std::string svg = render_svg(HeatMap{.title = "t",
                                             .x_label = "x",
                                             .y_label = "y",
                                             .rows = {name},
                                             .columns = {"1"},
                                             .values = {9.952},
                                             .value_label = label},
                                     "id");
  const auto x_of = [&](const std::string& content) {
    const std::size_t end = svg.find(content + "</text>");
    BOOST_REQUIRE(end != std::string::npos);
    return std::stod(svg.substr(svg.rfind("<text x=\"", end) + 9));
  };
  BOOST_TEST(x_of(name) >= 7.9 * 16);
  BOOST_TEST(x_of("9.952 " + label) + 7.2 * (6 + 20) <= 400.0);
}

BOOST_AUTO_TEST_CASE(a_gap_breaks_the_line) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string svg = render_svg(line_chart(series({1, 2, 3, 4, 5}, {1, 2, nan, 4, 5})), "x");
  BOOST_TEST(count(svg, "<polyline") == 2U);
  BOOST_TEST(count(svg, "nan") == 0U);
}

BOOST_AUTO_TEST_CASE(values_stand_where_the_axis_says) {
  // Ticks 0 to 10 by 2: the curve from (0, 0) to (10, 10) must join the corners of the plot: its ends are the axis'
  // ends.
  const std::string svg = render_svg(line_chart(series({0, 10}, {0, 10})), "x");
  const std::size_t at = svg.find("<polyline points=\"") + 18;
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  BOOST_REQUIRE(std::sscanf(svg.c_str() + at, "%lf,%lf %lf,%lf", &x0, &y0, &x1, &y1) == 4);
  BOOST_TEST(x0 < x1);
  BOOST_TEST(y0 > y1);
  char axis[96];
  std::snprintf(axis, sizeof axis, "x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"", x0, y0, x1, y0);
  BOOST_TEST(svg.find(axis) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(degenerate_data_still_draw) {
  for (const Series& s : {series({}, {}), series({3}, {7}), series({1, 2}, {0, 0}), series({1, 1}, {-1e30, 1e30}),
                          series({1, 2}, {1e18, 1e18 + 1024})}) {
    const std::string svg = render_svg(line_chart(s), "x");
    BOOST_TEST(xml_fault(svg).empty());
    BOOST_TEST(count(svg, "nan") == 0U);
  }
  LineChart logarithmic = line_chart(series({2}, {3}));
  logarithmic.log_x = logarithmic.log_y = true;
  BOOST_TEST(count(render_svg(logarithmic, "x"), "nan") == 0U);
}

BOOST_AUTO_TEST_CASE(lengths_that_differ_are_refused) {
  BOOST_CHECK_THROW(render_svg(line_chart(series({1, 2}, {1})), "x"), tapegrad::ValueError);
  LineChart logarithmic = line_chart(series({1, 2}, {0, 1}));
  logarithmic.log_y = true;
  BOOST_CHECK_THROW(render_svg(logarithmic, "x"), tapegrad::ValueError);
  BarChart bars{.title = "t",
                .x_label = "x",
                .categories = {"a", "b"},
                .bars = {{"s", Colour::blue, {1}, {}, {}}},
                .references = {}};
  BOOST_CHECK_THROW(render_svg(bars, "x"), tapegrad::ValueError);
  HeatMap map{.title = "t",
              .x_label = "x",
              .y_label = "y",
              .rows = {"a"},
              .columns = {"b", "c"},
              .values = {1},
              .value_label = ""};
  BOOST_CHECK_THROW(render_svg(map, "x"), tapegrad::ValueError);
}

BOOST_AUTO_TEST_SUITE_END()
