// Every op of the catalogue, every tensor that it saves, changed in place before the sweep: an error that names the op
// that saved it and who wrote.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using catalogue::OpEntry;
using catalogue::Sample;

namespace {

/// What the sweep of a sample says when the saved tensor at (node, slot) was written before it.
struct Attempt {
  bool node_exists = false;
  bool slot_exists = false;
  bool reached = false;  // by a sweep from the outputs
  std::string saved;     // "sqrt saved its output 0"
  std::string message;   // empty: the sweep went through
};

Attempt write_and_sweep(const Sample& sample, std::size_t node_index, std::size_t slot_index) {
  Attempt attempt;
  Tape tape;
  catalogue::Arguments inputs = sample.inputs;
  for (Tensor& x : inputs)
    if (x.defined() && is_floating(x.dtype())) x = x.clone().set_requires_grad(true);
  std::vector<Tensor> roots;
  for (Tensor& y : sample.call(inputs))
    if (is_floating(y.dtype()) && y.is_tracked() && !y.requires_grad()) roots.push_back(y);
  if (roots.empty()) return attempt;
  std::vector<Tensor> cotangents;
  for (const Tensor& y : roots) cotangents.push_back(ones_like(y));

  const TapeImpl& impl = *recorder.tape;
  attempt.node_exists = node_index < impl.nodes.size();
  if (!attempt.node_exists) return attempt;
  const Node& node = *impl.nodes[node_index];
  attempt.slot_exists = !node.is_leaf() && slot_index < node.saved_count;
  if (!attempt.slot_exists) return attempt;
  std::vector<Tensor> wanted;
  for (const Tensor& x : inputs)
    if (x.defined() && x.requires_grad()) wanted.push_back(x);
  tape.observe([&](const SweepEvent& event) {
    attempt.reached = attempt.reached || event.node.position == static_cast<std::int64_t>(node_index);
  });
  (void)tape.pull_back(roots, cotangents, wanted, {.retain = true});
  tape.observe({});

  const SavedSlot& slot = node.saved[slot_index];
  const array::Array& written = array_of(slot.tensor);
  written.storage->written_by("the_writer");
  // Who keeps the same elements and is swept first notices first.
  for (std::size_t k = impl.nodes.size(); k-- > 0 && attempt.saved.empty();)
    for (const SavedSlot& other : std::span(impl.nodes[k]->saved, impl.nodes[k]->saved_count))
      if (!impl.nodes[k]->is_leaf() && attempt.saved.empty() &&
          array_of(other.tensor).storage.get() == written.storage.get())
        attempt.saved = fmt::format("{} saved its {} ", impl.nodes[k]->name(),
                                    name_of(*impl.nodes[k]->table, other.kind, other.index));
  try {
    (void)tape.pull_back(roots, cotangents, wanted);
  } catch (const TapeError& e) {
    attempt.message = e.what();
  }
  return attempt;
}

/// How many saved tensors were written.
int check(const OpEntry& op, const Sample& sample) {
  int written = 0;
  for (std::size_t node = 0;; ++node) {
    for (std::size_t slot = 0;; ++slot) {
      const Attempt attempt = write_and_sweep(sample, node, slot);
      if (!attempt.node_exists) return written;
      if (!attempt.slot_exists) break;
      if (!attempt.reached) continue;
      ++written;
      BOOST_TEST(attempt.message.find(attempt.saved) != std::string::npos,
                 op.name << ", sample \"" << sample.name << "\", node " << node << ", saved tensor " << slot << ": \""
                         << attempt.message << "\" does not say \"" << attempt.saved << "\"");
      BOOST_TEST(attempt.message.find("changed in place by the_writer since") != std::string::npos, attempt.message);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(written_in_place)

BOOST_AUTO_TEST_CASE(every_saved_tensor_of_every_op_is_watched) {
  int ops = 0;
  int written = 0;
  for (const OpEntry* op : catalogue::all_ops()) {
    if (!op->differentiable) continue;
    Generator g(3);
    int of_op = 0;
    for (const Sample& sample : op->samples(g)) {
      try {
        of_op += check(*op, sample);
      } catch (const std::exception& e) {
        BOOST_TEST(false, op->name << ", sample \"" << sample.name << "\" threw " << e.what());
      }
    }
    BOOST_TEST((of_op > 0 || op->keeps_nothing), op->name << ": no sample saves what it keeps");
    ops += of_op > 0 ? 1 : 0;
    written += of_op;
  }
  BOOST_TEST_MESSAGE(written << " saved tensors of " << ops << " ops");
  BOOST_TEST(ops > 100);
}

BOOST_AUTO_TEST_SUITE_END()
