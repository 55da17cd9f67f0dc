#pragma once

// Eight 64-bit words at once, and arithmetic modulo primes just below 2^51. Included only by files
// compiled for AVX-512 IFMA; everything here has internal linkage, so that the linker cannot merge
// it into the rest of the program.
#include <immintrin.h>

#include <cstdint>

namespace mpsharp {

namespace {  // NOLINT(google-build-namespaces): see above

using Words = __m512i;

constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t two51 = std::uint64_t{1} << 51;

inline Words load(const std::uint64_t* from) { return _mm512_load_si512(from); }
inline void store(std::uint64_t* to, Words value) { _mm512_store_si512(to, value); }
inline Words all(std::uint64_t value) { return _mm512_set1_epi64(static_cast<long long>(value)); }
inline Words zero() { return _mm512_setzero_si512(); }
inline Words low(Words sum, Words a, Words b) { return _mm512_madd52lo_epu64(sum, a, b); }
inline Words high(Words sum, Words a, Words b) { return _mm512_madd52hi_epu64(sum, a, b); }

/// hi 2^52 + lo mod p = 2^51 - c, in [0, p). @pre hi + (lo >> 52) < 2^64, c < 2^18
///
/// 2^52 = 2 c =: d < 2^19. With hi = h1 2^52 + h0 the value is h1 d 2^52 + h0 d + lo. h0 d has a
/// high half below d, and h1 < 2^12, so g = h1 d + high(h0 d) < 2^32 and g d < 2^51. Hence
/// t = lo + low(h0 d) + g d < 5 * 2^51, and folding what is above bit 51 leaves t < 2^51 + 4 c < 2
/// p.
inline Words reduce(Words lo, Words hi, Words c, Words p) {
  const Words mask = all(mask52);
  const Words d = _mm512_add_epi64(c, c);
  hi = _mm512_add_epi64(hi, _mm512_srli_epi64(lo, 52));
  lo = _mm512_and_si512(lo, mask);
  const Words h0 = _mm512_and_si512(hi, mask);
  const Words h1 = _mm512_srli_epi64(hi, 52);
  const Words g = low(high(zero(), h0, d), h1, d);
  Words t = low(low(lo, h0, d), g, d);
  t = low(_mm512_and_si512(t, all(two51 - 1)), _mm512_srli_epi64(t, 51), c);
  return _mm512_min_epu64(t, _mm512_sub_epi64(t, p));
}

/// a + b mod p for a, b in [0, p).
inline Words add_mod(Words a, Words b, Words p) {
  const Words sum = _mm512_add_epi64(a, b);
  return _mm512_min_epu64(sum, _mm512_sub_epi64(sum, p));
}

}  // namespace

}  // namespace mpsharp
