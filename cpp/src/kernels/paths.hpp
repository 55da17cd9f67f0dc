#pragma once

#include <memory>

#include "lane_kernels.hpp"
#include "mpsharp/kernels/matmul.hpp"
#include "mpsharp/kernels/products.hpp"

namespace mpsharp {

/// The implementations of the two arithmetics. They give the same bits and differ in speed only.
enum class KernelPath {
  reference,  ///< plain MPFR
  portable,   ///< standard C++ with 128-bit integers
  avx2,       ///< AVX2 and FMA, x86-64
  ifma,       ///< AVX-512 IFMA, x86-64
};

/// All of them, the fastest first.
inline constexpr KernelPath all_paths[] = {KernelPath::ifma, KernelPath::avx2, KernelPath::portable,
                                           KernelPath::reference};

/// True if this processor, its operating system and this build can run `path`. A build with
/// MPSHARP_EMULATE_IFMA runs ifma anywhere, by emulation.
bool can_run(KernelPath path) noexcept;

/// The path of this process: the fastest that can run without emulation, or the one that the
/// environment variable MPSHARP_KERNELS names (reference, portable, avx2, ifma), read once. A name
/// that is unknown or cannot run here is ignored.
KernelPath chosen_path();

/// "reference", "portable", "avx2" or "ifma".
const char* name_of(KernelPath path) noexcept;

/// @pre can_run(path), and it is not the reference
NumberKernels number_kernels(KernelPath path) noexcept;

/// As make_products, with a given path, for tests and benchmarks. @pre can_run(path)
std::unique_ptr<const MatrixProducts> make_products(std::shared_ptr<const Matrix> matrix,
                                                    Arithmetic arithmetic, unsigned threads,
                                                    KernelPath path);

/// As multiply, likewise.
void multiply(Matrix& out, const Operand& a, const Operand& b, unsigned threads, const Poll& poll,
              KernelPath path);

}  // namespace mpsharp
