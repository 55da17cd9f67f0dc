#pragma once

// The words of lane_arithmetic.hpp with AVX2 and FMA: four numbers at a time. Included only by
// files compiled for them. How products are made is said in rns_avx2.cpp.
#include <immintrin.h>

#include "attributes.hpp"
#include "sequential_kernels.hpp"

namespace mpsharp {

namespace {

using Words = __m256i;
using Lanes = __m256i;  ///< all bits of a lane, or none
using Doubles = __m256d;
using Column = Words;

constexpr std::size_t width = 4;
constexpr int together = 4;
/// More pairs of limbs are multiplied in loops: unrolled, they would not fit the processor's
/// caches.
constexpr int unrolled_pairs = 40;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t high_offset = 0x4670000000000000;  ///< the bits of 2^104
constexpr std::uint64_t low_offset = 0x4330000000000000;   ///< the bits of 2^52

/// Products need rounding toward zero, which holds while this lives. What multiplies is not to be
/// inlined beside it: compilers do not know that the two belong together.
class ProductScope {
 public:
  ProductScope() noexcept : before_(_mm_getcsr()) { _mm_setcsr(before_ | _MM_ROUND_TOWARD_ZERO); }
  ~ProductScope() { _mm_setcsr(before_); }
  ProductScope(const ProductScope&) = delete;
  ProductScope& operator=(const ProductScope&) = delete;

 private:
  unsigned before_;
};

MPSHARP_INLINE Words load(const std::uint64_t* from) {
  return _mm256_load_si256(reinterpret_cast<const Words*>(from));
}
MPSHARP_INLINE void store(std::uint64_t* to, Words value) {
  _mm256_store_si256(reinterpret_cast<Words*>(to), value);
}
MPSHARP_INLINE Words all(std::int64_t value) { return _mm256_set1_epi64x(value); }
MPSHARP_INLINE Words zero() { return _mm256_setzero_si256(); }

MPSHARP_INLINE Words up(Words value, int n) { return _mm256_slli_epi64(value, n); }
MPSHARP_INLINE Words down(Words value, int n) { return _mm256_srli_epi64(value, n); }
MPSHARP_INLINE Words up_each(Words value, Words n) { return _mm256_sllv_epi64(value, n); }
MPSHARP_INLINE Words down_each(Words value, Words n) { return _mm256_srlv_epi64(value, n); }
MPSHARP_INLINE Words signed_down52(Words value) {
  const Words sign = all(0x800);
  return (down(value, 52) ^ sign) - sign;
}

MPSHARP_INLINE Lanes less(Words a, Words b) { return _mm256_cmpgt_epi64(b, a); }
MPSHARP_INLINE Lanes equal(Words a, Words b) { return _mm256_cmpeq_epi64(a, b); }
MPSHARP_INLINE Lanes is_zero(Words value) { return equal(value, zero()); }
MPSHARP_INLINE Lanes negative(Words value) { return less(value, zero()); }
MPSHARP_INLINE bool any(Lanes lanes) { return _mm256_testz_si256(lanes, lanes) == 0; }
MPSHARP_INLINE Words select(Lanes lanes, Words a, Words b) {
  return _mm256_blendv_epi8(b, a, lanes);
}
MPSHARP_INLINE Words where(Lanes lanes, Words a) { return lanes & a; }
MPSHARP_INLINE unsigned bits_of(Lanes lanes) {
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(lanes)));
}
MPSHARP_INLINE Lanes lanes_of(unsigned bits) {
  const Words one_each = _mm256_set_epi64x(8, 4, 2, 1);
  return equal(all(bits) & one_each, one_each);
}

/// Integers below 2^52 as floating-point numbers.
MPSHARP_INLINE Doubles doubles(Words value) {
  const Words with_exponent = value | all(static_cast<std::int64_t>(low_offset));
  return _mm256_sub_pd(_mm256_castsi256_pd(with_exponent), _mm256_set1_pd(0x1p52));
}

/// 52 less the length of a number below 2^52, from the exponent of the floating-point number; of
/// zero more than that.
MPSHARP_INLINE Words free_bits(Words value) {
  return all(1023 + 51) - down(_mm256_castpd_si256(doubles(value)), 52);
}
MPSHARP_INLINE std::int64_t sum_of(Words value) {
  const __m128i pair =
      _mm_add_epi64(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
  return _mm_extract_epi64(pair, 0) + _mm_extract_epi64(pair, 1);
}
MPSHARP_INLINE std::int64_t least(Words value) {
  const Words across = _mm256_permute4x64_epi64(value, 0x4E);
  const Words two = select(less(across, value), across, value);
  const std::int64_t a = _mm256_extract_epi64(two, 0);
  const std::int64_t b = _mm256_extract_epi64(two, 1);
  return a < b ? a : b;
}
MPSHARP_INLINE std::int64_t greatest(Words value) { return -least(zero() - value); }
/// The sum of (value 2^exponent)^2 for values below 2^52. @pre -1022 <= exponent <= 0
MPSHARP_INLINE double sum_of_squares(Words value, Words exponent) {
  const Words scale = up(exponent + all(1023), 52);
  const Doubles scaled = _mm256_mul_pd(doubles(value), _mm256_castsi256_pd(scale));
  const Doubles square = _mm256_mul_pd(scaled, scaled);
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(square), _mm256_extractf128_pd(square, 1));
  return _mm_cvtsd_f64(pair) + _mm_cvtsd_f64(_mm_unpackhi_pd(pair, pair));
}

/// The limbs of four numbers, or of one for all lanes, as factors, with zeros on either side.
template <int L, bool broadcast>
struct Factor {
  static constexpr int margin = together - 1;
  Doubles limb[L + 2 * margin];

  explicit MPSHARP_INLINE Factor(const std::uint64_t* x) {
    for (int k = 0; k < margin; ++k) limb[k] = limb[margin + L + k] = _mm256_setzero_pd();
#pragma GCC unroll 20
    for (int k = 0; k < L; ++k) {
      Words word = broadcast ? all(static_cast<std::int64_t>(x[k]))
                             : load(x + static_cast<int>(SequentialKernel::lanes) * k);
      if (k == L - 1) word = word & all(static_cast<std::int64_t>(mask52));
      limb[margin + k] = doubles(word);
    }
  }
  MPSHARP_INLINE Doubles operator[](int k) const { return limb[margin + k]; }
};
MPSHARP_INLINE Doubles factor(const std::uint64_t* x) {
  return doubles(load(x) & all(static_cast<std::int64_t>(mask52)));
}

// Halves of products are summed with their offsets, which a column starts without.
MPSHARP_INLINE Column column(std::size_t lows, std::size_t highs) {
  return all(static_cast<std::int64_t>(0 - lows * low_offset - highs * high_offset));
}
MPSHARP_INLINE Doubles high_with_offset(Doubles a, Doubles b) {
  return _mm256_fmadd_pd(a, b, _mm256_set1_pd(0x1p104));
}
/// Adds the lower half of a b to a column and the upper one to the next.
MPSHARP_INLINE void accumulate(Column& low, Column& high, Doubles a, Doubles b) {
  const Doubles h = high_with_offset(a, b);
  const Doubles l = _mm256_fmadd_pd(a, b, _mm256_sub_pd(_mm256_set1_pd(0x1p104 + 0x1p52), h));
  high = high + _mm256_castpd_si256(h);
  low = low + _mm256_castpd_si256(l);
}
/// For the upper halves alone, of which `upper_half` gives the sum.
MPSHARP_INLINE void accumulate_high(Column& high, Doubles a, Doubles b) {
  high = high + _mm256_castpd_si256(high_with_offset(a, b));
}
MPSHARP_INLINE Column upper_half(Column high) { return high; }
MPSHARP_INLINE Words high_half(Doubles a, Doubles b) {
  return _mm256_castpd_si256(high_with_offset(a, b)) - all(static_cast<std::int64_t>(high_offset));
}
MPSHARP_INLINE Column doubled(Column sum, Lanes lanes) { return sum + (sum & lanes); }
MPSHARP_INLINE Words limb_of(Column sum) { return sum & all(static_cast<std::int64_t>(mask52)); }
MPSHARP_INLINE Column carry_of(Column sum) { return down(sum, 52); }
/// A column below 2^58; nothing needs to be carried.
MPSHARP_INLINE Words settle(Column sum, Column& /*carried*/) { return sum; }

}  // namespace

}  // namespace mpsharp
