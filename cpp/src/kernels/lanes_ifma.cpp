// Compiled for AVX-512 (F, DQ, VL, CD, IFMA); called only where the processor has it. It includes
// nothing that could define an inline function shared with the rest of the program.
#include "lane_kernels.hpp"
#include "numbers_ifma.hpp"
#include "short_products_ifma.hpp"

namespace mpsharp {

namespace {

constexpr std::int64_t sign_bit = static_cast<std::int64_t>(std::uint64_t{1} << 63);

inline Lanes nonzero(Words top) { return _mm512_test_epi64_mask(top, mask()); }

LaneKernels::Range range(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs) {
  Words low = all(std::int64_t{1} << 62);
  Words high = all(-(std::int64_t{1} << 62));
  for (std::size_t g = 0; g < n_groups; ++g, x += lanes * (n_limbs + 1)) {
    const Lanes regular = nonzero(load(x + lanes * (n_limbs - 1)));
    const Words exponent = load(x + lanes * n_limbs);
    low = _mm512_mask_min_epi64(low, regular, low, exponent);
    high = _mm512_mask_max_epi64(high, regular, high, exponent);
  }
  return {_mm512_reduce_min_epi64(low), _mm512_reduce_max_epi64(high)};
}

double approximate_squares(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs,
                           std::int64_t exponent) {
  __m512d sum = _mm512_setzero_pd();
  for (std::size_t g = 0; g < n_groups; ++g, x += lanes * (n_limbs + 1)) {
    const Words top = _mm512_and_si512(load(x + lanes * (n_limbs - 1)), mask());
    const Words above = _mm512_sub_epi64(load(x + lanes * n_limbs), all(exponent + 52));
    const __m512d scale = _mm512_cvtepi64_pd(_mm512_max_epi64(above, all(-1000)));
    const __m512d value = _mm512_scalef_pd(_mm512_cvtepi64_pd(top), scale);
    sum = _mm512_add_pd(sum, _mm512_mul_pd(value, value));
  }
  return _mm512_reduce_add_pd(sum);
}

template <int L>
void multiply_group(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* y,
                    unsigned unused) {
  Words product[L];
  Words exponent;
  const Words sign = _mm512_and_si512(
      _mm512_xor_si512(load(x + lanes * (L - 1)), load(y + lanes * (L - 1))), all(sign_bit));
  multiply_rounded<L, false>(product, exponent, x, y, rounding_at(unused));
  const Lanes regular = nonzero(product[L - 1]);
  product[L - 1] = _mm512_or_si512(product[L - 1], sign);
  for (int i = 0; i < L; ++i) store(out + lanes * i, product[i]);
  store(out + lanes * L,
        _mm512_mask_mov_epi64(all(SequentialKernel::zero_exponent), regular, exponent));
}

template <int L>
void add_scaled(std::uint64_t* out, const std::uint64_t* b, bool negate_b, const std::uint64_t* x,
                const std::uint64_t* factor, bool negate_product, unsigned unused) {
  const Rounding at = rounding_at(unused);
  Words product[L];
  Words scaled_exponent;
  multiply_rounded<L, true>(product, scaled_exponent, x, factor, at);
  const Lanes product_sign = static_cast<Lanes>(
      _mm512_movepi64_mask(_mm512_xor_si512(load(x + lanes * (L - 1)),
                                            all(static_cast<std::int64_t>(factor[L - 1])))) ^
      (negate_product ? 0xFF : 0));
  Words acc[L];
  for (int i = 0; i < L; ++i) acc[i] = load(b + lanes * i);
  Lanes sign = static_cast<Lanes>(_mm512_movepi64_mask(acc[L - 1]) ^ (negate_b ? 0xFF : 0));
  acc[L - 1] = _mm512_and_si512(acc[L - 1], mask());
  Words exponent = load(b + lanes * L);
  add<L>(acc, exponent, sign, product, scaled_exponent, product_sign, at);
  const Words signs = _mm512_maskz_mov_epi64(sign, all(sign_bit));
  acc[L - 1] = _mm512_or_si512(acc[L - 1], signs);
  for (int i = 0; i < L; ++i) store(out + lanes * i, acc[i]);
  store(out + lanes * L, exponent);
}

template <int L>
unsigned round_integers(std::uint64_t* out, std::uint64_t* limbs, std::size_t n,
                        std::int64_t exponent, unsigned wanted, unsigned unused) {
  const Words top_bit = all(std::int64_t{1} << 51);
  const Words last = load(limbs + lanes * (n - 1));
  const Lanes negative = _mm512_test_epi64_mask(last, top_bit);
  const Lanes kept = static_cast<Lanes>(wanted);
  Words borrow = zero();
  std::size_t used = 1;  // limbs up to the highest that is not zero in every lane
  for (std::size_t l = 0; l < n; ++l) {
    const Words v = load(limbs + lanes * l);
    const Words difference = _mm512_sub_epi64(borrow, v);
    borrow = _mm512_srai_epi64(difference, 52);
    const Words magnitude =
        _mm512_maskz_mov_epi64(kept, _mm512_mask_and_epi64(v, negative, difference, mask()));
    store(limbs + lanes * l, magnitude);
    if (_mm512_test_epi64_mask(magnitude, magnitude) != 0) used = l + 1;
  }
  // Shifts lanes up until their top limb is not zero.
  Words result_exponent = all(exponent + 52 * static_cast<std::int64_t>(used));
  std::uint64_t* top = limbs + lanes * (used - 1);
  Lanes regular = _mm512_test_epi64_mask(load(top), load(top));
  for (std::size_t step = 1; step < used && regular != kept; ++step) {
    const Lanes empty = static_cast<Lanes>(~regular);
    for (std::size_t l = used - 1; l > 0; --l) {
      store(limbs + lanes * l,
            _mm512_mask_mov_epi64(load(limbs + lanes * l), empty, load(limbs + lanes * (l - 1))));
    }
    store(limbs, _mm512_mask_mov_epi64(load(limbs), empty, zero()));
    result_exponent = _mm512_mask_sub_epi64(result_exponent, empty, result_exponent, all(52));
    regular = _mm512_test_epi64_mask(load(top), load(top));
  }
  const Words left = _mm512_maskz_sub_epi64(regular, _mm512_lzcnt_epi64(load(top)), all(12));
  const Words right = _mm512_sub_epi64(all(52), left);
  const auto limb = [&](std::int64_t below) {  // counted from the top
    const auto l = static_cast<std::int64_t>(used) - 1 - below;
    return l >= 0 ? load(limbs + lanes * l) : zero();
  };
  Words m[L];
#pragma GCC unroll 20
  for (int i = 0; i < L; ++i) m[L - 1 - i] = join(limb(i), left, limb(i + 1), right);
  const Words guard = join(limb(L), left, limb(L + 1), right);
  Words sticky = _mm512_and_si512(_mm512_sllv_epi64(limb(L + 1), left), mask());
  for (auto l = static_cast<std::int64_t>(used) - L - 3; l >= 0; --l) {
    sticky = _mm512_or_si512(sticky, load(limbs + lanes * l));
  }
  result_exponent = _mm512_sub_epi64(result_exponent, left);
  round<L>(m, guard, sticky, result_exponent, rounding_at(unused));
  const Words signs = _mm512_maskz_mov_epi64(static_cast<Lanes>(negative & regular), all(sign_bit));
  m[L - 1] = _mm512_or_si512(m[L - 1], signs);
  for (int i = 0; i < L; ++i) store(out + lanes * i, m[i]);
  store(out + lanes * L,
        _mm512_mask_mov_epi64(all(SequentialKernel::zero_exponent), regular, result_exponent));
  return kept & static_cast<unsigned>(~regular);
}

unsigned integers(std::uint64_t* limbs, std::size_t n, const std::uint64_t* x, std::size_t n_limbs,
                  std::int64_t low) {
  const Words top = load(x + lanes * (n_limbs - 1));
  const Lanes regular = nonzero(top);
  // The significand as an integer has to be shifted left by this, less 52.
  Words shift = _mm512_maskz_sub_epi64(regular, load(x + lanes * n_limbs),
                                       all(low + 52 * static_cast<std::int64_t>(n_limbs) - 52));
  for (std::size_t l = 0; l <= n; ++l) {
    const Words v = l < n_limbs ? load(x + lanes * l) : zero();
    store(limbs + lanes * l, _mm512_and_si512(v, mask()));
  }
  while (const Lanes far = _mm512_cmpgt_epi64_mask(shift, all(51))) {
    for (std::size_t l = n; l > 0; --l) {
      store(limbs + lanes * l,
            _mm512_mask_mov_epi64(load(limbs + lanes * l), far, load(limbs + lanes * (l - 1))));
    }
    store(limbs, _mm512_mask_mov_epi64(load(limbs), far, zero()));
    shift = _mm512_mask_sub_epi64(shift, far, shift, all(52));
  }
  const Words right = _mm512_sub_epi64(all(52), shift);
  Words below = load(limbs);
  for (std::size_t l = 0; l < n; ++l) {
    const Words above = load(limbs + lanes * (l + 1));
    store(limbs + lanes * l, join(above, shift, below, right));
    below = above;
  }
  return _mm512_movepi64_mask(top);
}

void multiply_columns(std::uint64_t* columns, std::uint64_t* excess, const std::uint64_t* a,
                      std::size_t n_a, std::uint64_t* b, std::size_t n_b, unsigned negative) {
  if (const auto flip = static_cast<Lanes>(negative)) {
    Words borrow = zero();
    for (std::size_t l = 0; l < n_b; ++l) {
      const Words v = load(b + lanes * l);
      const Words difference = _mm512_sub_epi64(borrow, v);
      borrow = _mm512_srai_epi64(difference, 52);
      store(b + lanes * l, _mm512_mask_and_epi64(v, flip, difference, mask()));
    }
    for (std::size_t l = 0; l < n_a; ++l) {
      const Words sum = load(excess + lanes * l);
      store(excess + lanes * l, _mm512_mask_add_epi64(sum, flip, sum, load(a + lanes * l)));
    }
  }
  Words carried = zero();  // the high halves of the column below
  for (std::size_t k = 0; k + 1 < n_a + n_b; ++k) {
    const std::size_t first = k + 1 > n_b ? k + 1 - n_b : 0;
    const std::size_t last = k < n_a ? k + 1 : n_a;
    Words lo[2] = {load(columns + lanes * k), carried};
    Words hi[2] = {zero(), zero()};
    std::size_t i = first;
    for (; i + 1 < last; i += 2) {  // two chains, so that a sum need not wait for the one before
#pragma GCC unroll 2
      for (std::size_t e = 0; e < 2; ++e) {
        const Words left = load(a + lanes * (i + e));
        const Words right = load(b + lanes * (k - i - e));
        lo[e] = _mm512_madd52lo_epu64(lo[e], left, right);
        hi[e] = _mm512_madd52hi_epu64(hi[e], left, right);
      }
    }
    if (i < last) {
      const Words left = load(a + lanes * i);
      const Words right = load(b + lanes * (k - i));
      lo[0] = _mm512_madd52lo_epu64(lo[0], left, right);
      hi[0] = _mm512_madd52hi_epu64(hi[0], left, right);
    }
    store(columns + lanes * k, _mm512_add_epi64(lo[0], lo[1]));
    carried = _mm512_add_epi64(hi[0], hi[1]);
  }
  std::uint64_t* end = columns + lanes * (n_a + n_b - 1);
  store(end, _mm512_add_epi64(load(end), carried));
}

/// c >> distance in every lane, by whole limbs; what falls out is lost. Leaves distance < 52.
template <int N>
MPSHARP_COLD void shift_limbs(Words* c, Words& distance) {
  for (int step = 0; step < N; ++step) {
    const Lanes far = _mm512_cmpgt_epi64_mask(distance, all(51));
    if (far == 0) return;
    for (int k = 0; k + 1 < N; ++k) c[k] = _mm512_mask_mov_epi64(c[k], far, c[k + 1]);
    c[N - 1] = _mm512_mask_mov_epi64(c[N - 1], far, zero());
    distance = _mm512_mask_sub_epi64(distance, far, distance, all(52));
  }
  distance = _mm512_min_epi64(distance, all(51));
}

/// Products are moved to the grid of the largest as columns below 2^58, whose sums stay below 2^63
/// for 16 groups; then what is above 52 bits is carried on.
template <int L>
LaneKernels::UpperSum upper_dot(std::int64_t* sums, const std::uint64_t* x, const std::uint64_t* y,
                                std::size_t n_groups) {
  constexpr int F = L - 1;  // the lowest column
  constexpr int N = L + 1;  // columns of a product
  constexpr std::size_t words = lanes * (L + 1);
  Words largest = all(2 * SequentialKernel::zero_exponent);
  for (std::size_t g = 0; g < n_groups; ++g) {
    const std::uint64_t* a = x + words * g;
    const std::uint64_t* b = y + words * g;
    const Words exponent = _mm512_add_epi64(load(a + lanes * L), load(b + lanes * L));
    largest = _mm512_max_epi64(largest, exponent);
  }
  const std::int64_t exponent = _mm512_reduce_max_epi64(largest);
  const bool regular = exponent > SequentialKernel::zero_exponent / 2;
  Words total[N + 2];
  for (int k = 0; k < N + 2; ++k) total[k] = zero();
  const auto carry_on = [&total] {
    for (int k = 0; k < N + 1; ++k) {
      total[k + 1] = _mm512_add_epi64(total[k + 1], _mm512_srai_epi64(total[k], 52));
      total[k] = _mm512_and_si512(total[k], mask());
    }
  };
  for (std::size_t g = 0; g < n_groups && regular; ++g) {
    const std::uint64_t* a = x + words * g;
    const std::uint64_t* b = y + words * g;
    const Lanes negative = _mm512_movepi64_mask(
        _mm512_xor_si512(load(a + lanes * (L - 1)), load(b + lanes * (L - 1))));
    Words c[N];
    columns_from<L, F, F>(c, upper_halves<L, F - 1, false>(zero(), a, b), a, b);
    Words distance =
        _mm512_sub_epi64(all(exponent), _mm512_add_epi64(load(a + lanes * L), load(b + lanes * L)));
    if (__builtin_expect(_mm512_cmpgt_epi64_mask(distance, all(51)), 0)) {
      // A zero may be anywhere.
      const Words most = all(std::int64_t{1} << 40);
      distance = _mm512_maskz_mov_epi64(_mm512_cmplt_epi64_mask(distance, most), distance);
      shift_limbs<N>(c, distance);
    }
    const Words rest = _mm512_sub_epi64(all(52), distance);
    const Words lost = _mm512_sub_epi64(_mm512_sllv_epi64(all(1), distance), all(1));
#pragma GCC unroll 21
    for (int k = 0; k < N; ++k) {
      Words moved = _mm512_srlv_epi64(c[k], distance);
      if (k + 1 < N) {
        moved = _mm512_add_epi64(moved, _mm512_sllv_epi64(_mm512_and_si512(c[k + 1], lost), rest));
      }
      total[k] =
          _mm512_mask_sub_epi64(_mm512_add_epi64(total[k], moved), negative, total[k], moved);
    }
    if (g % 16 == 15) carry_on();
  }
  carry_on();
  for (int k = 0; k < N + 2; ++k) sums[k] = _mm512_reduce_add_epi64(total[k]);
  return {exponent, regular};
}

}  // namespace

}  // namespace mpsharp

// The functions first.
#include "lane_table.hpp"

namespace mpsharp {

const LaneKernels& lanes_ifma(std::size_t limbs) noexcept { return lanes_of_table(limbs); }

}  // namespace mpsharp
