#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "base/ref.hpp"

namespace {

struct Counted {
  mutable std::atomic<std::int32_t> owners{1};
  bool* gone;
  explicit Counted(bool* flag) : gone(flag) {}
  void retain() const { tapegrad::add_owner(owners); }
  void release() const {
    if (!tapegrad::drop_owner(owners)) return;
    *gone = true;
    delete this;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(owners)

BOOST_AUTO_TEST_CASE(the_last_one_destroys) {
  bool gone = false;
  {
    const auto first = tapegrad::Ref<Counted>::adopt(new Counted(&gone));
    {
      tapegrad::Ref<Counted> second;
      second = first;
      BOOST_TEST(first->owners == 2);
    }
    BOOST_TEST(first->owners == 1);
    BOOST_TEST(!gone);
  }
  BOOST_TEST(gone);
}

// Counting without locked instructions is for a process with one thread alone.
BOOST_AUTO_TEST_CASE(two_threads_lose_no_count) {
  bool gone = false;
  {
    const auto shared = tapegrad::Ref<Counted>::adopt(new Counted(&gone));
    const auto churn = [&shared] {
      for (int i = 0; i < 1'000'000; ++i) {
        tapegrad::Ref<Counted> another;
        another = shared;
      }
    };
    bool alone = true;
    std::thread other([&] {
      alone = tapegrad::has_one_thread();
      churn();
    });
    churn();
    other.join();
    BOOST_TEST(!alone);
    BOOST_TEST(shared->owners == 1);
    BOOST_TEST(!gone);
  }
  BOOST_TEST(gone);
}

BOOST_AUTO_TEST_SUITE_END()
