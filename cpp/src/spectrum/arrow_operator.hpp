#pragma once

#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

/// An arrow at another precision.
class ArrowCopy {
 public:
  ArrowCopy(const Arrow& arrow, Bits bits);
  ArrowCopy(const ArrowCopy&) = delete;
  ArrowCopy& operator=(const ArrowCopy&) = delete;

  [[nodiscard]] const Arrow& arrow() const { return arrow_; }
  [[nodiscard]] const Vector& metric_border() const { return metric_border_; }  ///< M b

 private:
  Tridiagonal metric_;
  Arrow arrow_;
  Vector metric_border_;
};

/// What a vector q = (y, x) tells of the spectrum.
struct Evaluation {
  Evaluation(std::size_t k, std::size_t m, Bits bits);

  Mpfr value;     ///< Rayleigh quotient
  Vector ry, rx;  ///< H q - value q
  Mpfr norm;      ///< ||q|| in the arrow's inner product
  Mpfr residual;  ///< ||H q - value q|| / ||q||, rounded up as far as 63 bits tell
};

/// Evaluates (y, x) at the precision of the copy.
Evaluation evaluate(const ArrowCopy& at, const Vector& y, const Vector& x);

/// (ry, rx) <- (ry, rx) + (H - value) (y, x) at the precision of the copy.
void add_shifted_product(Vector& ry, Vector& rx, const ArrowCopy& at, const Mpfr& value,
                         const Vector& y, const Vector& x);

/// ||(y, x)|| in the arrow's inner product, not underestimated by more than 2^-50 of it.
Mpfr norm_of(const Arrow& arrow, const Vector& y, const Vector& x);

/// A bound for the norm of the arrow: the sum of the largest row sums of its blocks.
Mpfr norm_bound(const ArrowCopy& coarse);

/// The least precision from `bits` on at which MPFR is fast, but no more than `most`: it has
/// special code below one, two and three limbs.
Bits fast_bits(long bits, Bits most);

}  // namespace mpsharp
