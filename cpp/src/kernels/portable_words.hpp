#pragma once

#include <cstdint>

namespace mpsharp {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t two51 = std::uint64_t{1} << 51;

/// value mod p = 2^51 - c, in [0, p). @pre value < 2^115, c < 2^18
///
/// 2^51 = c, so folding the bits from 51 up leaves less than 2^64 * 2^18 + 2^51 < 2^83, then less
/// than 2^32 * 2^18 + 2^51 < 2 p.
inline std::uint64_t reduce(Wide value, std::uint64_t c) {
  constexpr std::uint64_t mask = two51 - 1;
  const std::uint64_t p = two51 - c;
  value = (static_cast<std::uint64_t>(value) & mask) +
          static_cast<Wide>(static_cast<std::uint64_t>(value >> 51)) * c;
  const std::uint64_t r =
      (static_cast<std::uint64_t>(value) & mask) + static_cast<std::uint64_t>(value >> 51) * c;
  return r >= p ? r - p : r;
}

inline std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const std::uint64_t p = two51 - c;
  const std::uint64_t sum = a + b;
  return sum >= p ? sum - p : sum;
}

}  // namespace mpsharp
