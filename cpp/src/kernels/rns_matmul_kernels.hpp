#pragma once

#include <cstddef>
#include <cstdint>

namespace mpsharp {

/// The inner loop of a matrix product modulo one prime, in one instruction set and for the primes
/// of its RnsKernels; plain pointers for the reason given in rns_kernels.hpp.
///
/// Rows of the left and columns of the right factor are lines, and lie in panels of `lines` of
/// them: entry k of line i of a panel is word [k * lines + i], so both factors are read in order.
struct MatmulKernel {
  static constexpr std::size_t lines = 24;

  /// out[i * lines + j] <- out[i * lines + j] + sum_{k < n} a[k][i] b[k][j] mod p, in [0, p), at
  /// least for i < rows, j < columns. Entries are at most p, and n is at most `depth`, for which
  /// the sums have room (rns_kernels.hpp, portable_words.hpp).
  static constexpr std::size_t depth = 256;
  void (*tile)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
               std::size_t rows, std::size_t columns, std::uint64_t c);
};

extern const MatmulKernel matmul_portable;
#ifdef MPSHARP_HAVE_IFMA
extern const MatmulKernel matmul_ifma;
#endif

}  // namespace mpsharp
