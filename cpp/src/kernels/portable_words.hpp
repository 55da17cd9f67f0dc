#pragma once

#include <cstddef>
#include <cstdint>

namespace mpsharp {

__extension__ typedef unsigned __int128 Wide;

/// The primes of the portable kernels are p = 2^60 - c, so a sum of 256 products of residues, which
/// are at most p, fits 128 bits. If one factor is not reduced yet and below 2^61, `portable_fold`
/// products sum to less than 2^127, with room for what `fold` leaves of those before.
constexpr unsigned portable_prime_bits = 60;
constexpr std::size_t portable_fold = 64;
constexpr std::uint64_t two60 = std::uint64_t{1} << portable_prime_bits;

/// A number below 2^87 that is value mod p. @pre c < 2^18; 2^64 = 16 c
inline Wide fold(Wide value, std::uint64_t c) {
  return static_cast<Wide>(static_cast<std::uint64_t>(value >> 64)) * (16 * c) +
         static_cast<std::uint64_t>(value);
}

/// value mod p, in [0, p). @pre c < 2^18
///
/// `fold` leaves less than 2^87; folding the bits from 60 up once more less than
/// 2^27 * 2^18 + 2^60 < 2 p.
inline std::uint64_t reduce(Wide value, std::uint64_t c) {
  const std::uint64_t p = two60 - c;
  value = fold(value, c);
  const std::uint64_t r = (static_cast<std::uint64_t>(value) & (two60 - 1)) +
                          static_cast<std::uint64_t>(value >> portable_prime_bits) * c;
  return r >= p ? r - p : r;
}

inline std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const std::uint64_t p = two60 - c;
  const std::uint64_t sum = a + b;
  return sum >= p ? sum - p : sum;
}

}  // namespace mpsharp
