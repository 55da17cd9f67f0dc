#pragma once

#include <cstddef>
#include <cstdint>

#include "rns_basis.hpp"

namespace mpsharp {

/// The loops of the residue number system, in one instruction set. Functions of plain pointers, so
/// that a file compiled for another instruction set defines nothing that the linker could merge
/// into the rest of the program. Words hold numbers below 2^52; all vectors are aligned to 64 bytes
/// and padded with zeros to a multiple of 8.
///
/// Why nothing overflows: residues are at most p - 1 < 2^52 - 1, so the high half (from bit 52) and
/// the low half of a product are below 2^52 - 1, and `fold` = 4096 of each sum to less than
/// 2^64 - 2^12. After that many terms the sum is reduced.
struct RnsKernels {
  static constexpr std::size_t fold = 4096;
  static constexpr std::size_t lanes = 8;
  /// Columns that `columns` takes at once.
  static constexpr std::size_t max_width = 64;

  /// Residues of eight integers: out[q * stride + i] <- (-1)^(negative bit i) sum_l limbs[8 l + i]
  /// 2^(52 l) mod p_q for first <= q < last, n_limbs <= fold. A residue is in [0, p), or equal to p
  /// for a negative multiple of p.
  void (*residues)(std::uint64_t* out, std::size_t stride, const RnsBasis::View& basis,
                   std::size_t first, std::size_t last, const std::uint64_t* limbs,
                   std::size_t n_limbs, unsigned negative);

  /// out[i] <- sum_{j < n} x[i * stride + j] u[j] mod p, i < n_rows <= 8; the rest of out[0..7] is
  /// unspecified (below 2^52). n is a multiple of 8.
  void (*rows)(std::uint64_t* out, const std::uint64_t* x, std::size_t stride, std::size_t n_rows,
               const std::uint64_t* u, std::size_t n, std::uint64_t c);

  /// out[j] <- sum_{i < n} x[i * stride + j] z[i] mod p, j < width <= max_width, a multiple of 8.
  void (*columns)(std::uint64_t* out, const std::uint64_t* x, std::size_t stride, std::size_t width,
                  const std::uint64_t* z, std::size_t n, std::uint64_t c);

  /// The eight signed integers below M / 4 in magnitude with residues[8 q + i] mod p_q, as size + 2
  /// limbs of 52 bits, limbs[8 l + i], in two's complement (their sign is bit 51 of the last limb).
  ///
  /// sum_q y_q M / p_q = value + k M with y_q = r_q (M / p_q)^-1 mod p_q, so sum_q y_q / p_q is
  /// within 1/4 of the integer k. It is summed in double: the error of `size` <= 960 terms below 1
  /// is below size^2 2^-52 < 2^-31, so rounding it gives k.
  /// A limb collects two words below 2^52 per prime, hence at most 2 * 960 * 2^52 < 2^63.
  void (*reconstruct)(std::uint64_t* limbs, const RnsBasis::View& basis,
                      const std::uint64_t* residues);
};

extern const RnsKernels rns_portable;
#ifdef MPSHARP_HAVE_IFMA
extern const RnsKernels rns_ifma;
#endif

}  // namespace mpsharp
