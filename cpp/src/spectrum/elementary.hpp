#pragma once

#include "mpsharp/spectrum/tridiagonal.hpp"

namespace mpsharp {

/// For norms and bounds: just below one limb, where MPFR is fastest.
inline const Bits coarse_bits{63};

/// acc <- acc + a b, product and sum rounded to the precision of `acc`.
inline void add_product(mpfr_ptr acc, mpfr_ptr scratch, mpfr_srcptr a, mpfr_srcptr b) {
  mpfr_mul(scratch, a, b, MPFR_RNDN);
  mpfr_add(acc, acc, scratch, MPFR_RNDN);
}

/// out <- M y, M tridiagonal.
inline void multiply(Vector& out, mpfr_ptr scratch, const Tridiagonal& m, const Vector& y) {
  const std::size_t k = y.size();
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul(out[i], m.diagonal[i], y[i], MPFR_RNDN);
    if (i > 0) add_product(out[i], scratch, m.off_diagonal[i - 1], y[i - 1]);
    if (i + 1 < k) add_product(out[i], scratch, m.off_diagonal[i], y[i + 1]);
  }
}

inline void inner(mpfr_ptr out, mpfr_ptr scratch, const Vector& a, const Vector& b) {
  mpfr_set_zero(out, 1);
  for (std::size_t i = 0; i < a.size(); ++i) add_product(out, scratch, a[i], b[i]);
}

/// Exponent of x in MPFR's sense; the smallest there is for zero.
inline long exponent_of(mpfr_srcptr x) {
  return mpfr_zero_p(x) ? MPFR_EMIN_DEFAULT : mpfr_get_exp(x);
}

}  // namespace mpsharp
