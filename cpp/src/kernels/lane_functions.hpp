#pragma once

// Included after one of words_*.hpp; see lane_arithmetic.hpp.
#include "lane_arithmetic.hpp"
#include "lane_kernels.hpp"
#include "lane_short_products.hpp"

/// The functions of LaneKernels, `width` numbers of a group at a time.
namespace mpsharp {

namespace {

constexpr std::int64_t sign_bit = static_cast<std::int64_t>(std::uint64_t{1} << 63);
constexpr auto parts = static_cast<std::size_t>(lanes) / width;

MPSHARP_INLINE Lanes nonzero(Words top) { return ~is_zero(top & mask()); }

LaneKernels::Range range(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs) {
  Words low = all(std::int64_t{1} << 62);
  Words high = all(-(std::int64_t{1} << 62));
  for (std::size_t g = 0; g < n_groups; ++g, x += lanes * (n_limbs + 1)) {
    for (std::size_t part = 0; part < parts; ++part) {
      const std::uint64_t* end = x + lanes * n_limbs + width * part;
      const Lanes regular = nonzero(load(end - lanes));
      const Words exponent = load(end);
      low = select(regular, smaller(low, exponent), low);
      high = select(regular, larger(high, exponent), high);
    }
  }
  return {least(low), greatest(high)};
}

double approximate_squares(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs,
                           std::int64_t exponent) {
  double sum = 0;
  for (std::size_t g = 0; g < n_groups; ++g, x += lanes * (n_limbs + 1)) {
    for (std::size_t part = 0; part < parts; ++part) {
      const std::uint64_t* end = x + lanes * n_limbs + width * part;
      const Words above = load(end) - all(exponent + 52);
      sum += sum_of_squares(load(end - lanes) & mask(), larger(above, all(-1000)));
    }
  }
  return sum;
}

template <int L>
MPSHARP_NOINLINE void multiply_part(std::uint64_t* out, const std::uint64_t* x,
                                    const std::uint64_t* y, unsigned unused) {
  Words product[L];
  Words exponent;
  const Words sign = (load(x + lanes * (L - 1)) ^ load(y + lanes * (L - 1))) & all(sign_bit);
  multiply_rounded<L, false>(product, exponent, x, y, rounding_at(unused));
  const Lanes regular = nonzero(product[L - 1]);
  product[L - 1] = product[L - 1] | sign;
  for (int i = 0; i < L; ++i) store(out + lanes * i, product[i]);
  store(out + lanes * L, select(regular, exponent, all(SequentialKernel::zero_exponent)));
}

template <int L>
void multiply_group(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* y,
                    unsigned unused) {
  [[maybe_unused]] const ProductScope scope;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += width) {
    multiply_part<L>(out + i, x + i, y + i, unused);
  }
}

template <int L>
MPSHARP_NOINLINE void add_scaled_part(std::uint64_t* out, const std::uint64_t* b, bool negate_b,
                                      const std::uint64_t* x, const std::uint64_t* factor,
                                      bool negate_product, unsigned unused) {
  const Rounding at = rounding_at(unused);
  Words product[L];
  Words scaled_exponent;
  multiply_rounded<L, true>(product, scaled_exponent, x, factor, at);
  const Words flip_product =
      all(static_cast<std::int64_t>(factor[L - 1]) ^ (negate_product ? sign_bit : 0));
  const Lanes product_sign = negative(load(x + lanes * (L - 1)) ^ flip_product);
  Words acc[L];
  for (int i = 0; i < L; ++i) acc[i] = load(b + lanes * i);
  Lanes sign = negative(acc[L - 1] ^ all(negate_b ? sign_bit : 0));
  acc[L - 1] = acc[L - 1] & mask();
  Words exponent = load(b + lanes * L);
  add<L>(acc, exponent, sign, product, scaled_exponent, product_sign, at);
  acc[L - 1] = acc[L - 1] | where(sign, all(sign_bit));
  for (int i = 0; i < L; ++i) store(out + lanes * i, acc[i]);
  store(out + lanes * L, exponent);
}

template <int L>
void add_scaled(std::uint64_t* out, const std::uint64_t* b, bool negate_b, const std::uint64_t* x,
                const std::uint64_t* factor, bool negate_product, unsigned unused) {
  [[maybe_unused]] const ProductScope scope;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += width) {
    add_scaled_part<L>(out + i, b + i, negate_b, x + i, factor, negate_product, unused);
  }
}

template <int L>
unsigned round_part(std::uint64_t* out, std::uint64_t* limbs, std::size_t n, std::int64_t exponent,
                    unsigned wanted, unsigned unused) {
  const Words last = load(limbs + lanes * (n - 1));
  const Lanes below_zero = ~is_zero(last & all(std::int64_t{1} << 51));
  const Lanes kept = lanes_of(wanted);
  Words borrow = zero();
  std::size_t used = 1;  // limbs up to the highest that is not zero in every lane
  for (std::size_t l = 0; l < n; ++l) {
    const Words v = load(limbs + lanes * l);
    const Words difference = borrow - v;
    borrow = signed_down52(difference);
    const Words magnitude = where(kept, select(below_zero, difference & mask(), v));
    store(limbs + lanes * l, magnitude);
    if (any(~is_zero(magnitude))) used = l + 1;
  }
  // Shifts lanes up until their top limb is not zero.
  Words result_exponent = all(exponent + 52 * static_cast<std::int64_t>(used));
  std::uint64_t* top = limbs + lanes * (used - 1);
  Lanes regular = ~is_zero(load(top));
  for (std::size_t step = 1; step < used && !only(regular, kept); ++step) {
    const Lanes empty = ~regular;
    for (std::size_t l = used - 1; l > 0; --l) {
      store(limbs + lanes * l,
            select(empty, load(limbs + lanes * (l - 1)), load(limbs + lanes * l)));
    }
    store(limbs, where(regular, load(limbs)));
    result_exponent = result_exponent - where(empty, all(52));
    regular = ~is_zero(load(top));
  }
  const Words left = where(regular, free_bits(load(top)));
  const Words right = all(52) - left;
  const auto limb = [&](std::int64_t below) {  // counted from the top
    const auto l = static_cast<std::int64_t>(used) - 1 - below;
    return l >= 0 ? load(limbs + lanes * l) : zero();
  };
  Words m[L];
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) m[L - 1 - i] = join(limb(i), left, limb(i + 1), right);
  const Words guard = join(limb(L), left, limb(L + 1), right);
  Words sticky = up_each(limb(L + 1), left) & mask();
  for (auto l = static_cast<std::int64_t>(used) - L - 3; l >= 0; --l) {
    sticky = sticky | load(limbs + lanes * l);
  }
  result_exponent = result_exponent - left;
  round<L>(m, guard, sticky, result_exponent, rounding_at(unused));
  m[L - 1] = m[L - 1] | where(below_zero & regular, all(sign_bit));
  for (int i = 0; i < L; ++i) store(out + lanes * i, m[i]);
  store(out + lanes * L, select(regular, result_exponent, all(SequentialKernel::zero_exponent)));
  return bits_of(kept & ~regular);
}

template <int L>
unsigned round_integers(std::uint64_t* out, std::uint64_t* limbs, std::size_t n,
                        std::int64_t exponent, unsigned wanted, unsigned unused) {
  unsigned zeros = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += width) {
    zeros |= round_part<L>(out + i, limbs + i, n, exponent, wanted >> i, unused) << i;
  }
  return zeros;
}

unsigned integers_part(std::uint64_t* limbs, std::size_t n, const std::uint64_t* x,
                       std::size_t n_limbs, std::int64_t low) {
  const Words top = load(x + lanes * (n_limbs - 1));
  // The significand as an integer has to be shifted left by this, less 52.
  Words shift = where(nonzero(top), load(x + lanes * n_limbs) -
                                        all(low + 52 * static_cast<std::int64_t>(n_limbs) - 52));
  for (std::size_t l = 0; l <= n; ++l) {
    store(limbs + lanes * l, l < n_limbs ? load(x + lanes * l) & mask() : zero());
  }
  for (Lanes far = less(all(51), shift); any(far); far = less(all(51), shift)) {
    for (std::size_t l = n; l > 0; --l) {
      store(limbs + lanes * l, select(far, load(limbs + lanes * (l - 1)), load(limbs + lanes * l)));
    }
    store(limbs, where(~far, load(limbs)));
    shift = shift - where(far, all(52));
  }
  const Words right = all(52) - shift;
  Words below = load(limbs);
  for (std::size_t l = 0; l < n; ++l) {
    const Words above = load(limbs + lanes * (l + 1));
    store(limbs + lanes * l, join(above, shift, below, right));
    below = above;
  }
  return bits_of(negative(top));
}

unsigned integers(std::uint64_t* limbs, std::size_t n, const std::uint64_t* x, std::size_t n_limbs,
                  std::int64_t low) {
  unsigned signs = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += width) {
    signs |= integers_part(limbs + i, n, x + i, n_limbs, low) << i;
  }
  return signs;
}

/// b <- 2^(52 n_b) - b in the lanes `flip`, and a is added to `excess`.
void complement(std::uint64_t* excess, const std::uint64_t* a, std::size_t n_a, std::uint64_t* b,
                std::size_t n_b, Lanes flip) {
  Words borrow = zero();
  for (std::size_t l = 0; l < n_b; ++l) {
    const Words v = load(b + lanes * l);
    const Words difference = borrow - v;
    borrow = signed_down52(difference);
    store(b + lanes * l, select(flip, difference & mask(), v));
  }
  for (std::size_t l = 0; l < n_a; ++l) {
    const Words sum = load(excess + lanes * l);
    store(excess + lanes * l, sum + where(flip, load(a + lanes * l)));
  }
}

MPSHARP_NOINLINE void multiply_columns_part(std::uint64_t* columns, const std::uint64_t* a,
                                            std::size_t n_a, const std::uint64_t* b,
                                            std::size_t n_b) {
  Column above = column(0, 0);
  Column carried = column(0, 0);
  for (std::size_t k = 0; k + 1 < n_a + n_b; ++k) {
    const std::size_t first = k + 1 > n_b ? k + 1 - n_b : 0;
    const std::size_t last = k < n_a ? k + 1 : n_a;
    Column sum = above + column(last - first, 0);
    above = column(0, last - first);
    for (std::size_t i = first; i < last; ++i) {
      accumulate(sum, above, factor(a + lanes * i), factor(b + lanes * (k - i)));
    }
    store(columns + lanes * k, load(columns + lanes * k) + settle(sum, carried));
  }
  std::uint64_t* end = columns + lanes * (n_a + n_b - 1);
  store(end, load(end) + settle(above, carried));
}

void multiply_columns(std::uint64_t* columns, std::uint64_t* excess, const std::uint64_t* a,
                      std::size_t n_a, std::uint64_t* b, std::size_t n_b, unsigned negative) {
  [[maybe_unused]] const ProductScope scope;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += width) {
    const Lanes flip = lanes_of(negative >> i);
    if (any(flip)) complement(excess + i, a + i, n_a, b + i, n_b, flip);
    multiply_columns_part(columns + i, a + i, n_a, b + i, n_b);
  }
}

/// c >> distance in every lane, by whole limbs; what falls out is lost. Leaves distance < 52.
template <int N>
MPSHARP_COLD void shift_limbs(Words* c, Words& distance) {
  for (int step = 0; step < N; ++step) {
    const Lanes far = less(all(51), distance);
    if (!any(far)) return;
    for (int k = 0; k + 1 < N; ++k) c[k] = select(far, c[k + 1], c[k]);
    c[N - 1] = where(~far, c[N - 1]);
    distance = distance - where(far, all(52));
  }
  distance = smaller(distance, all(51));
}

/// Products are moved to the grid of the largest as columns below 2^58, whose sums stay below 2^63
/// for 16 of them; then what is above 52 bits is carried on.
template <int L>
struct UpperDot {
  static constexpr int F = L - 1;  ///< the lowest column
  static constexpr int N = L + 1;  ///< columns of a product
  Words total[N + 2];

  /// Adds the products of some numbers on the grid of 2^exponent.
  MPSHARP_NOINLINE void add(const std::uint64_t* a, const std::uint64_t* b, std::int64_t exponent) {
    const Lanes subtract = negative(load(a + lanes * (L - 1)) ^ load(b + lanes * (L - 1)));
    const Factor<L, false> x(a);
    const Factor<L, false> y(b);
    Words c[N];
    Column carried = column(0, 0);
    each_column<L, L, F>(upper_halves<L, F - 1>(x, y), x, y,
                         [&](int k, Column sum) { c[k] = settle(sum, carried); });
    Words distance = all(exponent) - (load(a + lanes * L) + load(b + lanes * L));
    if (__builtin_expect(any(less(all(51), distance)), 0)) {
      // A zero may be anywhere.
      distance = where(less(distance, all(std::int64_t{1} << 40)), distance);
      shift_limbs<N>(c, distance);
    }
    const Words rest = all(52) - distance;
    const Words lost = up_each(all(1), distance) - all(1);
#pragma GCC unroll 21
    for (int k = 0; k < N; ++k) {
      Words moved = down_each(c[k], distance);
      if (k + 1 < N) moved = moved + up_each(c[k + 1] & lost, rest);
      total[k] = total[k] + (moved ^ subtract) - subtract;
    }
  }
  void carry_on() {
    for (int k = 0; k < N + 1; ++k) {
      total[k + 1] = total[k + 1] + signed_down52(total[k]);
      total[k] = total[k] & mask();
    }
  }
};

template <int L>
LaneKernels::UpperSum upper_dot(std::int64_t* sums, const std::uint64_t* x, const std::uint64_t* y,
                                std::size_t n_groups) {
  constexpr std::size_t words = lanes * (L + 1);
  constexpr std::size_t n_lanes = lanes;
  Words largest = all(2 * SequentialKernel::zero_exponent);
  for (std::size_t g = 0; g < n_groups; ++g) {
    for (std::size_t i = words * g + lanes * L; i < words * (g + 1); i += width) {
      largest = larger(largest, load(x + i) + load(y + i));
    }
  }
  const std::int64_t exponent = greatest(largest);
  const bool regular = exponent > SequentialKernel::zero_exponent / 2;
  UpperDot<L> dot;
  for (Words& total : dot.total) total = zero();
  [[maybe_unused]] const ProductScope scope;
  std::size_t n = 0;
  for (std::size_t g = 0; g < n_groups && regular; ++g) {
    for (std::size_t i = words * g; i < words * g + n_lanes; i += width) {
      dot.add(x + i, y + i, exponent);
      if (++n % 16 == 0) dot.carry_on();
    }
  }
  dot.carry_on();
  for (int k = 0; k < L + 3; ++k) sums[k] = sum_of(dot.total[k]);
  return {exponent, regular};
}

}  // namespace

}  // namespace mpsharp

// The functions first.
#include "lane_table.hpp"
