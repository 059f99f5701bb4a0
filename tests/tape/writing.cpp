#include "tape_test.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"

using namespace tapegrad;
using namespace tapegrad::test;

BOOST_AUTO_TEST_SUITE(writing)

BOOST_AUTO_TEST_CASE(promise_a_saved_tensor_that_was_written_is_noticed) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor factor = tensor({3.0, 4.0}, {.dtype = float64});
  Tape tape;
  const Tensor y = sum(x * factor);
  factor.mutable_data<double>("the_test")[0] = 5.0;
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError,
                        says("[backward] at node 1, mul [2]: mul saved its input 1 [2], which was changed in place by "
                             "the_test since"));
  BOOST_TEST(tape.size() == 0);
}

BOOST_AUTO_TEST_CASE(promise_a_view_shares_its_storages_version) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor table = ones({3, 2}, {.dtype = float64});
  Tape tape;
  const Tensor y = sum(x * table[1]);
  table.mutable_data<double>()[0] = 5.0;
  BOOST_CHECK_EXCEPTION(tape.backward(y), TapeError, says("changed in place by mutable_data"));
}

BOOST_AUTO_TEST_CASE(promise_what_no_rule_reads_may_be_written) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor offset = tensor({3.0, 4.0}, {.dtype = float64});
  Tape tape;
  const Tensor y = sum(x + offset);
  offset.mutable_data<double>()[0] = 5.0;
  BOOST_TEST(tape.gradient(y, x).to_vector<double>() == (Values{1.0, 1.0}));
}

BOOST_AUTO_TEST_CASE(promise_reading_moves_no_version) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor factor = tensor({3.0, 4.0}, {.dtype = float64});
  Tape tape;
  const Tensor y = sum(x * factor);
  BOOST_TEST(factor.data<double>()[0] == 3.0);
  BOOST_TEST(tape.gradient(y, x).to_vector<double>() == (Values{3.0, 4.0}));
}

BOOST_AUTO_TEST_CASE(promise_tracked_tensors_cannot_be_written_while_a_tape_records) {
  Tensor x = leaf({1.0, 2.0});
  x.mutable_data<double>()[0] = 7.0;  // no tape
  Tape tape;
  BOOST_CHECK_EXCEPTION(x.mutable_data<double>("fill"), TapeError,
                        says("[fill] a tensor [2] that requires a gradient cannot be written while a tape records"));
  Tensor y = square(x);
  BOOST_CHECK_THROW(y.mutable_data<double>(), TapeError);
  {
    const NoRecord guard;
    x.mutable_data<double>()[0] = 8.0;
  }
  Tensor detached = x.detach();
  detached.mutable_data<double>()[1] = 9.0;
  BOOST_TEST(x.to_vector<double>() == (Values{8.0, 9.0}));
}

// The elements of a temporary would be gone before they are written.
template <class T>
concept GivesElementsToWrite = requires(T&& x) {
  std::forward<T>(x).template mutable_data<double>();
};
static_assert(GivesElementsToWrite<Tensor&> && !GivesElementsToWrite<Tensor>);

BOOST_AUTO_TEST_CASE(promise_an_error_names_who_would_write) {
  Tensor x = ones({2, 3}, {.dtype = float64}).transpose(0, 1);
  BOOST_CHECK_EXCEPTION(x.mutable_data<double>("fill"), ShapeError,
                        says("[fill] the tensor [3, 2] has strides [1, 3]: call contiguous() first"));
  BOOST_CHECK_EXCEPTION(x.mutable_data<float>("fill"), DTypeError, says("[fill] the tensor is float64, not float32"));
}

BOOST_AUTO_TEST_CASE(promise_what_carries_a_tangent_cannot_be_written) {
  const Tensor x = tensor({1.0, 2.0}, {.dtype = float64});
  const auto writes = [](const Tensor& t) {
    Tensor y = t * t;
    y.mutable_data<double>("fill")[0] = 5.0;
    return y;
  };
  BOOST_CHECK_EXCEPTION((void)jvp(writes, x, x), TapeError, says("[fill] a tensor [2] that carries a tangent"));
  const auto writes_a_copy = [](const Tensor& t) {
    Tensor y = (t * t).detach();
    y.mutable_data<double>()[0] = 5.0;
    return y * t;
  };
  BOOST_TEST(jvp(writes_a_copy, x, x).second.to_vector<double>() == (Values{5.0, 8.0}));
}

BOOST_AUTO_TEST_CASE(promise_assigning_to_a_temporary_does_not_compile) {
  static_assert(!std::is_assignable_v<Tensor&&, Tensor>);
  static_assert(!std::is_assignable_v<decltype(std::declval<Tensor&>()[0]), const Tensor&>);
  static_assert(std::is_assignable_v<Tensor&, Tensor>);
}

BOOST_AUTO_TEST_CASE(promise_elements_are_read_in_their_own_dtype_and_order) {
  Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}});
  BOOST_CHECK_EXCEPTION(x.data<double>(), DTypeError, says("[data] the tensor is float32, not float64"));
  const Tensor transposed = x.transpose(0, 1);
  BOOST_CHECK_EXCEPTION(transposed.data<float>(), ShapeError, says("[data] the tensor [2, 2] has strides [1, 2]"));
  BOOST_CHECK_EXCEPTION(x.item(), ShapeError, says("[item] expected one element, got shape [2, 2]"));
  BOOST_CHECK_THROW(x[0][0].item<double>(), DTypeError);
  BOOST_TEST(x[1][0].item() == 3.0);
  BOOST_CHECK_THROW((void)x[2], IndexError);
}

BOOST_AUTO_TEST_CASE(promise_a_member_that_needs_elements_names_itself) {
  const Tensor none;
  const auto refused = [](const std::string& name, const auto& call) {
    BOOST_CHECK_EXCEPTION(call(), ValueError, says("[" + name + "] an undefined tensor has no elements"));
  };
  refused("shape", [&] { (void)none.shape(); });
  refused("strides", [&] { (void)none.strides(); });
  refused("size", [&] { (void)none.size(0); });
  refused("dim", [&] { (void)none.dim(); });
  refused("numel", [&] { (void)none.numel(); });
  refused("dtype", [&] { (void)none.dtype(); });
  refused("is_contiguous", [&] { (void)none.is_contiguous(); });
  refused("item", [&] { (void)none.item(); });
  refused("item", [&] { (void)none.item<float>(); });
  refused("to_vector", [&] { (void)none.to_vector<float>(); });
  refused("data", [&] { (void)none.data<float>(); });
  refused("set_requires_grad", [&] { none.set_requires_grad(false); });
  refused("grad", [&] { (void)none.grad(); });
  refused("set_grad", [&] { none.set_grad(none); });
  refused("register_hook", [&] { none.register_hook([](const Tensor& gradient) { return gradient; }); });
}

BOOST_AUTO_TEST_CASE(promise_another_dtype_is_a_writing) {
  // Elements that were never written, and some that were once: neither has the new ones' version.
  for (const bool written : {false, true}) {
    Tensor w = leaf({{1.0, 2.0}, {3.0, 4.0}});
    if (written) w.mutable_data<double>()[0] = 5.0;
    const Tensor x = leaf({{1.0, 0.0}, {0.0, 1.0}});
    Tape tape;
    const Tensor y = sum(matmul(x, w));
    {
      const NoRecord pause;
      engine::convert_in_place(w, float32);
    }
    BOOST_CHECK_EXCEPTION((void)tape.gradient(y, x), TapeError,
                          says("matmul saved its input 1 [2, 2], which was changed in place by to since"));
  }
}

namespace {
/// Where a tensor's elements lie.
const double* place(const Tensor& x) { return x.data<double>().data(); }
}  // namespace

BOOST_AUTO_TEST_CASE(a_sum_lies_where_an_operand_that_was_given_away_lay) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;
  Tensor doubled = 2.0 * x;
  const double* const before = place(doubled);
  const Tensor y = x + std::move(doubled);
  BOOST_TEST(place(y) == before);
  BOOST_TEST(!doubled.defined());  // NOLINT(bugprone-use-after-move): the interface says so
  BOOST_TEST(y.to_vector<double>() == (Values{3.0, 6.0}));
  BOOST_TEST(tape.gradient(sum(square(y)), x).to_vector<double>() == (Values{18.0, 36.0}));
}

BOOST_AUTO_TEST_CASE(a_sum_leaves_alone_what_somebody_else_holds) {
  const Tensor x = leaf({1.0, 2.0});
  Tape tape;

  Tensor given = 2.0 * x;
  const Tensor handle = given;
  const Tensor sum_with_given = x + std::move(given);
  BOOST_TEST(sum_with_given.to_vector<double>() == (Values{3.0, 6.0}));
  BOOST_TEST(handle.to_vector<double>() == (Values{2.0, 4.0}));

  Tensor viewed = 2.0 * x;
  const Tensor view = viewed.reshape({2, 1});
  const Tensor sum_with_viewed = x + std::move(viewed);
  BOOST_TEST(sum_with_viewed.to_vector<double>() == (Values{3.0, 6.0}));
  BOOST_TEST(view.to_vector<double>() == (Values{2.0, 4.0}));

  Tensor itself = 2.0 * x;
  const Tensor& same = itself;
  const Tensor sum_with_itself = same + std::move(itself);
  BOOST_TEST(sum_with_itself.to_vector<double>() == (Values{4.0, 8.0}));

  Tensor parameter = leaf({5.0, 6.0});
  const Tensor sum_with_leaf = x + std::move(parameter);
  BOOST_TEST(sum_with_leaf.to_vector<double>() == (Values{6.0, 8.0}));

  // The tape keeps the roots, for their reverse rule.
  const Tensor squares = leaf({1.0, 4.0});
  const Tensor y = sum(squares + sqrt(squares));
  BOOST_TEST(tape.gradient(y, squares).to_vector<double>() == (Values{1.5, 1.25}));
}

BOOST_AUTO_TEST_CASE(a_sum_of_other_shapes_or_numbers_has_memory_of_its_own) {
  const Tensor matrix = ones({2, 2}, {.dtype = float64});
  BOOST_TEST((matrix + tensor({3.0, 4.0}, {.dtype = float64})).to_vector<double>() == (Values{4.0, 5.0, 4.0, 5.0}));
  BOOST_TEST((tensor({3.0, 4.0}, {.dtype = float64}) + ones({2, 2}, {.dtype = float64})).to_vector<double>() ==
             (Values{4.0, 5.0, 4.0, 5.0}));
  Tensor repeated = ones({1, 2}, {.dtype = float64}).expand({2, 2});  // two elements in memory
  const Tensor sum_with_repeated = tensor({{1.0, 2.0}, {3.0, 4.0}}, {.dtype = float64}) + std::move(repeated);
  BOOST_TEST(sum_with_repeated.to_vector<double>() == (Values{2.0, 3.0, 4.0, 5.0}));
  BOOST_TEST((full({2}, 3, {.dtype = int64}) + full({2}, 4, {.dtype = int64})).to_vector<std::int64_t>() ==
             (std::vector<std::int64_t>{7, 7}));
  BOOST_CHECK_EXCEPTION((void)(matrix + zeros({3}, {.dtype = float64})), ShapeError, says("[add] cannot broadcast"));
  BOOST_CHECK_EXCEPTION((void)(Tensor() + zeros({3})), ValueError, says("[add] input 0 is undefined, "));
  BOOST_CHECK_EXCEPTION((void)(zeros({3}) + Tensor()), ValueError, says("[add] input 1 is undefined, "));
}

BOOST_AUTO_TEST_SUITE_END()
