#include "norm_study/setup_table.hpp"

#include <boost/test/unit_test.hpp>
#include <map>
#include <string>

using namespace norm_study;

BOOST_AUTO_TEST_SUITE(setup_table)

BOOST_AUTO_TEST_CASE(a_reader_could_repeat_the_training) {
  const Table table = norm_study::setup_table({.model = {.letters = 30}, .steps = 400});
  std::map<std::string, std::string> rows;
  for (const auto& row : table.rows) rows[row.at(0)] = row.at(1);
  BOOST_TEST(rows.at("blocks") == "2 of pre-norm, attention with 4 heads, feed-forward part of width 128 with ReLU");
  BOOST_TEST(rows.at("width") == "64");
  // Vectors 64 (3 30 + 80); a block 64 192 + 192, 64 64 + 64, 64 128 + 128, 128 64 + 64 and 4 64 of γ and β; the head
  // 64 12 + 12.
  BOOST_TEST(rows.at("trained numbers") ==
             "78604 with LayerNorm or BatchNorm, 78092 without normalisation, which has no γ and β");
  BOOST_TEST(rows.at("dropout") == "0");
  BOOST_TEST(rows.at("optimiser") == "AdamW, β 0.9 and 0.98, ε 1e-08, weight decay 0.01; gradients are not clipped");
  BOOST_TEST(rows.at("learning rate") == "0.003: a line up to it in 40 steps, then half a cosine down to 0");
  BOOST_TEST(rows.at("steps") == "400 of 64 words each");
}

BOOST_AUTO_TEST_SUITE_END()
