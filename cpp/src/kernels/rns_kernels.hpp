#pragma once

#include <cstddef>
#include <cstdint>

#include "rns_basis.hpp"

namespace mpsharp {

/// The loops of the residue number system, in one instruction set. Functions of plain pointers, so
/// that a file compiled for another instruction set defines nothing that the linker could merge
/// into the rest of the program. All vectors are aligned to 64 bytes and padded with zeros to a
/// multiple of 8.
///
/// Why nothing overflows in the vector kernels, whose primes have 51 bits: a residue is at most
/// p < 2^51 and the other factor below 2^52, so the high half (from bit 52) of a product is below
/// 2^51 and the low half below 2^52. `fold` = 4096 low halves sum to at most 2^64 - 2^12, and as
/// many high halves to less than 2^63. After that many terms the sum is reduced. For the portable
/// ones see portable_words.hpp.
struct RnsKernels {
  static constexpr std::size_t fold = 4096;
  static constexpr std::size_t lanes = 8;
  unsigned prime_bits;  ///< k of the primes 2^k - c (RnsBasis)
  [[nodiscard]] std::uint64_t prime_span() const noexcept { return std::uint64_t{1} << prime_bits; }
  /// Matrices lie in tiles of a few rows by 8 columns, a tile row by row, the tiles of the same
  /// rows one behind the other; missing rows and columns are zeros. With 8 rows both products read
  /// memory in order: one accumulator per row of a tile, or one per column, takes up its words as
  /// they come.
  std::size_t tile_rows;        ///< divides 8
  std::size_t split_tile_rows;  ///< the same of the two-word form (Split)
  /// The two-word form is used where it serves and the residues would take more words than this.
  std::size_t max_stored_words;
  /// Columns that `columns` and `split_columns` take at once.
  static constexpr std::size_t max_width = 64;
  static constexpr std::size_t split_max_width = 32;

  /// Residues of eight integers: out[q * stride + i] <- (-1)^(negative bit i) sum_l limbs[8 l + i]
  /// 2^(52 l) mod p_q for first <= q < last, n_limbs < basis.n_limbs. A residue is in [0, p), or
  /// equal to p for a negative multiple of p.
  void (*residues)(std::uint64_t* out, std::size_t stride, const RnsBasis::View& basis,
                   std::size_t first, std::size_t last, const std::uint64_t* limbs,
                   std::size_t n_limbs, unsigned negative);

  /// out[i] <- sum_{j < n} x[i][j] u[j] mod p, i < tile_rows; n is a multiple of 8.
  void (*rows)(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
               std::uint64_t c);

  /// out[j] <- sum_{i < n} x[i][j] z[i] mod p, j < width <= max_width; n and width are multiples of
  /// 8. x points to the first of these columns; the next rows of tiles are `row_stride` words away.
  void (*columns)(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride,
                  std::size_t width, const std::uint64_t* z, std::size_t n, std::uint64_t c);

  /// A matrix of integers low + 2^k high >= 0, which are not reduced until they are needed: modulo
  /// p they are low + c high, and that has to be below 2^(k + 1). A tile holds the low words (below
  /// 2^k) of its rows, then their high words, unless these are all zero and left out.
  struct Split {
    const std::uint64_t* words;
    bool has_high;
  };
  /// The primes that one call takes, and what belongs to them.
  struct Primes {
    std::size_t count;           ///< 1 or 2
    const std::uint64_t* c;      ///< [count]
    const std::uint64_t* start;  ///< [count]: added to every sum, below p
  };
  static constexpr std::size_t split_primes = 2;

  /// out[q * 8 + i] <- start_q + sum_{j < n} x[i][j] u[q * u_stride + j] mod p_q, i <
  /// split_tile_rows; n is a multiple of 8.
  void (*split_rows)(std::uint64_t* out, const Split& x, const std::uint64_t* u,
                     std::size_t u_stride, std::size_t n, const Primes& primes);

  /// out[q * out_stride + j] <- start_q + sum_{i < n} x[i][j] z[q * z_stride + i] mod p_q,
  /// j < width <= split_max_width; n and width are multiples of 8, row_stride as for `columns`.
  void (*split_columns)(std::uint64_t* out, std::size_t out_stride, const Split& x,
                        std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                        std::size_t z_stride, std::size_t n, const Primes& primes);

  /// The eight signed integers below M / 4 in magnitude with residues[8 q + i] mod p_q, as n_limbs
  /// + 1 limbs of 52 bits, limbs[8 l + i], in two's complement (their sign is bit 51 of the last
  /// limb).
  ///
  /// sum_q y_q M / p_q = value + k M with y_q = r_q (M / p_q)^-1 mod p_q, so sum_q y_q / p_q is
  /// within 1/4 of the integer k. It is summed in double: the error of `size` <= 960 terms below 1
  /// is below size^2 2^-52 < 2^-31, so rounding it gives k.
  /// With 51 bits a limb collects two words below 2^52 per prime, at most 2 * 960 * 2^52 < 2^63.
  void (*reconstruct)(std::uint64_t* limbs, const RnsBasis::View& basis,
                      const std::uint64_t* residues);
};

extern const RnsKernels rns_portable;
#ifdef MPSHARP_HAVE_AVX2
extern const RnsKernels rns_avx2;
#endif
#ifdef MPSHARP_HAVE_IFMA
extern const RnsKernels rns_ifma;
#endif

}  // namespace mpsharp
