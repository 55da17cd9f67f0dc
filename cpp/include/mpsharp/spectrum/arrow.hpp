#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/tridiagonal.hpp"

namespace mpsharp {

/// The symmetric operator (THEORY: the rank-one bordered form of the Hessian)
///
///     H (y, x) = ( A y + b (w'x),  w (b'M y) + G x ),   A symmetric in the inner product y'M y,
///
/// where A = a T and M = T, or M = I. With p = (lambda - A)^-1 b, phi(lambda) = b'M p and
/// F(lambda) = lambda I - G - phi(lambda) w w', lambda I - H is positive definite exactly when
/// lambda I - A and F(lambda) are: that is the secular equation, for any depth, with no need to
/// deflate repeated singular values or vanishing border entries.
struct Arrow {
  Tridiagonal a;              ///< k x k
  const Tridiagonal* metric;  ///< M; null for the identity
  Vector border;              ///< b, k entries
  Vector w;                   ///< m entries
  Matrix corner;              ///< G, m x m
};

struct TopEigenpair {
  Mpfr value;
  Vector y;  ///< k entries
  Vector x;  ///< m entries; (y, x) is not normalised
};

/// The largest eigenvalue of the arrow to about `accuracy` bits of the largest entry, by Rayleigh
/// quotient iteration from a double-precision bisection; that no eigenvalue lies above the result
/// by more than this is checked by positive definiteness, and bisection takes over where it is not
/// so. The numbers of `arrow` have the working precision, which should exceed `accuracy` by some
/// tens.
TopEigenpair top_eigenpair(const Arrow& arrow, long accuracy, const Poll& poll);

}  // namespace mpsharp
