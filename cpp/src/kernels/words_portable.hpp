#pragma once

// The words of lane_arithmetic.hpp in standard C++: one number at a time.
#include <cstddef>
#include <cstdint>

#include "attributes.hpp"
#include "sequential_kernels.hpp"

namespace mpsharp {

namespace {

using Words = std::uint64_t;
using Lanes = std::uint64_t;  ///< all bits of a lane, or none
__extension__ typedef unsigned __int128 Column;

constexpr std::size_t width = 1;
constexpr int together = 1;
constexpr int unrolled_pairs = 400;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

struct ProductScope {};

MPSHARP_INLINE Words load(const std::uint64_t* from) { return *from; }
MPSHARP_INLINE void store(std::uint64_t* to, Words value) { *to = value; }
MPSHARP_INLINE Words all(std::int64_t value) { return static_cast<Words>(value); }
MPSHARP_INLINE Words zero() { return 0; }

MPSHARP_INLINE Words up(Words value, int n) { return value << n; }
MPSHARP_INLINE Words down(Words value, int n) { return value >> n; }
MPSHARP_INLINE Words up_each(Words value, Words n) { return value << (n & 63); }
MPSHARP_INLINE Words down_each(Words value, Words n) { return value >> (n & 63); }
MPSHARP_INLINE Words signed_down52(Words value) {
  return static_cast<Words>(static_cast<std::int64_t>(value) >> 52);
}

MPSHARP_INLINE Lanes lanes_if(bool value) { return value ? ~Lanes{0} : 0; }
MPSHARP_INLINE Lanes less(Words a, Words b) {
  return lanes_if(static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b));
}
MPSHARP_INLINE Lanes equal(Words a, Words b) { return lanes_if(a == b); }
MPSHARP_INLINE Lanes is_zero(Words value) { return lanes_if(value == 0); }
MPSHARP_INLINE Lanes negative(Words value) { return lanes_if((value >> 63) != 0); }
MPSHARP_INLINE bool any(Lanes lanes) { return lanes != 0; }
MPSHARP_INLINE Words select(Lanes lanes, Words a, Words b) { return lanes != 0 ? a : b; }
MPSHARP_INLINE Words where(Lanes lanes, Words a) { return lanes & a; }
MPSHARP_INLINE unsigned bits_of(Lanes lanes) { return static_cast<unsigned>(lanes & 1); }
MPSHARP_INLINE Lanes lanes_of(unsigned bits) { return lanes_if((bits & 1) != 0); }

/// 52 less the length of a number below 2^52.
MPSHARP_INLINE Words free_bits(Words value) {
  return static_cast<Words>(__builtin_clzll(value << 12 | std::uint64_t{1} << 11));
}
MPSHARP_INLINE std::int64_t sum_of(Words value) { return static_cast<std::int64_t>(value); }
MPSHARP_INLINE std::int64_t least(Words value) { return static_cast<std::int64_t>(value); }
MPSHARP_INLINE std::int64_t greatest(Words value) { return static_cast<std::int64_t>(value); }
/// (value 2^exponent)^2 for a value below 2^52. @pre -1022 <= exponent <= 0
MPSHARP_INLINE double sum_of_squares(Words value, Words exponent) {
  const double scaled =
      static_cast<double>(value) * __builtin_bit_cast(double, (exponent + 1023) << 52);
  return scaled * scaled;
}

/// A number's limbs as factors.
template <int L, bool broadcast>
struct Factor {
  std::uint64_t limb[L];

  explicit MPSHARP_INLINE Factor(const std::uint64_t* x) {
    for (int k = 0; k < L; ++k) {
      limb[k] = x[(broadcast ? 1 : static_cast<int>(SequentialKernel::lanes)) * k];
    }
    limb[L - 1] &= mask52;
  }
  MPSHARP_INLINE std::uint64_t operator[](int k) const { return limb[k]; }
};
MPSHARP_INLINE std::uint64_t factor(const std::uint64_t* x) { return *x & mask52; }

// A column sums whole products, below 2^104; none of its halves go to the next one.
MPSHARP_INLINE Column column(std::size_t /*lows*/, std::size_t /*highs*/) { return 0; }
MPSHARP_INLINE void accumulate(Column& low, Column& /*high*/, std::uint64_t a, std::uint64_t b) {
  low += static_cast<Column>(a) * b;
}
/// For the upper halves alone; `upper_half` then gives their sum, or less than one more for each.
MPSHARP_INLINE void accumulate_high(Column& high, std::uint64_t a, std::uint64_t b) {
  high += static_cast<Column>(a) * b;
}
MPSHARP_INLINE Column upper_half(Column high) { return high >> 52; }
MPSHARP_INLINE Words high_half(std::uint64_t a, std::uint64_t b) {
  return static_cast<Words>((static_cast<Column>(a) * b) >> 52);
}
MPSHARP_INLINE Column doubled(Column sum, Lanes lanes) { return sum << (lanes & 1); }
MPSHARP_INLINE Words limb_of(Column sum) { return static_cast<Words>(sum) & mask52; }
MPSHARP_INLINE Column carry_of(Column sum) { return sum >> 52; }
/// A column below 2^58: this one with what was carried, of which some may be carried on.
MPSHARP_INLINE Words settle(Column sum, Column& carried) {
  sum += carried;
  carried = sum >> 52;
  return limb_of(sum);
}

}  // namespace

}  // namespace mpsharp
