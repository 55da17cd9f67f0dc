#pragma once

#include <cstddef>
#include <cstdint>

#include "sequential_kernels.hpp"

namespace mpsharp {

/// result <- acc after acc = +0 and acc = RN(acc + x_j) for j < n, for numbers of L limbs with
/// `unused` low bits: x as groups of eight (lane_kernels.hpp), the result as L limbs and the
/// exponent. One number at a time, as there is no more to do at once.
using SequentialSum = void (*)(std::uint64_t* result, const std::uint64_t* x, std::size_t n,
                               unsigned unused);

/// The function for numbers of `limbs` <= SequentialKernel::max_limbs limbs.
SequentialSum sequential_sum(std::size_t limbs) noexcept;

}  // namespace mpsharp
