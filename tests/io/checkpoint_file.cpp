#include "tapegrad/io/checkpoint_file.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/io/safetensors.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/sample.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"
#include "temporary_folder.hpp"

using namespace tapegrad;
using tapegrad::test::says;

namespace {

/// All kinds of parts, each of which changes in a step.
struct TrainingRun {
  nn::Sequential model{nn::Linear(2, 8), nn::BatchNorm(8), nn::Dropout(0.2), nn::Linear(8, 1)};
  optim::AdamW optimizer{model.parameters(), {.lr = 1e-2}};
  optim::WarmupCosine schedule{optimizer, {.warmup_steps = 3, .total_steps = 20}};
  optim::MovingAverage average{model.parameters()};
  Generator data{3};

  double step() {
    const Tensor x = randn({16, 2}, data);
    Tape tape;
    const Tensor loss = mse_loss(squeeze(model(x), -1), select(x, 1, 0) * select(x, 1, 1));
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    average.update();
    return loss.item();
  }
  void save(const std::string& path) const {
    save_checkpoint(path, model, optimizer, schedule, average, data, default_generator());
  }
  void load(const std::string& path) {
    load_checkpoint(path, model, optimizer, schedule, average, data, default_generator());
  }
};

bool same_states(const NamedTensors& a, const NamedTensors& b) {
  if (a.names() != b.names()) return false;
  for (const auto& [name, tensor] : a)
    if (!same_bits(tensor, b.at(name))) return false;
  return true;
}

/// A part of one's own, which may refuse what it is given.
struct Epoch {
  std::int64_t count = 0;
  bool refuses = false;

  NamedTensors state_dict() const { return {{"count", tensor(count, {.dtype = int64})}}; }
  void load_state_dict(const NamedTensors& state) {
    if (refuses) throw std::runtime_error("no");
    count = state.at("count").item<std::int64_t>();
  }
};

template <class... Parts>
concept Loadable = requires(Parts&&... parts) {
  load_checkpoint("path", std::forward<Parts>(parts)...);
};
template <class... Parts>
concept Savable = requires(Parts&&... parts) {
  save_checkpoint("path", std::forward<Parts>(parts)...);
};
static_assert(Savable<const nn::Linear&, const optim::Optimizer&, Generator, Epoch>);
static_assert(Loadable<nn::Linear&, optim::Optimizer&, optim::Schedule&, Generator&, Epoch&>);
static_assert(!Loadable<const nn::Linear&>, "nothing could be written into it");
static_assert(!Loadable<Generator>, "nobody would have what is loaded into a temporary");
static_assert(!Loadable<const Generator&>);
static_assert(Savable<NamedTensors, const NamedTensors&> && Loadable<NamedTensors&>);
static_assert(!Loadable<NamedTensors> && !Loadable<const NamedTensors&>);
static_assert(!Savable<> && !Loadable<>);
static_assert(!Savable<Tensor>);

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpoint_file)

BOOST_AUTO_TEST_CASE(training_goes_on_to_the_bit) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  manual_seed(1);
  TrainingRun first;
  for (int step = 0; step < 6; ++step) first.step();
  first.save(path);
  std::vector<double> losses;
  for (int step = 0; step < 6; ++step) losses.push_back(first.step());

  manual_seed(2);
  TrainingRun second;
  second.step();
  second.load(path);
  for (const double loss : losses) BOOST_TEST(second.step() == loss);
  BOOST_TEST(same_states(second.model.state_dict(), first.model.state_dict()));
  BOOST_TEST(same_states(second.optimizer.state_dict(), first.optimizer.state_dict()));
  BOOST_TEST(same_states(second.average.state_dict(), first.average.state_dict()));
  BOOST_TEST(second.optimizer.lr() == first.optimizer.lr());
}

BOOST_AUTO_TEST_CASE(what_stands_in_the_file) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  save_checkpoint(path, nn::Linear(2, 3), Generator(7), Epoch{.count = 4});
  const NamedTensors all = load_safetensors(path);
  BOOST_TEST(all.size() == 4);
  BOOST_TEST(to_string(all.at("0.weight").shape()) == "[3, 2]");
  BOOST_TEST(all.contains("0.bias"));
  BOOST_TEST(all.at("1.stream").to_vector<std::int64_t>().front() == 7);
  BOOST_TEST(all.at("2.count").item() == 4);
  const auto texts = load_safetensors_metadata(path);
  BOOST_TEST(texts.size() == 2);
  BOOST_TEST(texts.at("format") == "tapegrad.checkpoint");
  BOOST_TEST(texts.at("parts") == "3");
}

BOOST_AUTO_TEST_CASE(a_part_may_have_nothing_to_keep_and_others_more_than_ten) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  nn::Tanh nothing;
  Epoch a, b, c, d, e, f, g, h, i, j{.count = 9};
  Epoch first{.count = 1};
  save_checkpoint(path, nothing, first, a, b, c, d, e, f, g, h, i, j);
  first.count = j.count = 0;
  load_checkpoint(path, nothing, first, a, b, c, d, e, f, g, h, i, j);
  BOOST_TEST(first.count == 1);
  BOOST_TEST(j.count == 9);
}

BOOST_AUTO_TEST_CASE(plain_values_stand_beside_the_other_parts) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  const std::int64_t epoch = 20'000'001;  // not a float's
  nn::Linear model(2, 3);
  save_checkpoint(path, model, NamedTensors{{"epoch", tensor(epoch, {.dtype = int64})}, {"best", tensor(0.25)}});
  BOOST_TEST(load_safetensors(path).at("1.epoch").item<std::int64_t>() == epoch);

  const Tensor older = ones({2});
  NamedTensors values{{"older", older}};
  load_checkpoint(path, model, values);
  BOOST_TEST(values.names() == (std::vector<std::string>{"epoch", "best"}), boost::test_tools::per_element());
  BOOST_TEST(values.at("epoch").item<std::int64_t>() == epoch);
  BOOST_TEST(values.at("best").item() == 0.25);
  BOOST_TEST(same_bits(older, ones({2})));  // replaced in the list, not written

  // Put back when another part refuses its state.
  save_checkpoint(path, NamedTensors{{"epoch", tensor(1)}}, Generator());
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, values, model), IoError, says("part 2 of 2 ('1.') does not fit"));
  BOOST_TEST(values.at("epoch").item<std::int64_t>() == epoch);
}

BOOST_AUTO_TEST_CASE(values_are_converted_as_each_part_does) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  nn::Linear single(2, 3);
  save_checkpoint(path, single);
  nn::Linear twice(2, 3);
  twice.to(float64);
  load_checkpoint(path, twice);
  BOOST_TEST((twice.weight.dtype() == float64));
  BOOST_TEST(same_bits(twice.state_dict().at("weight").to(float32), single.state_dict().at("weight")));
}

BOOST_AUTO_TEST_CASE(files_that_are_no_checkpoint_of_these_parts) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  const std::string where = "[load_checkpoint] " + path + ": ";
  TrainingRun run;
  const auto refused = [&](const std::string& reason) {
    const NamedTensors before = run.model.state_dict().clone();
    BOOST_CHECK_EXCEPTION(run.load(path), IoError, says(where + reason));
    BOOST_TEST(same_states(run.model.state_dict(), before));
  };
  save_checkpoint(path, run.model, run.optimizer);
  refused("expected 6 parts, got a file of 2: load_safetensors(path).under(\"0.\") reads the first alone");
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, run.model), IoError, says(where + "expected 1 part, got a file of 2"));
  run.model.load_state_dict(load_safetensors(path).under("0."));
  save_safetensors(path, run.model.state_dict(), {{"format", "pt"}});
  refused("expected a checkpoint of 6 parts, got a file of 9 tensors that is none: load_safetensors reads it");
  save_safetensors(path, {}, {{"format", "tapegrad.checkpoint"}, {"parts", "6\n"}});
  refused("expected 6 parts, got a file of 6\\n");
  save_safetensors(path, {}, {{"format", "tapegrad.checkpoint"}});
  refused("expected 6 parts, got a file of an unknown number of");
  save_safetensors(path, {{"0", zeros({1})}, {"6.x", zeros({1})}}, {{"format", "tapegrad.checkpoint"}, {"parts", "6"}});
  refused("2 tensors belong to none of 6 parts");

  run.save(path);
  const std::string whole = file_content(path);
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{200}, whole.size() - 1}) {
    folder.write("run.ckpt", whole.substr(0, length));
    BOOST_CHECK_EXCEPTION(run.load(path), IoError, says(where));
  }
  BOOST_CHECK_EXCEPTION(run.load(folder / "none"), IoError,
                        says("[load_checkpoint] " + folder / "none" + ": No such file"));
}

BOOST_AUTO_TEST_CASE(all_parts_are_loaded_or_none) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  manual_seed(1);
  TrainingRun stored;
  for (int step = 0; step < 4; ++step) stored.step();
  TrainingRun run;
  run.step();
  Epoch epoch;
  const NamedTensors model = run.model.state_dict().clone();
  const NamedTensors optimizer = run.optimizer.state_dict().clone();
  const auto unchanged = [&] {
    BOOST_TEST(same_states(run.model.state_dict(), model));
    BOOST_TEST(same_states(run.optimizer.state_dict(), optimizer));
    BOOST_TEST(run.schedule.steps() == 1);
    BOOST_TEST(epoch.count == 0);
  };

  // In another order.
  save_checkpoint(path, stored.model, stored.schedule, stored.optimizer);
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, run.model, run.optimizer, run.schedule), IoError,
                        says("[load_checkpoint] " + path + ": part 2 of 3 ('1.') does not fit: [AdamW]"));
  unchanged();

  // The last of them is another one.
  save_checkpoint(path, stored.model, stored.optimizer, stored.schedule, nn::Linear(1, 1));
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, run.model, run.optimizer, run.schedule, epoch), IoError,
                        says("part 4 of 4 ('3.') does not fit: [named_tensors]"));
  unchanged();

  // Errors that are not this library's.
  epoch.refuses = true;
  save_checkpoint(path, stored.model, stored.optimizer, stored.schedule, epoch);
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, run.model, run.optimizer, run.schedule, epoch), std::runtime_error,
                        says("no"));
  unchanged();

  // No fault of the file.
  {
    const Tape tape;
    epoch.refuses = false;
    save_checkpoint(path, Epoch{.count = 3}, stored.model);
    BOOST_CHECK_EXCEPTION(load_checkpoint(path, epoch, run.model), TapeError, says("[load_state_dict]"));
  }
  unchanged();
}

// A row of an embedding with a gradient of NaN that no later batch uses: the loss goes on, and so must its file.
BOOST_AUTO_TEST_CASE(a_run_with_moments_of_nan_is_resumed) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  struct Run {
    nn::Embedding embedding{5, 2};
    optim::Adam optimizer{embedding.parameters()};

    void step() {
      Tape tape;
      tape.backward(sum(square(embedding(tensor({0, 1}, {.dtype = int64})))));
      optimizer.step();
      optimizer.zero_grad();
    }
  };
  manual_seed(1);
  Run run;
  save_checkpoint(path, run.embedding, run.optimizer);
  Tensor gradient = zeros({5, 2});
  gradient.mutable_data<float>()[9] = std::numeric_limits<float>::quiet_NaN();
  run.embedding.weight->set_grad(gradient);
  run.step();
  save_checkpoint(path, run.embedding, run.optimizer);
  BOOST_TEST(std::isnan(run.optimizer.state_dict().at("parameter.0.v").to_vector<float>()[9]));
  Run resumed;
  load_checkpoint(path, resumed.embedding, resumed.optimizer);
  for (Run* part : {&run, &resumed}) part->step();
  BOOST_TEST(same_states(run.embedding.state_dict(), resumed.embedding.state_dict()));
  BOOST_TEST(same_states(run.optimizer.state_dict(), resumed.optimizer.state_dict()));
}

BOOST_AUTO_TEST_CASE(a_part_that_is_made_of_parts_is_put_back_too) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  struct Both {
    Epoch first, second;
    NamedTensors state_dict() const {
      NamedTensors state;
      state.insert("first.", first.state_dict());
      state.insert("second.", second.state_dict());
      return state;
    }
    void load_state_dict(const NamedTensors& state) {
      first.load_state_dict(state.under("first."));
      second.load_state_dict(state.under("second."));
    }
  };
  save_checkpoint(path, Both{.first = {.count = 3}, .second = {.count = 4}});
  Both both{.first = {.count = 1}, .second = {.count = 2, .refuses = true}};
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, both), std::runtime_error, says("no"));
  BOOST_TEST(both.first.count == 1);
}

BOOST_AUTO_TEST_CASE(what_one_part_throws_while_it_is_put_back_keeps_no_other_from_it) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  struct Once : Epoch {
    void load_state_dict(const NamedTensors& state) {
      Epoch::load_state_dict(state);
      refuses = true;
    }
  };
  save_checkpoint(path, Epoch{.count = 3}, Epoch{.count = 4}, Epoch{.count = 5});
  Epoch first{.count = 1}, last{.count = 2, .refuses = true};
  Once once;
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, first, once, last), std::runtime_error, says("no"));
  BOOST_TEST(first.count == 1);
}

BOOST_AUTO_TEST_CASE(a_part_that_would_not_load_its_own_state_keeps_the_files) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  struct Positive : Epoch {
    void load_state_dict(const NamedTensors& state) {
      if (state.at("count").item() < 1) throw ValueError("[Positive] too few");
      Epoch::load_state_dict(state);
    }
  };
  Epoch first, last;
  Positive middle;
  save_checkpoint(path, Epoch{.count = 3}, Epoch{.count = 4}, Generator());
  BOOST_CHECK_EXCEPTION(load_checkpoint(path, first, middle, last), IoError, says("part 3 of 3 ('2.') does not fit"));
  BOOST_TEST(first.count == 0);
  BOOST_TEST(middle.count == 4);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_leaves_the_old_file) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.ckpt";
  Epoch epoch{.count = 5};
  save_checkpoint(path, epoch);
  const std::string old = file_content(path);
  struct Broken : Epoch {
    NamedTensors state_dict() const { return {{"count", Tensor()}}; }
  };
  BOOST_CHECK_EXCEPTION(save_checkpoint(path, epoch, Broken()), ValueError,
                        says("[save_checkpoint] " + path + ": tensor '1.count' is undefined"));
  BOOST_TEST(file_content(path) == old);
  BOOST_TEST(folder.file_count() == 1);
  BOOST_CHECK_EXCEPTION(save_checkpoint(folder / "no/where", epoch), IoError,
                        says("[save_checkpoint] " + folder / "no/where" + ": cannot create a file beside it"));
  if (::geteuid() != 0) {  // root may write anything
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    BOOST_CHECK_EXCEPTION(save_checkpoint(path, epoch), IoError, says("cannot write"));
  }
  BOOST_TEST(file_content(path) == old);
}

BOOST_AUTO_TEST_SUITE_END()
