#pragma once

// For files compiled for AVX-512 IFMA only. Everything is in an unnamed namespace: such a file must
// not define an inline function that the linker could merge into the rest of the program.
#include <immintrin.h>

#include "attributes.hpp"
#include "sequential_kernels.hpp"

/// Multiplication, addition and rounding of eight numbers at once, in the form that
/// sequential_kernels.hpp describes, with the bits that MPFR gives.
namespace mpsharp {

namespace {

using Words = __m512i;
using Lanes = __mmask8;

constexpr int lanes = static_cast<int>(SequentialKernel::lanes);
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

MPSHARP_INLINE Words load(const std::uint64_t* from) { return _mm512_load_si512(from); }
MPSHARP_INLINE void store(void* to, Words value) { _mm512_store_si512(to, value); }
MPSHARP_INLINE Words all(std::int64_t value) { return _mm512_set1_epi64(value); }
MPSHARP_INLINE Words mask() { return all(static_cast<std::int64_t>(mask52)); }
MPSHARP_INLINE Words zero() { return _mm512_setzero_si512(); }
/// (high << left | low >> right) & (2^52 - 1), shifts per lane; a shift of 64 or more gives 0.
MPSHARP_INLINE Words join(Words high, Words left, Words low, Words right) {
  return _mm512_ternarylogic_epi64(_mm512_sllv_epi64(high, left), _mm512_srlv_epi64(low, right),
                                   mask(), 0xA8);
}

/// The place of the last bit of a p-bit significand; the same in all lanes.
struct Rounding {
  __m128i unused;     ///< 52 L - p, in [0, 51]
  __m128i used;       ///< 52 - unused
  Words unused_mask;  ///< 2^unused - 1
  Words last;         ///< 2^unused
};

inline Rounding rounding_at(unsigned unused) {
  return {_mm_cvtsi32_si128(static_cast<int>(unused)),
          _mm_cvtsi32_si128(static_cast<int>(52 - unused)), all((std::int64_t{1} << unused) - 1),
          all(std::int64_t{1} << unused)};
}

/// Carries out of limb 0 after rounding up; a significand that became 2^(52 L) is halved.
template <int L>
MPSHARP_COLD void carry(Words* m, Words& exponent) {
  for (int i = 0; i + 1 < L; ++i) {
    m[i + 1] = _mm512_add_epi64(m[i + 1], _mm512_srli_epi64(m[i], 52));
    m[i] = _mm512_and_si512(m[i], mask());
  }
  const Lanes over = _mm512_cmpgt_epu64_mask(m[L - 1], mask());
  m[L - 1] = _mm512_mask_mov_epi64(m[L - 1], over, all(std::int64_t{1} << 51));
  exponent = _mm512_mask_add_epi64(exponent, over, exponent, all(1));
}

/// Rounds the normalised significand m . guard (52 more bits) . sticky to nearest, ties to even.
/// The discarded bits are the unused ones of m[0] and all that follow: their first 52 are compared
/// with a half, and the rest only breaks ties.
template <int L>
MPSHARP_INLINE void round(Words* m, Words guard, Words sticky, Words& exponent,
                          const Rounding& at) {
  const Words discarded =
      _mm512_or_si512(_mm512_sll_epi64(_mm512_and_si512(m[0], at.unused_mask), at.used),
                      _mm512_srl_epi64(guard, at.unused));
  m[0] = _mm512_andnot_si512(at.unused_mask, m[0]);
  // A tie is broken by further bits, or by the last bit that is kept.
  const Words breaker = _mm512_or_si512(
      sticky,
      _mm512_or_si512(_mm512_and_si512(guard, at.unused_mask), _mm512_and_si512(m[0], at.last)));
  const Words half = all(std::int64_t{1} << 51);
  const Lanes up = static_cast<Lanes>(
      _mm512_cmpgt_epu64_mask(discarded, half) |
      _mm512_mask_test_epi64_mask(_mm512_cmpeq_epi64_mask(discarded, half), breaker, breaker));
  m[0] = _mm512_mask_add_epi64(m[0], up, m[0], at.last);
  if (__builtin_expect(_mm512_cmpgt_epu64_mask(m[0], mask()), 0)) carry<L>(m, exponent);
}

/// Limb k of the right factor of a product: of one number for all lanes, or of eight.
template <bool Broadcast>
MPSHARP_INLINE Words factor_limb(const std::uint64_t* u, int k) {
  return Broadcast ? all(static_cast<std::int64_t>(u[k])) : load(u + lanes * k);
}

/// The exponent of a product of X and L limbs that has 52 (X + L) bits.
template <int L, int X, bool Broadcast>
MPSHARP_INLINE Words product_exponent(const std::uint64_t* x, const std::uint64_t* u) {
  return _mm512_add_epi64(load(x + lanes * X), factor_limb<Broadcast>(u, L));
}

/// m, exponent <- RN(x u) in every lane, without signs. A zero factor gives zero limbs and an
/// exponent far below that of any regular number. u: one number for all lanes, or eight.
///
/// The product has 52 (L + X) bits, or one less, which the shift by `n` mends. A column collects at
/// most 2 L words below 2^52.
template <int L, int X, bool Broadcast = true>
MPSHARP_INLINE void multiply(Words* m, Words& exponent, const std::uint64_t* x,
                             const std::uint64_t* u, const Rounding& at) {
  Words c[L + X];
#pragma GCC unroll 24
  for (int k = 0; k < L + X; ++k) c[k] = zero();
#pragma GCC unroll 12
  for (int i = 0; i < X; ++i) {
    const Words left = load(x + lanes * i);
#pragma GCC unroll 12
    for (int k = 0; k < L; ++k) {
      const Words right = factor_limb<Broadcast>(u, k);
      c[i + k] = _mm512_madd52lo_epu64(c[i + k], left, right);
      c[i + k + 1] = _mm512_madd52hi_epu64(c[i + k + 1], left, right);
    }
  }
#pragma GCC unroll 24
  for (int k = 0; k + 1 < L + X; ++k) {
    c[k + 1] = _mm512_add_epi64(c[k + 1], _mm512_srli_epi64(c[k], 52));
    c[k] = _mm512_and_si512(c[k], mask());
  }
  const Words n = _mm512_xor_si512(_mm512_srli_epi64(c[L + X - 1], 51), all(1));
  const Words rest = _mm512_sub_epi64(all(52), n);
#pragma GCC unroll 12
  for (int i = 0; i < L; ++i) m[i] = join(c[X + i], n, c[X + i - 1], rest);
  const Words guard = _mm512_and_si512(_mm512_sllv_epi64(c[X - 1], n), mask());
  Words sticky = zero();
#pragma GCC unroll 12
  for (int i = 0; i + 1 < X; ++i) sticky = _mm512_or_si512(sticky, c[i]);
  exponent = _mm512_sub_epi64(product_exponent<L, X, Broadcast>(x, u), n);
  round<L>(m, guard, sticky, exponent, at);
}

/// B[0..L] <- b >> (1 + distance) with a guard limb below, bit 0 of which also stands for all bits
/// lost. For any distance >= 0.
template <int L>
MPSHARP_COLD void shift_far(Words* B, const Words* b, Words distance) {
  Words g[L + 1];
  const Words one = all(1);
  g[0] = _mm512_slli_epi64(_mm512_and_si512(b[0], one), 51);
  for (int i = 1; i < L; ++i) {
    g[i] = _mm512_or_si512(_mm512_srli_epi64(b[i - 1], 1),
                           _mm512_slli_epi64(_mm512_and_si512(b[i], one), 51));
  }
  g[L] = _mm512_srli_epi64(b[L - 1], 1);
  Words lost = zero();
  for (int step = 0; step <= L; ++step) {  // after L + 1 limbs nothing is left
    const Lanes far = _mm512_cmpgt_epi64_mask(distance, all(51));
    if (far == 0) break;
    lost = _mm512_mask_or_epi64(lost, far, lost, g[0]);
    for (int i = 0; i < L; ++i) g[i] = _mm512_mask_mov_epi64(g[i], far, g[i + 1]);
    g[L] = _mm512_mask_mov_epi64(g[L], far, zero());
    distance = _mm512_mask_sub_epi64(distance, far, distance, all(52));
  }
  distance = _mm512_min_epi64(distance, all(51));
  const Words rest = _mm512_sub_epi64(all(52), distance);
  lost = _mm512_or_si512(lost, _mm512_andnot_si512(_mm512_sllv_epi64(all(-1), distance), g[0]));
  for (int i = 0; i < L; ++i) B[i] = join(g[i + 1], rest, g[i], distance);
  B[L] = _mm512_srlv_epi64(g[L], distance);
  B[0] = _mm512_mask_or_epi64(B[0], _mm512_test_epi64_mask(lost, lost), B[0], one);
}

/// Mends lanes whose difference is negative or has a zero top limb. Zero becomes +0, or -0 in the
/// lanes where both operands were negative, which then were zeros.
template <int L>
MPSHARP_COLD void renormalise(Words* R, Words& exponent, Lanes& sign, Lanes both_negative) {
  const Lanes negative = _mm512_movepi64_mask(R[L]);
  Words borrow = zero();
  for (int i = 0; i <= L; ++i) {
    Words v = _mm512_sub_epi64(borrow, R[i]);
    if (i < L) {
      borrow = _mm512_srai_epi64(v, 52);
      v = _mm512_and_si512(v, mask());
    }
    R[i] = _mm512_mask_mov_epi64(R[i], negative, v);
  }
  sign = static_cast<Lanes>(sign ^ negative);
  Words any = zero();
  for (int i = 0; i <= L; ++i) any = _mm512_or_si512(any, R[i]);
  const Lanes nothing = _mm512_testn_epi64_mask(any, any);
  for (int step = 0; step < L; ++step) {
    const Lanes empty = static_cast<Lanes>(_mm512_testn_epi64_mask(R[L], R[L]) & ~nothing);
    if (empty == 0) break;
    for (int i = L; i > 0; --i) R[i] = _mm512_mask_mov_epi64(R[i], empty, R[i - 1]);
    R[0] = _mm512_mask_mov_epi64(R[0], empty, zero());
    exponent = _mm512_mask_sub_epi64(exponent, empty, exponent, all(52));
  }
  exponent = _mm512_mask_mov_epi64(exponent, nothing, all(SequentialKernel::zero_exponent));
  sign = static_cast<Lanes>((sign & ~nothing) | (both_negative & nothing));
}

/// The operands of a sum in every lane: `swap` tells where t is the larger one.
struct Operands {
  const Words* acc;
  const Words* t;
  Lanes swap;
  Lanes subtract;

  MPSHARP_INLINE Words larger(int i) const { return _mm512_mask_blend_epi64(swap, acc[i], t[i]); }
  MPSHARP_INLINE Words smaller(int i) const { return _mm512_mask_blend_epi64(swap, t[i], acc[i]); }
};

/// R[i] <- limb i of the sum or difference of A and B, limbs that belong to `operands` (see add).
template <int L>
MPSHARP_INLINE void sum_limb(Words* R, int i, Words& carried, Words a, Words a_below, Words B,
                             Lanes subtract) {
  const Words A = _mm512_ternarylogic_epi64(_mm512_srli_epi64(a_below, 1), _mm512_slli_epi64(a, 51),
                                            mask(), 0xA8);
  const Words both = _mm512_mask_sub_epi64(_mm512_add_epi64(A, B), subtract, A, B);
  const Words sum = _mm512_add_epi64(both, carried);
  carried = _mm512_srai_epi64(sum, 52);
  R[i] = i < L ? _mm512_and_si512(sum, mask()) : sum;
}

/// The sum where a distance is above 51.
template <int L>
MPSHARP_COLD void sum_far(Words* R, const Operands& operands, Words distance) {
  Words b[L];
  for (int i = 0; i < L; ++i) b[i] = operands.smaller(i);
  Words B[L + 1];
  shift_far<L>(B, b, distance);
  Words carried = zero();
  for (int i = 0; i <= L; ++i) {
    sum_limb<L>(R, i, carried, i < L ? operands.larger(i) : zero(),
                i > 0 ? operands.larger(i - 1) : zero(), B[i], operands.subtract);
  }
}

/// acc <- RN(acc + t) in every lane.
///
/// The operand a of larger exponent (then larger top limb) is moved right by one bit into L + 1
/// limbs, so that a carry has room and limb 0 guards; b is moved by one more than the distance. Up
/// to a distance of 51 no bit is lost. Beyond, bit 0 collects what is lost: then at most two
/// leading bits cancel, so the bits that decide are far above bit 0, and an odd last bit puts the
/// computed value strictly on the same side of every rounding boundary as the true one.
template <int L>
MPSHARP_INLINE void add(Words* acc, Words& exponent, Lanes& sign, const Words* t, Words t_exponent,
                        Lanes t_sign, const Rounding& at) {
  const Lanes swap =
      static_cast<Lanes>(_mm512_cmplt_epi64_mask(exponent, t_exponent) |
                         _mm512_mask_cmplt_epu64_mask(_mm512_cmpeq_epi64_mask(exponent, t_exponent),
                                                      acc[L - 1], t[L - 1]));
  Words result_exponent = _mm512_max_epi64(exponent, t_exponent);
  Words distance = _mm512_sub_epi64(result_exponent, _mm512_min_epi64(exponent, t_exponent));
  const Operands operands{acc, t, swap, static_cast<Lanes>(sign ^ t_sign)};
  Lanes result_sign = static_cast<Lanes>((sign & ~swap) | (t_sign & swap));

  const Words one = all(1);
  const Words c51 = all(51);
  Lanes far = _mm512_cmpgt_epi64_mask(distance, c51);
  if (__builtin_expect(far, 0)) {  // a zero may be anywhere
    const Words top = operands.smaller(L - 1);
    distance = _mm512_maskz_mov_epi64(_mm512_test_epi64_mask(top, top), distance);
    far = _mm512_cmpgt_epi64_mask(distance, c51);
  }
  Words R[L + 1];
  if (__builtin_expect(far, 0)) {
    Words sum[L + 1];
    sum_far<L>(sum, operands, distance);
    for (int i = 0; i <= L; ++i) R[i] = sum[i];
  } else {
    const Words right = _mm512_add_epi64(distance, one);
    const Words left = _mm512_sub_epi64(c51, distance);
    Words a_below = zero();
    Words b_below = zero();
    Words carried = zero();
#pragma GCC unroll 21
    for (int i = 0; i <= L; ++i) {
      const Words a = i < L ? operands.larger(i) : zero();
      const Words b = i < L ? operands.smaller(i) : zero();
      sum_limb<L>(R, i, carried, a, a_below, join(b, left, b_below, right), operands.subtract);
      a_below = a;
      b_below = b;
    }
  }
  if (__builtin_expect(_mm512_cmple_epi64_mask(R[L], zero()), 0)) {
    renormalise<L>(R, result_exponent, result_sign, static_cast<Lanes>(sign & t_sign));
  }
  // The top limb has 52 bits, or fewer after cancellation; a lane of zeros stays one.
  const Words up = _mm512_sub_epi64(_mm512_lzcnt_epi64(R[L]), all(12));
  const Words rest = _mm512_sub_epi64(all(52), up);
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) acc[i] = join(R[i + 1], up, R[i], rest);
  const Words guard = _mm512_and_si512(_mm512_sllv_epi64(R[0], up), mask());
  exponent = _mm512_mask_sub_epi64(result_exponent, _mm512_test_epi64_mask(R[L], R[L]),
                                   _mm512_add_epi64(result_exponent, one), up);
  sign = result_sign;
  round<L>(acc, guard, zero(), exponent, at);
}

}  // namespace

}  // namespace mpsharp
