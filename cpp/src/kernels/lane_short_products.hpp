#pragma once

// Included after one of words_*.hpp; see lane_arithmetic.hpp.
#include "lane_arithmetic.hpp"

/// Products of pairs of numbers of which only the upper half is computed: enough to round them
/// correctly but for few of them, which are then computed in full.
namespace mpsharp {

namespace {

/// What column K + 1 of a product gets from the upper halves in column K.
template <int L, int K, class Left, class Right>
MPSHARP_INLINE Column upper_halves(const Left& x, const Right& y) {
  // Two chains, so that a sum need not wait for the one before.
  Column even = column(0, static_cast<std::size_t>((K + 2) / 2));
  Column odd = column(0, static_cast<std::size_t>((K + 1) / 2));
#pragma GCC unroll 20
  for (int i = 0; i <= K; ++i) accumulate_high(i % 2 == 0 ? even : odd, x[i], y[K - i]);
  return upper_half(even + odd);
}

/// m, exponent <- RN(x y) without signs, as multiply() gives it, in the lanes where the upper
/// L + G limbs of the product decide; returns the others. G: limbs below those of the result.
///
/// Left out are fewer than 2 L words below 2^52 of the column below, doubled where the product has
/// one bit less than 52 (2 L), which the upper limbs alone tell but for two of 2^51 cases.
template <int L, int G, bool broadcast>
MPSHARP_NOINLINE Lanes multiply_upper(Words* m, Words& exponent, const std::uint64_t* x,
                                      const std::uint64_t* y, const Rounding& at) {
  constexpr int F = L - G;
  const Factor<L, false> left(x);
  const Factor<L, broadcast> right(y);
  const Words top = high_half(left[L - 1], right[L - 1]);
  // The product's upper 52 bits are top, top + 1 or top + 2.
  const Words half = all(std::int64_t{1} << 51);
  const Lanes twice = less(top, half);
  Lanes undecided = twice & less(half - all(3), top);
  Words c[L + G];
  const Column above = upper_halves<L, F - 1>(left, right);
  Column carried = column(0, 0);
  const auto take = [&](int k, Column sum) {
    sum = doubled(sum, twice) + carried;
    carried = carry_of(sum);
    c[k] = limb_of(sum);
  };
  each_column<L, L, F>(above, left, right, take);
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) m[i] = c[G + i];
  // The discarded bits, in units of the lowest: at least those computed, and less than `most` more.
  constexpr std::int64_t most = 4 * L + 2;
  Words discarded = m[0] & at.unused_mask;
  Words middle = down(at.last, 1);
  if constexpr (G == 1) {
    discarded = up(discarded, at.used) | down(c[0], at.unused);
    middle = half;
  }
  m[0] = m[0] & ~at.unused_mask;
  undecided =
      undecided | (less(middle - all(most + 1), discarded) & less(discarded, middle + all(1)));
  exponent = product_exponent<L, L, broadcast>(x, y) - where(twice, all(1));
  step_up<L>(m, exponent, less(middle, discarded), at);
  return undecided;
}

/// multiply(), kept out of the way of what is mostly done.
template <int L, bool broadcast>
MPSHARP_COLD void multiply_in_full(Words* m, Words& exponent, const std::uint64_t* x,
                                   const std::uint64_t* y, const Rounding& at) {
  multiply<L, L, broadcast>(m, exponent, x, y, at);
}

/// m, exponent <- RN(x y) in every lane, without signs, as multiply().
template <int L, bool broadcast>
MPSHARP_INLINE void multiply_rounded(Words* m, Words& exponent, const std::uint64_t* x,
                                     const std::uint64_t* y, const Rounding& at) {
  if constexpr (L < 3) {
    multiply<L, L, broadcast>(m, exponent, x, y, at);
  } else {
    // With 14 bits below the last of the result a lane in 200 is not decided, at most.
    const Lanes undecided = at.unused >= 14
                                ? multiply_upper<L, 0, broadcast>(m, exponent, x, y, at)
                                : multiply_upper<L, 1, broadcast>(m, exponent, x, y, at);
    if (__builtin_expect(any(undecided), 0)) {
      multiply_in_full<L, broadcast>(m, exponent, x, y, at);
    }
  }
}

}  // namespace

}  // namespace mpsharp
