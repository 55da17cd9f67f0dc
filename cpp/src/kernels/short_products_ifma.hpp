#pragma once

// Included only by files compiled for AVX-512 IFMA; see numbers_ifma.hpp.
#include "numbers_ifma.hpp"

/// Products of eight pairs of numbers of which only the upper half is computed: enough to round
/// them correctly but for few of them, which are then computed in full.
namespace mpsharp {

namespace {

/// Columns of a product that are summed together: they share what they load, and their sums are as
/// many chains of instructions as the multiplier needs to be kept busy.
constexpr int together = 5;

/// Adds all x_i y_j with i + j = K + c, c < C, to sum: their lower halves to sum[c], their upper
/// ones to sum[c + 1].
template <int L, int K, int C, bool Broadcast>
MPSHARP_INLINE void tile(Words* sum, const std::uint64_t* x, const std::uint64_t* y) {
  constexpr int first = K > L - 1 ? K - (L - 1) : 0;
  constexpr int last = K + C - 1 < L - 1 ? K + C - 1 : L - 1;
#pragma GCC unroll 20
  for (int i = first; i <= last; ++i) {
    const Words left = load(x + lanes * i);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const int j = K + c - i;
      if (j < 0 || j >= L) continue;
      const Words right = factor_limb<Broadcast>(y, j);
      sum[c] = _mm512_madd52lo_epu64(sum[c], left, right);
      sum[c + 1] = _mm512_madd52hi_epu64(sum[c + 1], left, right);
    }
  }
}

/// The upper halves of all x_i y_j with i + j = K, added to `sum`.
template <int L, int K, bool Broadcast>
MPSHARP_INLINE Words upper_halves(Words sum, const std::uint64_t* x, const std::uint64_t* y) {
  Words other = zero();
#pragma GCC unroll 20
  for (int i = 0; i <= K; ++i) {
    const Words left = load(x + lanes * i);
    const Words right = factor_limb<Broadcast>(y, K - i);
    (i % 2 == 0 ? sum : other) = _mm512_madd52hi_epu64(i % 2 == 0 ? sum : other, left, right);
  }
  return _mm512_add_epi64(sum, other);
}

/// c[K - F] ... <- limbs K ... 2 L - 1 of the product, doubled in the lanes `twice`. `above` is
/// what column K gets from the halves of the one below, `carry` what is carried into it.
template <int L, int F, int K, bool Broadcast>
MPSHARP_INLINE void limbs_from(Words* c, Words above, Words carry, Lanes twice,
                               const std::uint64_t* x, const std::uint64_t* y) {
  constexpr int C = 2 * L - K < together ? 2 * L - K : together;
  Words sums[C + 1];
  sums[0] = above;
#pragma GCC unroll 8
  for (int i = 1; i <= C; ++i) sums[i] = zero();
  tile<L, K, C, Broadcast>(sums, x, y);
#pragma GCC unroll 8
  for (int i = 0; i < C; ++i) {
    Words sum = _mm512_mask_add_epi64(sums[i], twice, sums[i], sums[i]);
    sum = _mm512_add_epi64(sum, carry);
    carry = _mm512_srli_epi64(sum, 52);
    c[K - F + i] = _mm512_and_si512(sum, mask());
  }
  if constexpr (K + C < 2 * L) {
    limbs_from<L, F, K + C, Broadcast>(c, sums[C], carry, twice, x, y);
  }
}

/// m, exponent <- RN(x y) without signs, as multiply() gives it, in the lanes where the upper
/// L + G limbs of the product decide; returns the others. G: limbs below those of the result.
///
/// Left out are fewer than 2 L words below 2^52 of the column below, doubled where the product has
/// one bit less than 52 (2 L), which the upper limbs alone tell but for two of 2^51 cases.
template <int L, int G, bool Broadcast>
MPSHARP_INLINE Lanes multiply_upper(Words* m, Words& exponent, const std::uint64_t* x,
                                    const std::uint64_t* y, const Rounding& at) {
  constexpr int F = L - G;
  const Words top =
      _mm512_madd52hi_epu64(zero(), load(x + lanes * (L - 1)), factor_limb<Broadcast>(y, L - 1));
  // The product's upper 52 bits are top, top + 1 or top + 2.
  const Words half = all(std::int64_t{1} << 51);
  const Lanes twice = _mm512_cmplt_epu64_mask(top, half);
  Lanes undecided = _mm512_mask_cmpge_epu64_mask(twice, top, _mm512_sub_epi64(half, all(2)));
  Words c[L + G];
  const Words above = upper_halves<L, F - 1, Broadcast>(zero(), x, y);
  limbs_from<L, F, F, Broadcast>(c, above, zero(), twice, x, y);
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) m[i] = c[G + i];
  // The discarded bits, in units of the lowest: at least those computed, and less than `most` more.
  constexpr std::int64_t most = 4 * L + 2;
  Words discarded = _mm512_and_si512(m[0], at.unused_mask);
  Words middle = _mm512_srli_epi64(at.last, 1);
  if constexpr (G == 1) {
    discarded =
        _mm512_or_si512(_mm512_sll_epi64(discarded, at.used), _mm512_srl_epi64(c[0], at.unused));
    middle = half;
  }
  m[0] = _mm512_andnot_si512(at.unused_mask, m[0]);
  const Words lowest = _mm512_sub_epi64(middle, all(most));
  undecided = static_cast<Lanes>(
      undecided | _mm512_cmple_epu64_mask(_mm512_sub_epi64(discarded, lowest), all(most)));
  const Lanes up = _mm512_cmpgt_epu64_mask(discarded, middle);
  exponent = _mm512_mask_sub_epi64(product_exponent<L, L, Broadcast>(x, y), twice,
                                   product_exponent<L, L, Broadcast>(x, y), all(1));
  m[0] = _mm512_mask_add_epi64(m[0], up, m[0], at.last);
  if (__builtin_expect(_mm512_cmpgt_epu64_mask(m[0], mask()), 0)) carry<L>(m, exponent);
  return undecided;
}

/// c[K - F] ... <- the sums of columns K ... 2 L - 1, below 2^58 and without any carry.
template <int L, int F, int K>
MPSHARP_INLINE void columns_from(Words* c, Words above, const std::uint64_t* x,
                                 const std::uint64_t* y) {
  constexpr int C = 2 * L - K < together ? 2 * L - K : together;
  Words sums[C + 1];
  sums[0] = above;
#pragma GCC unroll 8
  for (int i = 1; i <= C; ++i) sums[i] = zero();
  tile<L, K, C, false>(sums, x, y);
#pragma GCC unroll 8
  for (int i = 0; i < C; ++i) c[K - F + i] = sums[i];
  if constexpr (K + C < 2 * L) columns_from<L, F, K + C>(c, sums[C], x, y);
}

/// multiply(), kept out of the way of what is mostly done.
template <int L, bool Broadcast>
MPSHARP_COLD void multiply_in_full(Words* m, Words& exponent, const std::uint64_t* x,
                                   const std::uint64_t* y, const Rounding& at) {
  multiply<L, L, Broadcast>(m, exponent, x, y, at);
}

/// m, exponent <- RN(x y) in every lane, without signs, as multiply().
template <int L, bool Broadcast>
MPSHARP_INLINE void multiply_rounded(Words* m, Words& exponent, const std::uint64_t* x,
                                     const std::uint64_t* y, const Rounding& at) {
  if constexpr (L < 3) {
    multiply<L, L, Broadcast>(m, exponent, x, y, at);
  } else {
    // With 14 bits below the last of the result a lane in 200 is not decided, at most.
    const Lanes undecided = _mm_cvtsi128_si32(at.unused) >= 14
                                ? multiply_upper<L, 0, Broadcast>(m, exponent, x, y, at)
                                : multiply_upper<L, 1, Broadcast>(m, exponent, x, y, at);
    if (__builtin_expect(undecided, 0)) multiply_in_full<L, Broadcast>(m, exponent, x, y, at);
  }
}

}  // namespace

}  // namespace mpsharp
