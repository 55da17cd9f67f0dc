#pragma once

// Included after one of words_*.hpp, which says what Words are: `width` of the eight numbers of a
// group. Everything is in unnamed namespaces: a file compiled for an instruction set must not
// define an inline function that the linker could merge into the rest of the program.
#include "sequential_kernels.hpp"

/// Multiplication, addition and rounding of some numbers at once, in the form that
/// sequential_kernels.hpp describes, with the bits that MPFR gives.
namespace mpsharp {

namespace {

constexpr int lanes = static_cast<int>(SequentialKernel::lanes);

MPSHARP_INLINE Words mask() { return all(static_cast<std::int64_t>(mask52)); }
/// (high << left | low >> right) & (2^52 - 1), shifts per lane.
MPSHARP_INLINE Words join(Words high, Words left, Words low, Words right) {
  return (up_each(high, left) | down_each(low, right)) & mask();
}
MPSHARP_INLINE Words smaller(Words a, Words b) { return select(less(b, a), b, a); }
MPSHARP_INLINE Words larger(Words a, Words b) { return select(less(a, b), b, a); }
MPSHARP_INLINE bool only(Lanes some, Lanes these) { return !any(some ^ these); }

/// The place of the last bit of a p-bit significand; the same in all lanes.
struct Rounding {
  int unused;         ///< 52 L - p, in [0, 51]
  int used;           ///< 52 - unused
  Words unused_mask;  ///< 2^unused - 1
  Words last;         ///< 2^unused
};

MPSHARP_INLINE Rounding rounding_at(unsigned unused) {
  return {static_cast<int>(unused), static_cast<int>(52 - unused),
          all((std::int64_t{1} << unused) - 1), all(std::int64_t{1} << unused)};
}

/// Carries out of limb 0 after rounding up; a significand that became 2^(52 L) is halved.
template <int L>
MPSHARP_COLD void carry(Words* m, Words& exponent) {
  for (int i = 0; i + 1 < L; ++i) {
    m[i + 1] = m[i + 1] + down(m[i], 52);
    m[i] = m[i] & mask();
  }
  const Lanes over = less(mask(), m[L - 1]);
  m[L - 1] = select(over, all(std::int64_t{1} << 51), m[L - 1]);
  exponent = exponent + where(over, all(1));
}

/// Adds a unit in the last place in the lanes `rounded_up`.
template <int L>
MPSHARP_INLINE void step_up(Words* m, Words& exponent, Lanes rounded_up, const Rounding& at) {
  m[0] = m[0] + where(rounded_up, at.last);
  if (__builtin_expect(any(less(mask(), m[0])), 0)) carry<L>(m, exponent);
}

/// Rounds the normalised significand m . guard (52 more bits) . sticky to nearest, ties to even.
/// The discarded bits are the unused ones of m[0] and all that follow: their first 52 are compared
/// with a half, and the rest only breaks ties.
template <int L>
MPSHARP_INLINE void round(Words* m, Words guard, Words sticky, Words& exponent,
                          const Rounding& at) {
  const Words discarded = up(m[0] & at.unused_mask, at.used) | down(guard, at.unused);
  m[0] = m[0] & ~at.unused_mask;
  // A tie is broken by further bits, or by the last bit that is kept.
  const Words breaker = sticky | (guard & at.unused_mask) | (m[0] & at.last);
  const Words half = all(std::int64_t{1} << 51);
  const Lanes tie_goes_up = equal(discarded, half) & ~is_zero(breaker);
  step_up<L>(m, exponent, less(half, discarded) | tie_goes_up, at);
}

/// The exponent of a product of X and L limbs that has 52 (X + L) bits.
template <int L, int X, bool broadcast>
MPSHARP_INLINE Words product_exponent(const std::uint64_t* x, const std::uint64_t* u) {
  return load(x + lanes * X) +
         (broadcast ? all(static_cast<std::int64_t>(u[L])) : load(u + lanes * L));
}

/// How many pairs of limbs of X and L belong to column k of their product.
template <int L, int X>
constexpr std::size_t pairs(int k) {
  const int least = k > L - 1 ? k - (L - 1) : 0;
  const int most = k < X - 1 ? k : X - 1;
  return least > most ? 0 : static_cast<std::size_t>(most - least + 1);
}

/// Adds all x_i y_j with i + j = K + c, c < C, to sum[c], or their upper halves to sum[c + 1].
/// These columns are summed together because they share what they load, and their sums are as many
/// chains of instructions as the multiplier needs to be kept busy.
template <int L, int X, int K, int C, class Left, class Right>
MPSHARP_INLINE void tile(Column* sum, const Left& x, const Right& y) {
  constexpr int first = K > L - 1 ? K - (L - 1) : 0;
  constexpr int last = K + C - 1 < X - 1 ? K + C - 1 : X - 1;
#pragma GCC unroll 20
  for (int i = first; i <= last; ++i) {
    const auto left = x[i];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const int j = K + c - i;
      if (j < 0 || j >= L) continue;
      accumulate(sum[c], sum[c + 1], left, y[j]);
    }
  }
}

/// Calls take(k - F, column k) for the columns k = K ... L + X - 1 of a product in turn. `above` is
/// what the first one gets from the halves of the column below.
template <int L, int X, int F, int K, class Left, class Right, class Take>
MPSHARP_INLINE void unrolled_columns(Column above, const Left& x, const Right& y,
                                     const Take& take) {
  constexpr int C = L + X - K < together ? L + X - K : together;
  Column sums[C + 1];
  sums[0] = above + column(pairs<L, X>(K), 0);
#pragma GCC unroll 8
  for (int c = 1; c <= C; ++c) {
    sums[c] = column(c < C ? pairs<L, X>(K + c) : 0, pairs<L, X>(K + c - 1));
  }
  tile<L, X, K, C>(sums, x, y);
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) take(K + c - F, sums[c]);
  if constexpr (K + C < L + X) unrolled_columns<L, X, F, K + C>(sums[C], x, y, take);
}

/// The same in loops, from column F on. Where j runs over the ends of y there are zeros.
template <int L, int X, int F, class Left, class Right, class Take>
MPSHARP_INLINE void looped_columns(Column above, const Left& x, const Right& y, const Take& take) {
  int K = F;
  for (; K + 1 < L + X; K += together) {
    const int first = K > L - 1 ? K - (L - 1) : 0;
    const int last = K + together - 1 < X - 1 ? K + together - 1 : X - 1;
    const auto n = static_cast<std::size_t>(last - first + 1);
    Column sums[together + 1];
    sums[0] = above + column(n, 0);
#pragma GCC unroll 8
    for (int c = 1; c < together; ++c) sums[c] = column(n, n);
    sums[together] = column(0, n);
#pragma GCC unroll 1
    for (int i = first; i <= last; ++i) {
      const auto left = x[i];
#pragma GCC unroll 8
      for (int c = 0; c < together; ++c) accumulate(sums[c], sums[c + 1], left, y[K + c - i]);
    }
#pragma GCC unroll 8
    for (int c = 0; c < together; ++c) {
      if (K + c < L + X) take(K + c - F, sums[c]);
    }
    above = sums[together];
  }
  if (K < L + X) take(K - F, above);
}

template <int L, int X, int F, class Left, class Right, class Take>
MPSHARP_INLINE void each_column(Column above, const Left& x, const Right& y, const Take& take) {
  if constexpr (L * X <= unrolled_pairs) {
    unrolled_columns<L, X, F, F>(above, x, y, take);
  } else {
    looped_columns<L, X, F>(above, x, y, take);
  }
}

/// m, exponent <- RN(x u) in every lane, without signs. A zero factor gives zero limbs and an
/// exponent far below that of any regular number. u: one number for all lanes, or one for each.
///
/// The product has 52 (L + X) bits, or one less, which the shift by `n` mends.
template <int L, int X, bool broadcast>
MPSHARP_INLINE void multiply(Words* m, Words& exponent, const std::uint64_t* x,
                             const std::uint64_t* u, const Rounding& at) {
  Words c[L + X];
  Column carried = column(0, 0);
  const auto take = [&](int k, Column sum) {
    sum = sum + carried;
    carried = carry_of(sum);
    c[k] = limb_of(sum);
  };
  each_column<L, X, 0>(column(0, 0), Factor<X, false>(x), Factor<L, broadcast>(u), take);
  const Words n = down(c[L + X - 1], 51) ^ all(1);
  const Words rest = all(52) - n;
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) m[i] = join(c[X + i], n, c[X + i - 1], rest);
  const Words guard = up_each(c[X - 1], n) & mask();
  Words sticky = zero();
#pragma GCC unroll 20
  for (int i = 0; i + 1 < X; ++i) sticky = sticky | c[i];
  exponent = product_exponent<L, X, broadcast>(x, u) - n;
  round<L>(m, guard, sticky, exponent, at);
}

/// B[0..L] <- b >> (1 + distance) with a guard limb below, bit 0 of which also stands for all bits
/// lost. For any distance >= 0.
template <int L>
MPSHARP_COLD void shift_far(Words* B, const Words* b, Words distance) {
  Words g[L + 1];
  const Words one = all(1);
  g[0] = up(b[0] & one, 51);
  for (int i = 1; i < L; ++i) g[i] = down(b[i - 1], 1) | up(b[i] & one, 51);
  g[L] = down(b[L - 1], 1);
  Words lost = zero();
  for (int step = 0; step <= L; ++step) {  // after L + 1 limbs nothing is left
    const Lanes far = less(all(51), distance);
    if (!any(far)) break;
    lost = lost | where(far, g[0]);
    for (int i = 0; i < L; ++i) g[i] = select(far, g[i + 1], g[i]);
    g[L] = select(far, zero(), g[L]);
    distance = distance - where(far, all(52));
  }
  distance = smaller(distance, all(51));
  const Words rest = all(52) - distance;
  lost = lost | (g[0] & ~up_each(all(-1), distance));
  for (int i = 0; i < L; ++i) B[i] = join(g[i + 1], rest, g[i], distance);
  B[L] = down_each(g[L], distance);
  B[0] = B[0] | where(~is_zero(lost), one);
}

/// Mends lanes whose difference is negative or has a zero top limb. Zero becomes +0, or -0 in the
/// lanes where both operands were negative, which then were zeros.
template <int L>
MPSHARP_COLD void renormalise(Words* R, Words& exponent, Lanes& sign, Lanes both_negative) {
  const Lanes below_zero = negative(R[L]);
  Words borrow = zero();
  for (int i = 0; i <= L; ++i) {
    Words v = borrow - R[i];
    if (i < L) {
      borrow = signed_down52(v);
      v = v & mask();
    }
    R[i] = select(below_zero, v, R[i]);
  }
  sign = sign ^ below_zero;
  Words some = zero();
  for (int i = 0; i <= L; ++i) some = some | R[i];
  const Lanes nothing = is_zero(some);
  for (int step = 0; step < L; ++step) {
    const Lanes empty = is_zero(R[L]) & ~nothing;
    if (!any(empty)) break;
    for (int i = L; i > 0; --i) R[i] = select(empty, R[i - 1], R[i]);
    R[0] = select(empty, zero(), R[0]);
    exponent = exponent - where(empty, all(52));
  }
  exponent = select(nothing, all(SequentialKernel::zero_exponent), exponent);
  sign = (sign & ~nothing) | (both_negative & nothing);
}

/// The operands of a sum in every lane: `swap` tells where t is the larger one.
struct Operands {
  const Words* acc;
  const Words* t;
  Lanes swap;
  Lanes subtract;

  MPSHARP_INLINE Words larger(int i) const { return select(swap, t[i], acc[i]); }
  MPSHARP_INLINE Words smaller(int i) const { return select(swap, acc[i], t[i]); }
};

/// Limbs of a sum, the lowest first. What is subtracted is complemented to 2^(52 (L + 1)), which
/// the top limb takes back.
struct Sum {
  Lanes subtract;
  Words complement;
  Words carried;

  explicit MPSHARP_INLINE Sum(Lanes these)
      : subtract(these), complement(where(these, mask())), carried(where(these, all(1))) {}
  /// Limb i of A ± B, A being half the larger operand, of which limbs i and i - 1 are given.
  template <int L>
  MPSHARP_INLINE Words limb(int i, Words a, Words a_below, Words B) {
    const Words A = (down(a_below, 1) | up(a, 51)) & mask();
    const Words sum = A + (B ^ complement) + carried;
    carried = down(sum, 52);
    return i < L ? sum & mask() : sum - where(subtract, all(std::int64_t{1} << 52));
  }
};

/// The sum where a distance is above 51.
template <int L>
MPSHARP_COLD void sum_far(Words* R, const Operands& operands, Words distance) {
  Words b[L];
  for (int i = 0; i < L; ++i) b[i] = operands.smaller(i);
  Words B[L + 1];
  shift_far<L>(B, b, distance);
  Sum sum(operands.subtract);
  for (int i = 0; i <= L; ++i) {
    R[i] = sum.limb<L>(i, i < L ? operands.larger(i) : zero(),
                       i > 0 ? operands.larger(i - 1) : zero(), B[i]);
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
      less(exponent, t_exponent) | (equal(exponent, t_exponent) & less(acc[L - 1], t[L - 1]));
  Words result_exponent = larger(exponent, t_exponent);
  Words distance = result_exponent - smaller(exponent, t_exponent);
  const Operands operands{acc, t, swap, sign ^ t_sign};
  Lanes result_sign = select(swap, t_sign, sign);

  const Words c51 = all(51);
  Lanes far = less(c51, distance);
  if (__builtin_expect(any(far), 0)) {  // a zero may be anywhere
    distance = where(~is_zero(operands.smaller(L - 1)), distance);
    far = less(c51, distance);
  }
  Words R[L + 1];
  if (__builtin_expect(any(far), 0)) {
    Words sum[L + 1];
    sum_far<L>(sum, operands, distance);
    for (int i = 0; i <= L; ++i) R[i] = sum[i];
  } else {
    const Words right = distance + all(1);
    const Words left = c51 - distance;
    Words a_below = zero();
    Words b_below = zero();
    Sum sum(operands.subtract);
#pragma GCC unroll 21
    for (int i = 0; i <= L; ++i) {
      const Words a = i < L ? operands.larger(i) : zero();
      const Words b = i < L ? operands.smaller(i) : zero();
      R[i] = sum.limb<L>(i, a, a_below, join(b, left, b_below, right));
      a_below = a;
      b_below = b;
    }
  }
  if (__builtin_expect(any(less(R[L], all(1))), 0)) {
    renormalise<L>(R, result_exponent, result_sign, sign & t_sign);
  }
  // The top limb has 52 bits, or fewer after cancellation; a lane of zeros stays one.
  const Words n = free_bits(R[L]);
  const Words rest = all(52) - n;
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) acc[i] = join(R[i + 1], n, R[i], rest);
  const Words guard = up_each(R[0], n) & mask();
  exponent = result_exponent + where(~is_zero(R[L]), all(1) - n);
  sign = result_sign;
  round<L>(acc, guard, zero(), exponent, at);
}

}  // namespace

}  // namespace mpsharp
