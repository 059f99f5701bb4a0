// Modules as values: names, copies, assignment, moves, loading, modes, forgotten members.
#include "tapegrad/nn/module.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/scope.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/recurrent.hpp"
#include "tapegrad/nn/sequential.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/optim/sgd.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
using tapegrad::test::says;
using Names = std::vector<std::string>;

namespace {

struct Pair : tg::nn::Module {
  tg::nn::Parameter scale{tg::ones({2})};
  tg::nn::Buffer seen{tg::zeros({3})};
  tg::nn::Linear inner{2, 2};
  std::vector<tg::nn::Linear> layers;
  std::array<tg::nn::Parameter, 2> shifts{tg::nn::Parameter(tg::zeros({1})), tg::nn::Parameter(tg::zeros({1}))};
  std::optional<tg::nn::Linear> head;
  TAPEGRAD_MODULE(seen, inner, layers, scale, shifts, head)
};

struct Extended : Pair {
  tg::nn::Linear more{2, 1, {.bias = false}};
  TAPEGRAD_MODULE_BASED_ON(Pair, more)
};

struct Forgetful : tg::nn::Module {
  tg::nn::Linear first{2, 3};
  tg::nn::Linear second{3, 1};
  TAPEGRAD_MODULE(first)
  tg::Tensor operator()(const tg::Tensor& x) const { return second(first(x)); }
};

/// One layer in two places, under two names.
struct Tied : tg::nn::Module {
  tg::nn::Linear first{2, 2};
  void visit_members(tg::nn::MemberVisitor& visitor) override {
    visitor.module("first", first);
    visitor.module("again", first);
  }
  tg::Tensor operator()(const tg::Tensor& x) const { return first(first(x)); }
};

struct Empty : tg::nn::Module {
  TAPEGRAD_MODULE()
};

Pair make_pair() {
  Pair pair;
  pair.layers.emplace_back(2, 2);
  pair.layers.emplace_back(2, 2, tg::nn::LinearOptions{.bias = false});
  pair.head.emplace(2, 1);
  return pair;
}

bool begins_with(const std::string& text, const std::string& beginning) { return text.starts_with(beginning); }

}  // namespace

BOOST_AUTO_TEST_SUITE(module)

BOOST_AUTO_TEST_CASE(names_are_paths_with_a_modules_own_tensors_first) {
  Pair pair = make_pair();
  const Names expected = {"scale",           "shifts.0",      "shifts.1",        "inner.weight", "inner.bias",
                          "layers.0.weight", "layers.0.bias", "layers.1.weight", "head.weight",  "head.bias"};
  BOOST_TEST(pair.named_parameters().names() == expected, boost::test_tools::per_element());
  BOOST_TEST(pair.named_buffers().names() == Names{"seen"}, boost::test_tools::per_element());
  BOOST_TEST(pair.state_dict().names().front() == "seen");
  BOOST_TEST(pair.state_dict().size() == 11U);
  BOOST_TEST(pair.parameter_count() == 2 + 2 + 6 + 6 + 4 + 3);
  BOOST_TEST(pair.layers[1].path() == "layers.1");
  BOOST_TEST(Empty().named_parameters().empty());
}

BOOST_AUTO_TEST_CASE(an_extended_module_lists_its_base_first) {
  const Names names = Extended().named_parameters().names();
  BOOST_TEST(names.front() == "scale");
  BOOST_TEST(names.back() == "more.weight");
  BOOST_TEST(names.size() == 6U);
}

BOOST_AUTO_TEST_CASE(an_alias_is_listed_once) {
  Tied tied;
  BOOST_TEST(tied.state_dict().names() == (Names{"first.weight", "first.bias"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(promise_a_copy_of_tied_layers_ties_its_own) {
  Tied tied;
  const Tied copy = tied;
  const tg::Tensor x = tg::ones({1, 2});
  const std::vector<float> before = copy(x).to_vector<float>();
  tied.first.weight.assign(tg::zeros({2, 2}));
  BOOST_TEST(copy(x).to_vector<float>() == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(promise_copying_clones) {
  Pair model = make_pair();
  model.inner.weight.set_requires_grad(false);
  Pair copy = model;
  tg::Tensor(model.inner.bias).set_grad(tg::ones({2}));
  BOOST_TEST(copy.inner.bias->data<float>()[0] == model.inner.bias->data<float>()[0]);
  BOOST_TEST(copy.inner.bias->data<float>().data() != model.inner.bias->data<float>().data());
  BOOST_TEST(!copy.inner.bias.has_grad());
  BOOST_TEST(copy.inner.bias->requires_grad());
  BOOST_TEST(!copy.inner.weight->requires_grad());
  tg::Tensor scale = copy.scale;
  scale.mutable_data<float>()[0] = 7.0F;
  BOOST_TEST(model.scale->data<float>()[0] == 1.0F);
}

BOOST_AUTO_TEST_CASE(promise_assigning_writes_into_the_storage) {
  Pair model = make_pair();
  const Pair best = make_pair();
  const std::vector<tg::Tensor> held = model.parameters();
  const float* place = held[3].data<float>().data();
  model = best;
  BOOST_TEST(model.inner.weight->impl() == held[3].impl());
  BOOST_TEST(held[3].data<float>().data() == place);
  BOOST_TEST(held[3].data<float>()[0] == best.inner.weight->data<float>()[0]);
  BOOST_TEST(best.inner.weight->data<float>().data() != place);
}

BOOST_AUTO_TEST_CASE(a_tensor_is_assigned_into_the_storage) {
  tg::nn::Linear layer(2, 1);
  const tg::Tensor handle = layer.weight.tensor();
  layer.weight.assign(tg::tensor({{2.0, 3.0}}, {.dtype = tg::float64}));
  BOOST_TEST((handle.to_vector<float>() == std::vector<float>{2.0F, 3.0F}));
  BOOST_TEST((layer.weight->impl() == handle.impl() && handle.requires_grad()));
  BOOST_CHECK_THROW(layer.weight.assign(tg::zeros({2, 1})), tg::ShapeError);
  BOOST_CHECK_EXCEPTION(layer.weight.assign(tg::Tensor()), tg::ValueError, says("[assign] there is no tensor"));
  BOOST_CHECK_EXCEPTION(tg::nn::Parameter{tg::Tensor()}, tg::ValueError,
                        says("[Parameter] the value is undefined, as a default-constructed Tensor is: "));
  BOOST_CHECK_EXCEPTION(tg::nn::Buffer{tg::Tensor()}, tg::ValueError,
                        says("[Buffer] the value is undefined, as a default-constructed Tensor is: "));
  BOOST_TEST((handle.to_vector<float>() == std::vector<float>{2.0F, 3.0F}));
}

BOOST_AUTO_TEST_CASE(assigning_another_shape_throws_and_writes_nothing) {
  Pair model = make_pair();
  Pair other = make_pair();
  other.layers.emplace_back(2, 2);
  const float before = model.inner.weight->data<float>()[0];
  BOOST_CHECK_EXCEPTION(model = other, tg::ShapeError, [](const tg::Error& e) {
    return std::string(e.what()) ==
           "[assign] the modules differ: expected head.weight [1, 2], got layers.2.weight [2, 2]";
  });
  BOOST_TEST(model.inner.weight->data<float>()[0] == before);
  tg::nn::Linear narrow(2, 2);
  BOOST_CHECK_THROW((narrow = tg::nn::Linear(narrow), narrow.weight = other.head->weight), tg::ShapeError);
}

BOOST_AUTO_TEST_CASE(promise_moving_keeps_identity) {
  Pair model = make_pair();
  const tg::TensorImpl* identity = model.layers[0].weight->impl();
  Pair moved = std::move(model);
  BOOST_TEST(moved.layers[0].weight->impl() == identity);
  tg::nn::Parameter from(tg::ones({2}));
  tg::nn::Parameter to(tg::zeros({2}));
  to = std::move(from);
  BOOST_TEST(!from.defined());  // NOLINT(bugprone-use-after-move): that it is empty is promised
  BOOST_TEST(to->to_vector<float>() == (std::vector<float>{1, 1}));
  std::vector<Pair> models;
  models.push_back(std::move(moved));
  models.emplace_back();  // the vector grows: its elements move
  BOOST_TEST(models[0].layers[0].weight->impl() == identity);
}

BOOST_AUTO_TEST_CASE(promise_identity_survives_a_change_of_dtype) {
  Pair model = make_pair();
  const std::vector<tg::Tensor> held = model.parameters();
  tg::Tensor(held[3]).set_grad(tg::ones({2, 2}));
  const double value = static_cast<double>(held[3].data<float>()[1]);
  model.to(tg::float64);
  BOOST_TEST(model.inner.weight->impl() == held[3].impl());
  BOOST_TEST((held[3].dtype() == tg::float64));
  BOOST_TEST(held[3].data<double>()[1] == value);
  BOOST_TEST((held[3].grad().dtype() == tg::float64));
  BOOST_TEST(held[3].requires_grad());
  BOOST_TEST((model.seen.dtype() == tg::float64));
  BOOST_CHECK_THROW(model.to(tg::int64), tg::DTypeError);
  tg::Tape tape;
  BOOST_CHECK_THROW(model.to(tg::float32), tg::TapeError);
}

BOOST_AUTO_TEST_CASE(promise_a_forgotten_member_is_noticed) {
  Forgetful model;
  const std::vector<tg::Tensor> trained = model.parameters();
  BOOST_TEST(trained.size() == 2U);
  tg::Tape tape;
  const tg::Tensor loss = tg::sum(model(tg::ones({4, 2})));
  BOOST_CHECK_EXCEPTION(tape.backward(loss), tg::TapeError, [](const tg::Error& e) {
    return begins_with(e.what(), "[backward] a parameter of shape [3, 1]") ||
           begins_with(e.what(), "[backward] a parameter of shape [1, 3]") ||
           begins_with(e.what(), "[backward] a parameter of shape [1]");
  });
}

BOOST_AUTO_TEST_CASE(a_frozen_parameter_need_not_be_named) {
  Forgetful model;
  model.second.weight.set_requires_grad(false);
  model.second.bias.set_requires_grad(false);
  model.named_parameters();
  tg::Tape tape;
  tape.backward(tg::sum(model(tg::ones({4, 2}))));
  BOOST_TEST(model.first.weight.has_grad());
  model.zero_grad();
  BOOST_TEST(!model.first.weight.has_grad());
}

BOOST_AUTO_TEST_CASE(what_an_optimiser_holds_need_not_be_named) {
  Forgetful model;
  std::vector<tg::Tensor> trained = model.parameters();
  trained.push_back(model.second.weight);
  trained.push_back(model.second.bias);
  const tg::optim::SGD optimizer(trained);
  tg::Tape tape;
  BOOST_CHECK_NO_THROW(tape.backward(tg::sum(model(tg::ones({4, 2})))));
}

template <class Weight>
struct Base : tg::nn::Module {
  Weight weight{tg::ones({2})};
};
template <class Weight>
struct Derived : Base<Weight> {
  TAPEGRAD_MODULE(this->weight)
};

BOOST_AUTO_TEST_CASE(a_member_of_a_dependent_base_has_its_plain_name) {
  Derived<tg::nn::Parameter> module;
  BOOST_TEST(module.named_parameters().names() == std::vector<std::string>{"weight"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_frozen_module_passes_gradients_on_and_takes_none) {
  tg::nn::Linear below(2, 2);
  Pair above = make_pair();
  above.set_requires_grad(false);
  {
    tg::Tape tape;
    tape.backward(tg::sum(above.layers[1](above.inner(below(tg::ones({1, 2}))))));
    BOOST_TEST(below.weight.has_grad());
    for (const tg::Tensor& parameter : above.parameters()) BOOST_TEST(!parameter.has_grad());
  }
  above.set_requires_grad(true);
  tg::Tape tape;
  tape.backward(tg::sum(above.layers[1](above.inner(tg::ones({1, 2})))));
  BOOST_TEST(above.inner.weight.has_grad());
  BOOST_TEST(!above.seen->requires_grad());
}

BOOST_AUTO_TEST_CASE(promise_loading_names_every_key_that_does_not_fit) {
  Pair model = make_pair();
  const Pair before = model;
  tg::NamedTensors state;
  for (const auto& [name, tensor] : make_pair().state_dict())
    if (name != "scale" && name != "head.bias") state.insert(name == "inner.bias" ? "inner.offset" : name, tensor);
  state.insert("head.bias", tg::zeros({2}));
  BOOST_CHECK_EXCEPTION(model.load_state_dict(state), tg::ValueError, [](const tg::Error& e) {
    return std::string(e.what()) ==
           "[load_state_dict] missing: scale, inner.bias; unexpected: inner.offset; mismatched: head.bias: expected "
           "[1], "
           "got [2]";
  });
  BOOST_TEST(model.inner.weight->data<float>()[0] == before.inner.weight->data<float>()[0]);
  const tg::nn::StateDifference difference = model.load_state_dict(state, {.strict = false});
  BOOST_TEST(difference.missing == (Names{"scale", "inner.bias"}), boost::test_tools::per_element());
  BOOST_TEST(difference.unexpected == Names{"inner.offset"}, boost::test_tools::per_element());
  BOOST_TEST(model.inner.weight->data<float>()[0] == state.at("inner.weight").data<float>()[0]);
  model.load_state_dict(make_pair().state_dict());
}

BOOST_AUTO_TEST_CASE(a_state_behind_a_prefix_is_told) {
  tg::nn::Linear layer(2, 2);
  tg::NamedTensors state{{"1.rate", tg::zeros({})}, {"1.weight", tg::zeros({2, 2})}};  // another part of a checkpoint
  state.insert("0.", layer.state_dict().clone());
  BOOST_CHECK_EXCEPTION(
      layer.load_state_dict(state), tg::ValueError,
      tg::test::says("[load_state_dict] missing: weight, bias; unexpected: 1.rate, 1.weight, 0.weight, 0.bias; all "
                     "that are missing are there behind '0.': load state.under(\"0.\")"));
  layer.load_state_dict(state.under("0."));
  const auto says_nothing_of_a_prefix = [](const tg::Error& e) {
    return std::string(e.what()).find("behind") == std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(layer.load_state_dict(tg::NamedTensors{{"0.weight", tg::zeros({2, 2})}}), tg::ValueError,
                        says_nothing_of_a_prefix);
  state.insert("bias", tg::zeros({2}));
  BOOST_CHECK_EXCEPTION(layer.load_state_dict(state), tg::ValueError, says_nothing_of_a_prefix);
}

BOOST_AUTO_TEST_CASE(a_state_may_be_a_view_of_the_module_itself) {
  tg::nn::Linear layer(2, 2);
  layer.load_state_dict({{"weight", tg::tensor({{1.0, 2.0}, {3.0, 4.0}})}, {"bias", tg::zeros({2})}});
  const tg::NamedTensors state = layer.state_dict();
  layer.load_state_dict({{"weight", state.at("weight").transpose(0, 1)}, {"bias", state.at("bias")}});
  BOOST_TEST(layer.weight->to_vector<float>() == (std::vector<float>{1, 3, 2, 4}));
}

BOOST_AUTO_TEST_CASE(parts_may_take_each_others_state) {
  Pair model = make_pair();
  const Pair before = model;
  tg::NamedTensors state;
  for (const auto& [name, tensor] : model.state_dict())
    state.insert(name, name == "inner.weight"      ? model.layers[0].weight.tensor()
                       : name == "layers.0.weight" ? model.inner.weight.tensor()
                                                   : tensor);
  model.load_state_dict(state);
  BOOST_TEST(model.inner.weight->to_vector<float>() == before.layers[0].weight->to_vector<float>());
  BOOST_TEST(model.layers[0].weight->to_vector<float>() == before.inner.weight->to_vector<float>());
}

BOOST_AUTO_TEST_CASE(nothing_is_written_while_a_tape_records) {
  Pair model = make_pair();
  const Pair other = make_pair();
  for (tg::nn::Parameter* frozen : {&model.scale, &model.inner.weight}) frozen->set_requires_grad(false);
  const std::vector<float> before = model.inner.weight->to_vector<float>();
  const tg::Tape tape;
  const auto refused = [](const char* writer) {
    return [writer](const tg::Error& e) {
      return begins_with(e.what(), std::string("[") + writer + "] a tensor [1] that requires a gradient cannot be");
    };
  };
  BOOST_CHECK_EXCEPTION(model.load_state_dict(other.state_dict()), tg::TapeError, refused("load_state_dict"));
  BOOST_CHECK_EXCEPTION(model = other, tg::TapeError, refused("assign"));
  BOOST_TEST(model.inner.weight->to_vector<float>() == before);
}

BOOST_AUTO_TEST_CASE(a_state_of_the_right_names_is_refused_for_its_shapes_or_its_dtypes) {
  tg::nn::Linear layer(2, 2);
  const tg::Tensor integers = tg::zeros({2}, {.dtype = tg::int64});
  BOOST_CHECK_EXCEPTION(layer.load_state_dict({{"weight", tg::ones({2, 3})}, {"bias", tg::zeros({2})}}), tg::ShapeError,
                        says("[load_state_dict] mismatched: weight: expected [2, 2], got [2, 3]"));
  BOOST_CHECK_EXCEPTION(layer.load_state_dict({{"weight", tg::ones({2, 2})}, {"bias", integers}}), tg::DTypeError,
                        says("[load_state_dict] mismatched: bias: expected float32, got int64"));
  BOOST_CHECK_EXCEPTION(layer.load_state_dict({{"weight", tg::ones({2, 3})}, {"bias", integers}}), tg::ShapeError,
                        says("mismatched: weight: expected [2, 2], got [2, 3], bias: expected float32, got int64"));
  BOOST_CHECK_THROW(layer.load_state_dict({{"weight", tg::ones({2, 3})}}), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(an_undefined_entry_of_a_state_is_told) {
  tg::nn::Linear layer(2, 2);
  BOOST_CHECK_EXCEPTION(layer.load_state_dict({{"weight", {}}, {"bias", tg::zeros({2})}}), tg::ValueError,
                        [](const tg::Error& e) {
                          return std::string(e.what()) ==
                                 "[load_state_dict] mismatched: weight: expected [2, 2], got an undefined tensor";
                        });
}

BOOST_AUTO_TEST_CASE(a_module_that_is_reached_twice_has_its_first_path) {
  Tied tied;
  static_cast<void>(tied.named_parameters());
  BOOST_TEST(tied.first.path() == "first");
}

BOOST_AUTO_TEST_CASE(training_mode_reaches_all_parts) {
  Pair model = make_pair();
  BOOST_TEST(model.head->is_training());
  model.eval();
  BOOST_TEST(!model.is_training());
  BOOST_TEST(!model.layers[1].is_training());
  model.train();
  BOOST_TEST(model.layers[1].is_training());
}

BOOST_AUTO_TEST_CASE(parts_are_visited_parents_first_and_once) {
  struct Whole : tg::nn::Module {
    Pair pair = make_pair();
    Tied tied;
    TAPEGRAD_MODULE(pair, tied)
  };
  Whole model;
  const std::vector<std::pair<std::string, tg::nn::Module*>> expected = {{"", &model},
                                                                         {"pair", &model.pair},
                                                                         {"pair.inner", &model.pair.inner},
                                                                         {"pair.layers.0", &model.pair.layers[0]},
                                                                         {"pair.layers.1", &model.pair.layers[1]},
                                                                         {"pair.head", &*model.pair.head},
                                                                         {"tied", &model.tied},
                                                                         {"tied.first", &model.tied.first}};
  BOOST_TEST((model.named_modules() == expected));
  BOOST_TEST(model.pair.named_modules()[1].first == "inner");

  std::vector<const tg::nn::Linear*> linear;
  model.for_each<tg::nn::Linear>([&](tg::nn::Linear& layer) { linear.push_back(&layer); });
  BOOST_TEST(
      linear == (std::vector<const tg::nn::Linear*>{&model.pair.inner, &model.pair.layers[0], &model.pair.layers[1],
                                                    &*model.pair.head, &model.tied.first}),
      boost::test_tools::per_element());
  int wholes = 0, modules = 0, none = 0;
  model.for_each<Whole>([&](Whole& whole) { wholes += &whole == &model ? 1 : 2; });
  model.for_each<tg::nn::Module>([&](const tg::nn::Module&) { ++modules; });
  model.for_each<tg::nn::LSTM>([&](const tg::nn::LSTM&) { ++none; });
  BOOST_TEST(wholes == 1);
  BOOST_TEST(modules == 8);
  BOOST_TEST(none == 0);
}

BOOST_AUTO_TEST_CASE(a_summary_is_a_table) {
  Pair model;
  BOOST_TEST(tg::nn::summary(model) ==
             "name   type    tensors                                          parameters\n"
             "       Pair    seen [3], scale [2], shifts.0 [1], shifts.1 [1]           4\n"
             "inner  Linear  weight [2, 2], bias [2]                                   6\n"
             "total                                                                   10\n");
}

BOOST_AUTO_TEST_CASE(a_summary_tells_what_is_frozen) {
  Pair model;
  model.inner.set_requires_grad(false);
  model.shifts[1].set_requires_grad(false);
  BOOST_TEST(tg::nn::summary(model) ==
             "name   type    tensors                                                   parameters\n"
             "       Pair    seen [3], scale [2], shifts.0 [1], shifts.1 [1] (frozen)           4\n"
             "inner  Linear  weight [2, 2] (frozen), bias [2] (frozen)                          6\n"
             "total                                                                            10, 3 trainable\n");
  model.set_requires_grad(false);
  BOOST_TEST(tg::nn::summary(model).ends_with(" 10, 0 trainable\n"));
  model.set_requires_grad(true);
  BOOST_TEST(tg::nn::summary(model).ends_with(" 10\n"));
}

BOOST_AUTO_TEST_CASE(a_summary_of_many_tensors_has_several_lines) {
  const std::string space(53, ' ');
  BOOST_TEST(tg::nn::summary(tg::nn::LSTM(4, 3, {.num_layers = 2})) ==
             "name   type  tensors" + space +
                 "  parameters\n"
                 "       LSTM  weight_ih_l0 [12, 4], weight_hh_l0 [12, 3], bias_ih_l0 [12],         204\n"
                 "             bias_hh_l0 [12], weight_ih_l1 [12, 3], weight_hh_l1 [12, 3],\n"
                 "             bias_ih_l1 [12], bias_hh_l1 [12]\n"
                 "total               " +
                 space + "         204\n");
}

BOOST_AUTO_TEST_CASE(scopes_are_paths_in_study_mode) {
  Pair model = make_pair();
  model.named_parameters();
  tg::Tape tape({.study = true});
  const tg::Tensor y = model.layers[0](tg::ones({1, 2}));
  BOOST_TEST(tape.node(tape.position(y)).scope == "layers.0");
  const tg::Scope block("layers");
  const tg::Tensor z = model.layers[1](y);
  BOOST_TEST(tape.node(tape.position(z)).scope == "layers.1");
  const tg::Scope other("lay");
  const tg::Tensor w = model.layers[1](y);
  BOOST_TEST(tape.node(tape.position(w)).scope == "layers/lay/layers.1");
}

BOOST_AUTO_TEST_CASE(an_activation_has_its_own_scope) {
  tg::nn::Sequential model(tg::nn::Linear(2, 2), tg::nn::Tanh(), tg::nn::LeakyReLU(), tg::nn::ELU(),
                           tg::nn::Dropout(0.5));
  model.named_parameters();
  tg::Tape tape({.study = true});
  (void)model(tg::ones({1, 2}));
  std::vector<std::string> scopes;
  for (std::int64_t i = 0; i < tape.size(); ++i)
    if (const tg::NodeInfo node = tape.node(i); node.op != "leaf") scopes.push_back(node.scope);
  BOOST_TEST(scopes == (std::vector<std::string>{"0", "1", "2", "3", "4"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_error_in_a_layer_says_which) {
  Pair model = make_pair();
  const tg::Tensor narrow = tg::ones({1, 3});
  const auto message = [&] {
    try {
      (void)model.layers[1](narrow);
    } catch (const tg::ShapeError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  BOOST_TEST(message().find("(in ") == std::string::npos, message());  // not named yet
  model.named_parameters();
  BOOST_TEST(message().ends_with(" (in layers.1)"), message());
}

struct Doubled : tg::Op<Doubled> {
  static constexpr std::string_view name = "doubled";
  tg::Tensor forward(const tg::Tensor& x) const { return x + x; }
  tg::Tensor vjp(const tg::Saved&, const tg::Tensor& dy) const { return dy + dy; }
};

BOOST_AUTO_TEST_CASE(a_parameter_stands_in_expressions_as_its_tensor_does) {
  const tg::nn::Parameter w(tg::tensor({2.0F, -3.0F}));
  const auto values = [](const tg::Tensor& x) { return x.to_vector<float>(); };
  using Values = std::vector<float>;
  BOOST_TEST(values(-w) == (Values{-2, 3}));
  BOOST_TEST(values(2 * w) == (Values{4, -6}));
  BOOST_TEST(values(w * w) == (Values{4, 9}));
  BOOST_TEST(values(w - 1.0) == (Values{1, -4}));
  BOOST_TEST(values(6.0 / w) == (Values{3, -2}));
  BOOST_TEST(values(w + tg::ones({2})) == (Values{3, -2}));
  BOOST_TEST(((w > 0).to_vector<bool>() == std::vector<bool>{true, false}));
  BOOST_TEST(((w == w).to_vector<bool>() == std::vector<bool>{true, true}));
  BOOST_TEST(values(tg::apply(Doubled{}, w)) == (Values{4, -6}));
  tg::Tape tape;
  tape.backward(tg::sum(w * w + tg::apply(Doubled{}, w)));
  BOOST_TEST(values(w.grad()) == (Values{6, -4}));
}

BOOST_AUTO_TEST_CASE(a_parameter_is_converted_to_floating_dtypes_alone) {
  tg::nn::Linear layer(2, 1);
  tg::nn::Buffer buffer(tg::full({2}, 2.0));
  const std::vector<float> weight = layer.weight.to_vector<float>();
  const auto refused = [](const auto& convert, const std::string& message) {
    BOOST_CHECK_EXCEPTION(convert(), tg::DTypeError, tg::test::says(message));
  };
  const auto none = static_cast<tg::DType>(9);
  for (const auto& [dtype, name] : {std::pair(tg::int64, "int64"), {tg::boolean, "bool"}, {none, "?"}}) {
    const std::string message = std::string("[to] parameters are floating tensors, they cannot become ") + name;
    refused([&, to = dtype] { layer.weight.to(to); }, message);
    refused([&, to = dtype] { layer.to(to); }, message);
  }
  BOOST_TEST(layer.weight.to_vector<float>() == weight, boost::test_tools::per_element());
  refused([&] { buffer.to(none); }, "[to] 9 is no dtype");
  buffer.to(tg::int64);
  BOOST_TEST(buffer.to_vector<std::int64_t>() == (std::vector<std::int64_t>{2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_states_in_one_list) {
  const tg::NamedTensors model = {{"weight", tg::ones({2})}, {"bias", tg::zeros({1})}};
  const tg::NamedTensors optimizer = {{"step", tg::tensor(3)}};
  tg::NamedTensors all;
  all.insert("model.", model);
  all.insert("optimizer.", optimizer);
  BOOST_TEST(all.names() == (std::vector<std::string>{"model.weight", "model.bias", "optimizer.step"}),
             boost::test_tools::per_element());
  BOOST_TEST(all.under("model.").names() == model.names(), boost::test_tools::per_element());
  BOOST_TEST(all.under("optimizer.").at("step").item() == 3.0);
  BOOST_TEST(all.under("schedule.").empty());
  BOOST_CHECK_THROW(all.insert("", tg::NamedTensors{{"new", tg::ones({1})}, {"model.bias", tg::ones({1})}}),
                    tg::ValueError);
  BOOST_TEST(all.size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_integer_state_is_no_floating_one) {
  tg::nn::Linear layer(2, 2);
  BOOST_CHECK_THROW(
      layer.load_state_dict({{"weight", tg::ones({2, 2}, {.dtype = tg::int64})}, {"bias", tg::zeros({2})}}),
      tg::DTypeError);
}

BOOST_AUTO_TEST_CASE(assignment_takes_the_mode_over) {
  tg::nn::Linear a(2, 2);
  tg::nn::Linear b(2, 2);
  b.eval();
  a = b;
  BOOST_TEST(!a.is_training());
}

BOOST_AUTO_TEST_CASE(assignment_leaves_what_is_frozen_as_it_is) {
  tg::nn::Linear a(2, 2);
  tg::nn::Linear b(2, 2);
  a.weight.set_requires_grad(false);
  b.bias.set_requires_grad(false);
  a = b;
  BOOST_TEST(!a.weight->requires_grad());
  BOOST_TEST(a.bias->requires_grad());
}

struct Forgetful : tg::nn::Module {
  tg::nn::Parameter named{tg::ones({2})};
  tg::nn::Parameter forgotten{tg::ones({2})};
  TAPEGRAD_MODULE(named)
  tg::Tensor operator()() const { return tg::sum(named * forgotten); }
};

BOOST_AUTO_TEST_CASE(a_copy_has_its_members_checked_too) {
  const Forgetful first;
  Forgetful copy = first;
  copy.named_parameters();
  tg::Tape tape;
  BOOST_CHECK_THROW(tape.backward(copy()), tg::TapeError);
}

BOOST_AUTO_TEST_CASE(a_state_that_is_the_modules_own_restores_nothing) {
  Pair model = make_pair();
  const std::vector<float> best = model.inner.weight->to_vector<float>();
  const tg::NamedTensors own = model.state_dict();
  const tg::NamedTensors kept = own.clone();
  model.inner.weight.assign(tg::full({2, 2}, 7.0));
  const auto says_so = [](const tg::Error& e) {
    return std::string(e.what()) ==
           "[load_state_dict] this state is the module's own, which has changed with it, and nothing would be loaded: "
           "keep state_dict().clone(), or a copy of the module";
  };
  BOOST_CHECK_EXCEPTION(model.load_state_dict(own), tg::ValueError, says_so);
  BOOST_CHECK_EXCEPTION(static_cast<void>(model.load_state_dict(own, {.strict = false})), tg::ValueError, says_so);
  model.load_state_dict(kept);
  BOOST_TEST(model.inner.weight->to_vector<float>() == best);
}

BOOST_AUTO_TEST_CASE(a_parameter_has_what_a_tensor_has) {
  tg::nn::Linear layer(2, 3);
  const auto trained = layer.parameters();
  for (const tg::Tensor& p : trained) p.set_grad(tg::ones(p.shape()));
  layer.weight.zero_grad();
  BOOST_TEST(!layer.weight.has_grad());
  for (const auto& [name, p] : layer.named_parameters()) p.zero_grad();
  BOOST_TEST(!layer.bias.has_grad());
  for (const auto& [name, p] : layer.named_parameters()) p.set_requires_grad(false);
  BOOST_TEST(!layer.weight->requires_grad());
  BOOST_TEST(!layer.weight.requires_grad());
  BOOST_TEST(layer.weight.size(-1) == 2);
  BOOST_TEST((layer.weight.dim() == 2 && layer.weight.numel() == 6));
  BOOST_TEST(layer.weight[1].to_vector<float>() == layer.weight.clone()[1].to_vector<float>());
  BOOST_TEST(tg::nn::Parameter(tg::tensor(2.5)).item() == 2.5);
  BOOST_TEST(tg::nn::Buffer(tg::tensor(7, {.dtype = tg::int64})).item<std::int64_t>() == 7);

  tg::nn::Parameter w(tg::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
  using Values = std::vector<float>;
  BOOST_TEST(w.transpose(0, 1).to_vector<float>() == (Values{1, 4, 2, 5, 3, 6}));
  BOOST_TEST(w.permute({1, 0}).to_vector<float>() == (Values{1, 4, 2, 5, 3, 6}));
  BOOST_TEST(w.reshape({3, 2})[2].to_vector<float>() == (Values{5, 6}));
  BOOST_TEST(w.slice(1, {.start = 2}).expand({2, 2}).to_vector<float>() == (Values{3, 3, 6, 6}));
  BOOST_TEST(w.to_vector<float>() == (Values{1, 2, 3, 4, 5, 6}));
  const tg::Tensor detached = w.detach();
  BOOST_TEST((detached.data<float>().data() == w->data<float>().data() && !detached.requires_grad()));
  const tg::HookId doubling = w.register_hook([](const tg::Tensor& g) { return g + g; });
  const auto gradient = [&] {
    w.zero_grad();
    tg::Tape tape;
    tape.backward(tg::sum(w));
    return w.grad().to_vector<float>();
  };
  BOOST_TEST(gradient() == Values(6, 2.0F));
  BOOST_TEST(w.remove_hook(doubling));
  BOOST_TEST(gradient() == Values(6, 1.0F));
  w.set_grad(tg::zeros({2, 3}));
  BOOST_TEST(w.grad().to_vector<float>() == Values(6, 0.0F));
}

BOOST_AUTO_TEST_CASE(a_parameter_prints_as_its_tensor_does) {
  const tg::nn::Parameter w(tg::tensor({1.5, -2.0}));
  std::ostringstream stream;
  stream << w;
  BOOST_TEST(stream.str() == tg::to_string(w.tensor()));
}

BOOST_AUTO_TEST_CASE(an_absent_parameter_is_assigned_as_such) {
  tg::nn::Parameter w(tg::ones({2}));
  w = {};
  BOOST_TEST(!w.defined());
  static_assert(!std::is_assignable_v<tg::nn::Parameter&, tg::Tensor>);
  static_assert(!std::is_assignable_v<tg::nn::Buffer&, const tg::Tensor&>);
}

BOOST_AUTO_TEST_SUITE_END()
