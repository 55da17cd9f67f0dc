#pragma once

#include <cstddef>
#include <cstdint>

#include "sequential_kernels.hpp"

namespace mpsharp {

/// Operations on groups of eight numbers in the form that sequential_kernels.hpp describes: limb l
/// of number i of a group is words[8 l + i], its exponent words[8 L + i], so a group has 8 (L + 1)
/// words, aligned to 64 bytes, and groups lie one behind the other. For one number of limbs L;
/// plain pointers for the reason given in rns_kernels.hpp.
struct LaneKernels {
  static constexpr std::size_t lanes = SequentialKernel::lanes;

  /// The exponents of the numbers that are not zero; low > high if there is none.
  struct Range {
    std::int64_t low;
    std::int64_t high;
  };
  Range (*range)(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs);

  /// The sum of (x_i / 2^exponent)^2 in doubles, from the top limbs alone: at most a part of 2^-50,
  /// besides the roundings, less than the true sum. @pre no exponent is above this one
  double (*approximate_squares)(const std::uint64_t* x, std::size_t n_groups, std::size_t n_limbs,
                                std::int64_t exponent);

  /// out_i <- RN(x_i y_i) for one group, with MPFR's signs of zeros; out may be x or y.
  void (*multiply)(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* y,
                   unsigned unused);

  /// out_i <- RN(± b_i + RN(± x_i factor)) for one group, with MPFR's signs of zeros; `unused` low
  /// bits of a significand are not part of the precision. factor: L limbs and the exponent. out may
  /// be b or x.
  void (*add_scaled)(std::uint64_t* out, const std::uint64_t* b, bool negate_b,
                     const std::uint64_t* x, const std::uint64_t* factor, bool negate_product,
                     unsigned unused);

  /// out <- RN(integer_i 2^exponent) for one group; limbs[8 l + i], l < n, are the integers in
  /// two's complement, their sign being bit 51 of the last limb; `limbs` is overwritten. Numbers
  /// not in `wanted` become +0. Returns which of the wanted ones are zero; they become +0, too.
  unsigned (*round_integers)(std::uint64_t* out, std::uint64_t* limbs, std::size_t n,
                             std::int64_t exponent, unsigned wanted, unsigned unused);

  /// limbs[8 l + i] <- limb l < n of |x_i| / 2^low for one group of L limbs, an integer; returns
  /// the signs as bits. @pre x_i is zero or 2^low divides it and exponent - 52 L >= low - 52;
  /// |x_i| < 2^(low + 52 n); room for n + 2 limbs.
  unsigned (*integers)(std::uint64_t* limbs, std::size_t n, const std::uint64_t* x,
                       std::size_t n_limbs, std::int64_t low);

  /// Adds the products of eight pairs of integers a_i b_i, with n_a and n_b limbs, to columns: the
  /// sum over k < n_a + n_b of columns[8 k + i] 2^(52 k). Those that count as negative (bit i) are
  /// added as a_i (2^(52 n_b) - b_i), for which b is overwritten, and a_i is added to
  /// excess[8 l + i], l < n_a, for the caller to take back. b_i of a negative one is not zero.
  /// A column grows by less than 2^53 min(n_a, n_b).
  void (*multiply_columns)(std::uint64_t* columns, std::uint64_t* excess, const std::uint64_t* a,
                           std::size_t n_a, std::uint64_t* b, std::size_t n_b, unsigned negative);

  /// The upper limbs of a dot product of n_groups groups of numbers.
  struct UpperSum {
    std::int64_t exponent;  ///< every product is below 2^exponent
    bool regular;           ///< some product is not zero
  };
  /// sums[k], k < L + 3: the sum of all x_i y_i is sum over k of sums[k] 2^(52 k), times
  /// 2^(exponent - 52 (L + 1)), give or take 4 L + 8 units for each product. |sums[k]| < 2^60.
  UpperSum (*upper_dot)(std::int64_t* sums, const std::uint64_t* x, const std::uint64_t* y,
                        std::size_t n_groups);
};

/// The kernels for numbers of `limbs` <= SequentialKernel::max_limbs limbs.
const LaneKernels& lanes_portable(std::size_t limbs) noexcept;
#ifdef MPSHARP_HAVE_AVX2
const LaneKernels& lanes_avx2(std::size_t limbs) noexcept;
#endif
#ifdef MPSHARP_HAVE_IFMA
const LaneKernels& lanes_ifma(std::size_t limbs) noexcept;
#endif

/// The operations on numbers in one instruction set, by the number of limbs.
struct NumberKernels {
  const LaneKernels& (*lanes)(std::size_t limbs) noexcept;
  SequentialKernel (*sequential)(std::size_t limbs, std::size_t matrix_limbs) noexcept;
};

}  // namespace mpsharp
