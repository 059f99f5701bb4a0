#include "tapegrad/tape/generator_state.hpp"

#include <cstdint>

#include "tape_test.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(generator_state)

BOOST_AUTO_TEST_CASE(a_generator_goes_on_where_another_stood) {
  Generator generator(UINT64_MAX - 4);  // beyond what int64 holds
  generator.reserve(1000);
  const NamedTensors state = state_dict(generator);
  BOOST_TEST((state.at("stream").to_vector<std::int64_t>() == std::vector<std::int64_t>{-5, 1000}));
  const double next = generator.uniform();
  Generator other(3);
  load_state_dict(other, state);
  BOOST_TEST(other.state().key == UINT64_MAX - 4);
  BOOST_TEST(other.uniform() == next);
}

BOOST_AUTO_TEST_CASE(what_is_no_state_is_refused) {
  Generator generator(3);
  const auto message = says("[load_state_dict] a generator's state is 'stream' alone, int64 [2]");
  const auto refused = [&](const NamedTensors& state) {
    BOOST_CHECK_EXCEPTION(load_state_dict(generator, state), ValueError, message);
  };
  const Tensor good = arange(2);
  refused({});
  BOOST_CHECK_EXCEPTION(load_state_dict(generator, {{"stream", ones({2})}}), DTypeError, message);
  BOOST_CHECK_EXCEPTION(load_state_dict(generator, {{"stream", arange(3)}}), ShapeError, message);
  refused({{"stream", Tensor()}});
  refused({{"other", good}});
  refused({{"stream", good}, {"other", good}});
  BOOST_TEST(generator.state().key == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
