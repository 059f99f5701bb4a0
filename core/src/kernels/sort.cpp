#include "kernels/sort.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {
namespace {

/// An element as an integer that compares as the element does, and where it stood.
struct Entry {
  std::uint64_t key;
  std::int64_t position;
};

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

std::uint64_t key_of(std::int64_t x) { return static_cast<std::uint64_t>(x) ^ kSign; }

/// IEEE numbers of one sign compare as their bits do; negative ones the other way round. Both zeros are one, and so are
/// all NaNs.
std::uint64_t key_of(double x) {
  if (std::isnan(x)) return ~std::uint64_t{0};
  const auto bits = std::bit_cast<std::uint64_t>(x == 0.0 ? 0.0 : x);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}
std::uint64_t key_of(float x) { return key_of(static_cast<double>(x)); }

bool precedes(const Entry& a, const Entry& b) { return a.key != b.key ? a.key < b.key : a.position < b.position; }
bool stands_before(const Entry& a, const Entry& b) { return a.position < b.position; }

void rank(Entry* entries, std::int64_t n, const Ranking& ranking) {
  Entry* const taken = entries + ranking.k;
  if (ranking.k == n && ranking.sorted) {
    std::sort(entries, taken, precedes);
    return;
  }
  if (ranking.k < n) std::nth_element(entries, taken, entries + n, precedes);
  std::sort(entries, taken, ranking.sorted ? precedes : stands_before);
}

}  // namespace

template <class T>
void rank_rows(const T* x, std::int64_t rows, std::int64_t n, const Ranking& ranking, T* values,
               std::int64_t* positions) {
  if (ranking.k == 0) return;
  const std::uint64_t turn = ranking.descending ? ~std::uint64_t{0} : 0;  // the largest key becomes the smallest
  const std::int64_t depth = static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(n)));
  constexpr std::int64_t kCompareWork = 30;  // about 3 ns: the branch is a guess
  constexpr std::int64_t kGrainElements = 1024;
  parallel_for(rows, std::max<std::int64_t>(1, kGrainElements / n), rows * n * depth * kCompareWork,
               [&](std::int64_t begin, std::int64_t end) {
                 thread_local Scratch scratch;
                 Entry* const entries = scratch.get<Entry>(n);
                 for (std::int64_t r = begin; r < end; ++r) {
                   const T* const row = x + r * n;
                   for (std::int64_t i = 0; i < n; ++i) entries[i] = {key_of(row[i]) ^ turn, i};
                   rank(entries, n, ranking);
                   for (std::int64_t j = 0; j < ranking.k; ++j) {
                     positions[r * ranking.k + j] = entries[j].position;
                     values[r * ranking.k + j] = row[entries[j].position];
                   }
                 }
               });
}

template void rank_rows(const float*, std::int64_t, std::int64_t, const Ranking&, float*, std::int64_t*);
template void rank_rows(const double*, std::int64_t, std::int64_t, const Ranking&, double*, std::int64_t*);
template void rank_rows(const std::int64_t*, std::int64_t, std::int64_t, const Ranking&, std::int64_t*, std::int64_t*);

}  // namespace tapegrad::kernels
