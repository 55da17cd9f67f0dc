#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#ifndef MPSHARP_MAX_LIMBS
#define MPSHARP_MAX_LIMBS 20
#endif

namespace mpsharp {

/// Eight sequential dot products at once, in one instruction set; plain pointers for the reason
/// given in rns_kernels.hpp.
///
/// Numbers are structures of words. A significand of p bits is left-aligned in L = ceil(p / 52)
/// limbs of 52 bits, the least significant first: a regular number has bit 51 of limb L - 1 set and
/// its value is 0.limbs * 2^exponent; `unused` = 52 L - p low bits of limb 0 are zero. Zero has
/// zero limbs and the exponent `zero_exponent`. The sign is bit 63 of limb L - 1, where 52-bit
/// multiplication does not see it. Exponents of regular numbers are within ±2^40.
struct SequentialKernel {
  static constexpr std::size_t lanes = 8;
  static constexpr std::int64_t zero_exponent = -(std::int64_t{1} << 60);
  /// Most limbs of a kernel: 20, 1040 bits, unless the build wants fewer kernels.
  static constexpr std::size_t max_limbs = MPSHARP_MAX_LIMBS;
  /// 0, 1, ... max_limbs - 1: tables have a kernel for each.
  using IndicesOfLimbs = std::make_integer_sequence<int, static_cast<int>(max_limbs)>;

  /// result_i, a group of numbers with limbs result[8 l + i] and exponents result[8 L + i], <- acc
  /// after acc = +0 and acc = RN(acc + RN(x_ij u_j)) for j < n, to p bits. x: [(j (matrix_limbs +
  /// 1) + l) * 8 + i], limb `matrix_limbs` being the exponent; u: [j (L + 1) + l], limb L being the
  /// exponent. Only the first `count` numbers are wanted, and others may stay unset.
  using Function = void (*)(std::uint64_t* result, const std::uint64_t* x, const std::uint64_t* u,
                            std::size_t n, unsigned unused, std::size_t count);

  Function dot8;
  std::size_t matrix_limbs;  ///< limbs of a matrix entry
};

/// The kernel for results and vectors of `limbs` <= max_limbs limbs and matrices of at most
/// `matrix_limbs` <= limbs: one with two limbs, which do for float64 data, or with `limbs`.
SequentialKernel sequential_portable(std::size_t limbs, std::size_t matrix_limbs) noexcept;
#ifdef MPSHARP_HAVE_AVX2
SequentialKernel sequential_avx2(std::size_t limbs, std::size_t matrix_limbs) noexcept;
#endif
#ifdef MPSHARP_HAVE_IFMA
SequentialKernel sequential_ifma(std::size_t limbs, std::size_t matrix_limbs) noexcept;
#endif

}  // namespace mpsharp
