// Other tensors in the places of a module's parameters.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/sequential.hpp"
#include "tapegrad/tape/create.hpp"

namespace tg = tapegrad;
using tapegrad::test::says;

BOOST_AUTO_TEST_SUITE(substitution)

BOOST_AUTO_TEST_CASE(a_substitution_computes_with_other_parameters) {
  tg::nn::Linear model(2, 1);
  const tg::Tensor x = tg::ones({1, 2});
  const double before = model(x).item();
  {
    const tg::nn::Substitution substitution(model, {tg::full({1, 2}, 2.0), tg::ones({1})});
    BOOST_TEST(model(x).item() == 5.0);
  }
  BOOST_TEST(model(x).item() == before);
  BOOST_CHECK_THROW((void)tg::nn::Substitution(model, {tg::ones({1, 2})}), tg::ShapeError);
  BOOST_CHECK_EXCEPTION((void)tg::nn::Substitution(model, {tg::Tensor(), tg::ones({1})}), tg::ValueError,
                        says("for parameter 0, got an undefined one"));
  BOOST_CHECK_THROW((void)tg::nn::Substitution(model, {tg::ones({1, 3}), tg::ones({1})}), tg::ShapeError);
}

BOOST_AUTO_TEST_CASE(one_tensor_may_stand_in_two_places) {
  tg::nn::Sequential model{tg::nn::Linear(2, 2, {.bias = false}), tg::nn::Linear(2, 2, {.bias = false})};
  const tg::Tensor one = tg::full({2, 2}, 2.0);
  const tg::nn::Substitution outer(model, {one, one});
  BOOST_TEST(model.named_parameters().names() == (std::vector<std::string>{"0.weight", "1.weight"}),
             boost::test_tools::per_element());
  const tg::nn::Substitution inner(model, {tg::full({2, 2}, 1.0), one});
  BOOST_TEST(model(tg::ones({2})).to_vector<float>() == (std::vector<float>{8.0F, 8.0F}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_substitution_is_one_threads) {
  struct Two : tg::nn::Module {
    tg::nn::Linear a{2, 1};
    tg::nn::Linear b{2, 1};
    TAPEGRAD_MODULE(a, b)
  };
  Two model;
  const std::vector<tg::Tensor> own = model.parameters();
  const std::vector<tg::Tensor> others = {tg::full({1, 2}, 2.0), tg::ones({1})};
  // What another thread is told that substitutes in a module.
  const auto elsewhere = [&others](tg::nn::Module& module) {
    std::string refusal;
    std::thread([&] {
      try {
        const tg::nn::Substitution substitution(module, others);
      } catch (const tg::TapeError& e) {
        refusal = e.what();
      }
    }).join();
    return refusal;
  };
  const std::string refused =
      "[substitution] another thread has a Substitution on this module: give each thread a copy";
  {
    const tg::nn::Substitution outer(model.a, others);
    {
      // Whoever nests within a thread gives back what it has taken; the tensors that stand there already count too.
      const tg::nn::Substitution inner(model.a, others);
      BOOST_TEST(elsewhere(model.a) == refused);
    }
    BOOST_TEST(elsewhere(model.a) == refused);
    BOOST_TEST(elsewhere(model.b) == "");  // another part
    tg::nn::Linear copy = model.a;
    BOOST_TEST(elsewhere(copy) == "");
    BOOST_TEST(model.a(tg::ones({1, 2})).item() == 5.0);
    BOOST_CHECK_THROW((void)tg::nn::Substitution(model, others), tg::ShapeError);  // one that has not begun has nothing
    BOOST_CHECK_THROW((void)tg::nn::Substitution(model.b, {others[0], tg::ones({2})}), tg::ShapeError);
    BOOST_TEST(elsewhere(model.b) == "");
  }
  BOOST_TEST(elsewhere(model.a) == "");
  for (std::size_t i = 0; i < own.size(); ++i)
    BOOST_TEST(model.parameters()[i].data<float>().data() == own[i].data<float>().data());
}

BOOST_AUTO_TEST_CASE(a_substitution_ends_while_no_other_thread_looks_into_its_places) {
  struct Watched : tg::nn::Module {
    tg::nn::Linear a{2, 1};
    std::function<void()> looked_at;
    void visit_members(tg::nn::MemberVisitor& visitor) override {
      if (looked_at) looked_at();
      visitor.module("a", a);
    }
  };
  Watched model;
  const std::vector<tg::Tensor> others = {tg::full({1, 2}, 2.0), tg::ones({1})};
  std::optional<tg::nn::Substitution> mine;
  mine.emplace(model, others);
  std::atomic<bool> looking = false, ended = false;
  bool ended_meanwhile = true;
  model.looked_at = [&] {
    looking = true;
    looking.notify_one();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ended_meanwhile = ended;
  };
  std::thread elsewhere([&] {
    try {
      const tg::nn::Substitution substitution(model, others);
    } catch (const tg::TapeError&) {  // where mine has not ended
    }
  });
  looking.wait(false);
  mine.reset();
  ended = true;
  elsewhere.join();
  BOOST_TEST(!ended_meanwhile);
}

BOOST_AUTO_TEST_CASE(a_module_with_substitutes_is_not_written) {
  tg::nn::Linear model(2, 1);
  const tg::nn::Linear best(2, 1);
  const std::vector<float> own = model.weight.tensor().to_vector<float>();
  const tg::NamedTensors averages = {{"weight", tg::full({1, 2}, 2.0)}, {"bias", tg::ones({1})}};
  const auto refused = [](const auto& write, const std::string& writer) {
    BOOST_CHECK_EXCEPTION(write(), tg::TapeError,
                          says("[" + writer +
                               "] a Substitution has another tensor in the place of the "
                               "parameter [1, 2], which would be written instead: write when it has ended"));
  };
  {
    const tg::nn::Substitution substitution(model, averages.tensors());
    refused([&] { model = best; }, "assign");
    refused([&] { model.weight = best.weight; }, "assign");
    refused([&] { model.weight.assign(best.weight); }, "assign");
    refused([&] { model.load_state_dict(best.state_dict()); }, "load_state_dict");
    refused([&] { model.to(tg::float64); }, "to");
    refused([&] { model.weight.to(tg::float64); }, "to");
    tg::nn::Linear copy(2, 1);
    copy = model;  // reads the averages
    BOOST_TEST(copy.weight.tensor().to_vector<float>() == std::vector<float>(2, 2.0F),
               boost::test_tools::per_element());
  }
  BOOST_TEST(averages.at("weight").to_vector<float>() == std::vector<float>(2, 2.0F), boost::test_tools::per_element());
  BOOST_TEST(model.weight.tensor().to_vector<float>() == own, boost::test_tools::per_element());
  model = best;
  BOOST_TEST(model.weight.tensor().to_vector<float>() == best.weight.tensor().to_vector<float>(),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_module_with_substitutes_is_trained_as_it_is) {
  tg::nn::Linear model(2, 1);
  model.bias.set_requires_grad(false);
  const tg::nn::Substitution outer(model, {tg::full({1, 2}, 2.0), tg::ones({1})});
  const tg::nn::Substitution inner(model, {tg::full({1, 2}, 3.0), tg::ones({1})});
  const tg::nn::Linear copy = model;
  BOOST_TEST(copy.weight.tensor().to_vector<float>() == (std::vector<float>{3.0F, 3.0F}));
  BOOST_TEST(copy.weight.tensor().requires_grad());
  BOOST_TEST(!copy.bias.tensor().requires_grad());
}

BOOST_AUTO_TEST_SUITE_END()
