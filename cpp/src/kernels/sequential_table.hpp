#pragma once

// Included after dot8<L, X> of one instruction set.
#include "sequential_kernels.hpp"

namespace mpsharp {

namespace {

constexpr int few(int limbs) { return limbs < 2 ? limbs : 2; }

template <class>
struct Table;
template <int... i>
struct Table<std::integer_sequence<int, i...>> {
  static constexpr SequentialKernel with_few[] = {{dot8<i + 1, few(i + 1)>, few(i + 1)}...};
  static constexpr SequentialKernel with_all[] = {{dot8<i + 1, i + 1>, i + 1}...};
};

/// @pre 1 <= matrix_limbs <= limbs <= SequentialKernel::max_limbs
inline SequentialKernel sequential_of_table(std::size_t limbs, std::size_t matrix_limbs) noexcept {
  using Kernels = Table<SequentialKernel::IndicesOfLimbs>;
  const SequentialKernel& kernel = Kernels::with_few[limbs - 1];
  return matrix_limbs <= kernel.matrix_limbs ? kernel : Kernels::with_all[limbs - 1];
}

}  // namespace

}  // namespace mpsharp
