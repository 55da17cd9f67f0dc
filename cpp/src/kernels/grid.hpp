#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpsharp/array.hpp"

namespace mpsharp {

/// The coarsest integer grid that holds a set of numbers exactly: every regular one is an integer
/// multiple of 2^low and smaller than 2^high in magnitude.
struct Grid {
  bool finite = true;  ///< no NaN, no infinity, and no exponent beyond ±exponent_limit
  bool empty = true;   ///< no regular number
  std::int64_t low = 0;
  std::int64_t high = 0;

  /// Exponents up to here can be added and compared without care, and a product of two such
  /// numbers, or a sum of as many as fit in memory, is far from the limits that MpfrScope sets
  /// (2^30 - 1).
  static constexpr std::int64_t exponent_limit = std::int64_t{1} << 28;

  /// Bits of the largest integer, 0 if there is none.
  [[nodiscard]] std::uint64_t width() const noexcept {
    return empty ? 0 : static_cast<std::uint64_t>(high - low);
  }
  /// Limbs of 52 bits for it, at least 1.
  [[nodiscard]] std::size_t limbs() const noexcept {
    return width() == 0 ? 1 : static_cast<std::size_t>((width() + 51) / 52);
  }
};

/// The exponent of the lowest set bit of a regular number: x is an odd multiple of 2^lowest_bit(x).
std::int64_t lowest_bit(mpfr_srcptr x) noexcept;

/// The grid of `numbers`, which may differ in precision.
Grid grid_of(ConstSpan numbers) noexcept;

/// Writes |x| / 2^low as `n_limbs` limbs of 52 bits, limb l to out[l * stride]; zeros for zero.
/// @pre x is zero, or regular, a multiple of 2^low and smaller than 2^(low + 52 n_limbs).
void split52(std::uint64_t* out, std::size_t stride, std::size_t n_limbs, mpfr_srcptr x,
             std::int64_t low) noexcept;

/// The inverse: n limbs of 52 bits in two's complement (the sign is bit 51 of the last) as 64-bit
/// limbs of the magnitude. Returns whether the integer is negative.
bool join52(std::vector<mp_limb_t>& out, const std::uint64_t* limbs, std::size_t stride,
            std::size_t n);

}  // namespace mpsharp
