#include "tapegrad/base/callable.hpp"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

using namespace tapegrad;

namespace {

using Function = Callable<int(int)>;

int twice(int x) { return 2 * x; }

}  // namespace

BOOST_AUTO_TEST_SUITE(callable)

BOOST_AUTO_TEST_CASE(hold_what_can_be_called) {
  int calls = 0;
  BOOST_TEST(Function(twice)(3) == 6);
  BOOST_TEST(Function([&calls](auto x) { return x + ++calls; })(3) == 4);
  BOOST_TEST(Function(std::function<int(int)>(twice))(3) == 6);
  const Callable<void(int)> deaf = twice;  // the result is dropped
  deaf(3);
  static_assert(!std::is_convertible_v<int, Function>);
  static_assert(!std::is_convertible_v<std::unique_ptr<int>, Function>);
}

BOOST_AUTO_TEST_CASE(are_copied_with_what_they_hold) {
  Function count = [n = 0](int step) mutable { return n += step; };
  count(1);
  const Function copy = count;
  BOOST_TEST(count(1) == 2);
  BOOST_TEST(copy(5) == 6);
  const Function moved = std::move(count);
  BOOST_TEST(moved(1) == 3);
  count = copy;
  BOOST_TEST(count(1) == 7);
}

BOOST_AUTO_TEST_CASE(of_nothing_are_empty) {
  int (*none)(int) = nullptr;
  for (const Function& empty : {Function(), Function(nullptr), Function(none), Function(std::function<int(int)>())}) {
    BOOST_TEST(!empty);
    BOOST_CHECK_THROW(empty(1), ValueError);
    BOOST_TEST(!Function(empty));
  }
  Function f = twice;
  BOOST_TEST(static_cast<bool>(f));
  f = nullptr;
  BOOST_TEST(!f);
}

BOOST_AUTO_TEST_SUITE_END()
