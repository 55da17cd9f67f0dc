#pragma once

#include <cstddef>

#include "mpsharp/array.hpp"

namespace mpsharp {

/// out <- RN(sum over i < n of a[i * a_stride] * b[i * b_stride]), exactly as
/// dot(..., Arithmetic::exact): the products go into one fixed-point accumulator wide enough for
/// all of them, which is rounded once. Where an operand is not finite or the accumulator would be
/// absurdly wide, MPFR's own sum does the work. `out` aliases none of the operands.
void exact_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride, const __mpfr_struct* b,
               std::size_t b_stride, std::size_t n);

/// The sign of an exact sum of products that is zero: -0 if every product is -0, else +0, and +0 of
/// no terms (what mpfr_sum gives). @pre the sum is zero and all operands are finite
void set_zero_sum(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                  const __mpfr_struct* b, std::size_t b_stride, std::size_t n) noexcept;

/// out <- RN((-1)^negative * m * 2^exponent), m the integer with these n 64-bit limbs, which are
/// shifted in place. m = 0 gives +0. @pre n >= 1, and the exponent is far inside MPFR's range
void round_limbs(mpfr_ptr out, mp_limb_t* limbs, std::size_t n, bool negative,
                 std::int64_t exponent) noexcept;

}  // namespace mpsharp
