#pragma once

// Included after the functions that the table holds, which are those of one instruction set.
#include "lane_kernels.hpp"

namespace mpsharp {

namespace {

template <int L>
constexpr LaneKernels kernels_of = {
    range,    approximate_squares, multiply_group<L>, add_scaled<L>, round_integers<L>,
    integers, multiply_columns,    upper_dot<L>};

template <class>
struct Table;
template <int... i>
struct Table<std::integer_sequence<int, i...>> {
  static constexpr const LaneKernels* of[] = {&kernels_of<i + 1>...};
};

/// @pre 1 <= limbs <= SequentialKernel::max_limbs
inline const LaneKernels& lanes_of_table(std::size_t limbs) noexcept {
  return *Table<SequentialKernel::IndicesOfLimbs>::of[limbs - 1];
}

}  // namespace

}  // namespace mpsharp
