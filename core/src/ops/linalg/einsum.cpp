#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "ops/bilinear.hpp"
#include "ops/linalg/equation.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// Two operands. REQUIRES: no label twice in one term; a label of one operand alone stands in the result, so that what
/// is summed is in both; sizes agree. The public function brings any equation to a chain of these.
struct Einsum : BilinearOp<Einsum> {
  static constexpr std::string_view name = "einsum";
  static constexpr std::string_view math =
      R"(Y_{l_Y} = \sum_{(l_A \cup l_B) \setminus l_Y} A_{l_A} B_{l_B};\quad \bar A_{l_A} = \sum_{(l_Y \cup l_B) \setminus l_A} \bar Y_{l_Y} B_{l_B},\ \bar B_{l_B} = \sum_{(l_Y \cup l_A) \setminus l_B} \bar Y_{l_Y} A_{l_A})";
  Labels a, b, y;

  Einsum(Labels first, Labels second, Labels result)
      : a(std::move(first)), b(std::move(second)), y(std::move(result)) {}

  /// As one product of matrices for each entry of the labels that all three share.
  Tensor forward(const Tensor& left, const Tensor& right) const {
    Labels batch, rows, columns, inner;
    for (const char label : a) (!has(b, label) ? rows : has(y, label) ? batch : inner).push_back(label);
    for (const char label : b)
      if (!has(a, label)) columns.push_back(label);
    const auto size = [&](const Labels& labels) {
      std::int64_t n = 1;
      for (const char label : labels) n *= has(a, label) ? left.size(place(a, label)) : right.size(place(b, label));
      return n;
    };
    const std::int64_t s = size(batch), m = size(rows), n = size(columns), k = size(inner);
    const auto matrices = [&](const Tensor& x, const Labels& labels, const Labels& order, const Shape& shape) {
      return reshape(permuted(x, labels, order), shape);
    };
    Tensor product;
    if (inner.empty()) {
      product = matrices(left, a, batch + rows, {s, m, 1}) * matrices(right, b, batch + columns, {s, 1, n});
    } else if (m == 1 && n == 1 && s > 1) {  // a product of matrices for each would be all overhead
      product =
          sum(matrices(left, a, batch + rows + inner, {s, k}) * matrices(right, b, batch + columns + inner, {s, k}), 1);
    } else {
      product = matmul(matrices(left, a, batch + rows + inner, {s, m, k}),
                       matrices(right, b, batch + inner + columns, {s, k, n}));
    }
    const Labels order = batch + rows + columns;
    Shape shape;
    for (const char label : order) shape.push_back(size(Labels(1, label)));
    return permuted(reshape(product, shape), order, y);
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? apply(Einsum(y, b, a), dy, s.input(1)) : Tensor(),
            s.wants(1) ? apply(Einsum(y, a, b), dy, s.input(0)) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return product_rule(s, dx, [this](const Tensor& left, const Tensor& right) { return apply(*this, left, right); });
  }
  void describe(AttributeVisitor& visitor) const { visitor("equation", a + "," + b + "->" + y); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(Y_{l_Y} = \sum_{\text{labels not in } l_Y} A_{l_A} B_{l_B})",
         "each l is a list of labels; a label stands for the same index wherever it occurs"},
        {"Differential", R"(dY_{l_Y} = \sum dA_{l_A} B_{l_B} + \sum A_{l_A} dB_{l_B})", "product rule"},
        {"One number, three readings",
         R"(\langle \bar Y, dY \rangle = \sum_{\text{all labels}} \bar Y_{l_Y} \left( dA_{l_A} B_{l_B} + A_{l_A} dB_{l_B} \right))",
         "the inner product is a sum over every label; which factor is called the result is a matter of brackets"},
        {"Cotangents",
         R"(\bar A_{l_A} = \sum_{\text{labels not in } l_A} \bar Y_{l_Y} B_{l_B},\quad \bar B_{l_B} = \sum_{\text{labels not in } l_B} \bar Y_{l_Y} A_{l_A})",
         "the equation with the operand and Y in each other's place: an einsum again, so the rule covers every order"},
        {"As matrices", R"(Y_{s (m n)} = \sum_k A_{s m k} B_{s k n})",
         "labels in all three are the batch s, in A and Y the rows m, in B and Y the columns n, in A and B alone "
         "the sum k"},
        {"More operands", R"((A B) C = A (B C))",
         "contracted two at a time, the cheapest pair first; diagonals, lone sums and permutations are ops of "
         "their own"}};
  }
  static catalogue::Samples samples(Generator& g) {
    const auto sample = [&g](std::string_view equation, const std::vector<Shape>& shapes, std::string what = "") {
      catalogue::Arguments inputs;
      for (const Shape& shape : shapes) inputs.push_back(catalogue::uniform(g, shape, -2, 2));
      what = what.empty() ? std::string(equation) : what + ": " + std::string(equation);
      return catalogue::Sample(std::move(what), std::move(inputs), of(equation));
    };
    return {sample("ij,jk->ik", {{2, 3}, {3, 4}}),
            sample("bij,bkj->bki", {{2, 2, 3}, {2, 4, 3}}, "batch, transposed"),
            sample("bhid,bhjd->bhij", {{2, 1, 2, 3}, {2, 1, 3, 3}}, "attention scores"),
            sample("i,j->ij", {{2}, {3}}, "outer"),
            sample("ij,ij->", {{2, 3}, {2, 3}}, "inner product"),
            sample("ij,ij->i", {{2, 3}, {2, 3}}, "inner products of rows"),
            sample("ij,i->ij", {{2, 3}, {2}}, "scaled rows"),
            sample("ii->i", {{3, 3}}, "diagonal"),
            sample("ii", {{3, 3}}, "trace"),
            sample("iij,jk->k", {{2, 2, 3}, {3, 2}}, "diagonal of an operand"),
            sample("ij->ji", {{2, 3}}, "transpose"),
            sample("ij->j", {{2, 3}}, "sum"),
            sample("ij,kl->il", {{2, 3}, {2, 2}}, "lone sums"),
            sample("ba", {{2, 3}}, "implicit, in alphabetical order"),
            sample("...ij,...jk->...ik", {{2, 1, 2, 3}, {2, 3, 2}}, "dimensions that broadcast"),
            sample("i...->...", {{2, 3}}, "sum over the first dimension"),
            sample("ij,ij->ij", {{2, 3}, {1, 3}}, "size 1"),
            sample("i,i,i->i", {{3}, {3}, {3}}, "three factors"),
            sample("ij,jk,kl->il", {{2, 3}, {3, 2}, {2, 2}}, "chain"),
            sample("bi,ijk,bk->bj", {{2, 2}, {2, 3, 2}, {2, 2}}, "bilinear form"),
            sample(",i->i", {{}, {3}}, "scalar"),
            sample("ij,jk->ik", {{2, 0}, {0, 3}}, "empty sum"),
            sample("ij,jk->ik", {{0, 2}, {2, 3}}, "no rows")};
  }
  static catalogue::ErrorSamples errors() {
    const auto misuse = [](std::string name, std::string equation, const std::vector<Shape>& shapes,
                           std::string message) {
      return catalogue::ErrorSample{std::move(name),
                                    [equation = std::move(equation), shapes] {
                                      std::vector<Tensor> operands;
                                      for (const Shape& shape : shapes) operands.push_back(zeros(shape));
                                      (void)einsum(equation, operands);
                                    },
                                    std::move(message)};
    };
    return {
        misuse("number of operands", "ij,jk->ik", {{2, 3}}, "[einsum] \"ij,jk->ik\" names 2 operands, got 1"),
        misuse("no operands", "->", {}, "[einsum] expected at least one operand"),
        misuse("rank", "ij,jk->ik", {{2, 3}, {3}},
               "[einsum] \"ij,jk->ik\": \"jk\" names 2 dimensions, but operand 1 is [3]"),
        misuse("rank behind dots", "...ij->...", {{3}},
               "[einsum] \"...ij->...\": \"...ij\" names at least 2 dimensions, but operand 0 is [3]"),
        misuse("sizes", "ij,jk->ik", {{2, 3}, {4, 2}},
               "[einsum] \"ij,jk->ik\": label j has size 3 in operand 0 [2, 3] and 4 in operand 1 [4, 2]"),
        misuse("sizes of a diagonal", "ii->i", {{2, 3}},
               "[einsum] \"ii->i\": label i has size 2 and 3 in operand 0 [2, 3]"),
        misuse("unknown label", "ij->ik", {{2, 3}}, "[einsum] \"ij->ik\": label k of the result is in no operand"),
        misuse("repeated label", "ij->ii", {{2, 3}}, "[einsum] \"ij->ii\": label i stands twice in the result"),
        misuse("character", "i1->i", {{2, 3}}, "[einsum] \"i1->i\": '1' at 1 is no label"),
        misuse("arrow", "ij->i->j", {{2, 3}}, "[einsum] \"ij->i->j\" has more than one \"->\""),
        misuse("half an arrow", "ij-i", {{2, 3}}, "[einsum] \"ij-i\": '-' at 2 is no label"),
        misuse("dots", "i..->i", {{2, 3}}, "[einsum] \"i..->i\": \"...\" is three dots, once in a term"),
        misuse("dots twice", "...i...->i", {{2, 3}}, "[einsum] \"...i...->i\": \"...\" is three dots"),
        misuse("dots that do not broadcast", "...i,...i->...", {{2, 3}, {4, 3}},
               "[einsum] \"...i,...i->...\": a dimension of \"...\" has size 2 in operand 0 [2, 3] and 4 in operand 1"),
        misuse("too many dimensions", "abcde,fghij->abcdefghij", {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
               "[einsum] \"abcde,fghij->abcdefghij\": a result of 10 dimensions, at most 8 are possible"),
        {"dtypes",
         [] {
           (void)einsum("i,i->", {zeros({2}), zeros({2}, {.dtype = float64})});
         },
         "[einsum] float32 [2] with float64 [2]"},
        {"integers", [] { (void)einsum("i->i", {arange(3)}); }, "[einsum] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"attention scores of [8, 128, 4, 16]",
            {catalogue::uniform(g, {8, 128, 4, 16}, -2, 2), catalogue::uniform(g, {8, 128, 4, 16}, -2, 2)},
            of("bihd,bjhd->bhij")};
  }

 private:
  static catalogue::Call of(std::string_view equation) {
    return [text = std::string(equation)](const catalogue::Arguments& x) -> std::vector<Tensor> {
      return {einsum(text, x)};
    };
  }
};

namespace {

struct Term {
  Labels labels;
  Tensor value;
};

/// The term with each label once: the diagonal over labels that stand twice.
Term diagonals(Term term) {
  for (std::size_t i = 0; i < term.labels.size();) {
    const std::size_t j = term.labels.find(term.labels[i], i + 1);
    if (j == Labels::npos) {
      ++i;
      continue;
    }
    Labels order = term.labels;
    order.erase(j, 1).erase(i, 1);
    std::vector<int> dimensions;
    for (std::size_t d = 0; d < term.labels.size(); ++d)
      if (d != i && d != j) dimensions.push_back(static_cast<int>(d));
    dimensions.push_back(static_cast<int>(i));
    dimensions.push_back(static_cast<int>(j));
    term = {order + term.labels[i], diagonal(permute(term.value, dimensions))};
    i = 0;
  }
  return term;
}

/// The term summed over labels that `needed` does not have.
Term without_lone_labels(const Term& term, const Labels& needed) {
  std::vector<int> lone;
  Labels rest;
  for (std::size_t d = 0; d < term.labels.size(); ++d) {
    if (has(needed, term.labels[d])) {
      rest.push_back(term.labels[d]);
    } else {
      lone.push_back(static_cast<int>(d));
    }
  }
  return lone.empty() ? term : Term{rest, sum(term.value, lone)};
}

using Sizes = std::map<char, std::int64_t>;

/// The labels that are needed once terms i and j are one: those of the result and of the others.
Labels needed_beside(const std::vector<Term>& terms, std::size_t i, std::size_t j, const Labels& result) {
  Labels needed = result;
  for (std::size_t t = 0; t < terms.size(); ++t)
    if (t != i && t != j) needed += terms[t].labels;
  return needed;
}

/// What the product of two terms keeps: the labels of either that are needed.
Labels contracted_labels(const Term& a, const Term& b, const Labels& needed) {
  Labels kept;
  for (const char label : a.labels + b.labels)
    if (has(needed, label) && !has(kept, label)) kept.push_back(label);
  return kept;
}

/// Multiplications of a product of two terms.
double cost(const Term& a, const Term& b, const Sizes& sizes) {
  double products = 1.0;
  for (const char label : a.labels) products *= static_cast<double>(sizes.at(label));
  for (const char label : b.labels)
    if (!has(a.labels, label)) products *= static_cast<double>(sizes.at(label));
  return products;
}

}  // namespace

Tensor einsum(std::string_view text, const std::vector<Tensor>& operands) {
  expect_all_defined(Einsum::name, operands);
  if (operands.empty()) throw ValueError("[einsum] expected at least one operand");
  for (const Tensor& operand : operands) {
    expect_floating(Einsum::name, operand);
    expect_same_dtype(Einsum::name, operands.front(), operand);
  }
  std::vector<Shape> shapes;
  for (const Tensor& operand : operands) shapes.push_back(operand.shape());
  const Equation equation = read_equation(text, shapes);

  std::vector<Term> terms;
  for (std::size_t t = 0; t < operands.size(); ++t) {
    Shape full = shapes[t];  // dimensions of size 1 that broadcast
    for (int d = 0; d < full.rank(); ++d)
      full[d] = equation.sizes.at(equation.operands[t][static_cast<std::size_t>(d)]);
    terms.push_back(diagonals({equation.operands[t], full == shapes[t] ? operands[t] : expand(operands[t], full)}));
  }
  for (std::size_t t = 0; t < terms.size(); ++t)
    terms[t] = without_lone_labels(terms[t], needed_beside(terms, t, t, equation.result));

  while (terms.size() > 1) {
    std::size_t first = 0, second = 1;
    double least = cost(terms[0], terms[1], equation.sizes);
    for (std::size_t i = 0; i < terms.size(); ++i)
      for (std::size_t j = i + 1; j < terms.size(); ++j)
        if (const double c = cost(terms[i], terms[j], equation.sizes); c < least) {
          least = c;
          first = i;
          second = j;
        }
    const Term& a = terms[first];
    const Term& b = terms[second];
    const bool last = terms.size() == 2;
    const Labels kept =
        last ? equation.result : contracted_labels(a, b, needed_beside(terms, first, second, equation.result));
    if (kept.size() > static_cast<std::size_t>(kMaxRank))
      throw ShapeError(
          fmt::format("[einsum] \"{}\": the product of two operands has {} dimensions, at most {} are possible", text,
                      kept.size(), kMaxRank));
    terms[first] = {kept, apply(Einsum(a.labels, b.labels, kept), a.value, b.value)};
    terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(second));
  }
  return permuted(terms.front().value, terms.front().labels, equation.result);
}

TAPEGRAD_CATALOGUE(linalg, einsum, Einsum)

}  // namespace tapegrad
