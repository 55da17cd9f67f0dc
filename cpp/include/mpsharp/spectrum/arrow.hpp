#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/tridiagonal.hpp"

namespace mpsharp {

/// The symmetric operator (the rank-one bordered form of the Hessian)
///
///     H (y, x) = ( A y + b (w'x),  w (b'M y) + G x ),   A symmetric in the inner product y'M y,
///
/// where A = scale M, or M = I. With p = (lambda - A)^-1 b, phi(lambda) = b'M p and
/// F(lambda) = lambda I - G - phi(lambda) w w', lambda I - H is positive definite exactly when
/// lambda I - A and F(lambda) are: that is the secular equation, for any depth, with no need to
/// deflate repeated singular values or vanishing border entries.
struct Arrow {
  Tridiagonal a;              ///< k x k
  const Tridiagonal* metric;  ///< M; null for the identity
  Mpfr scale;                 ///< A = scale M, unless M is the identity
  Vector border;              ///< b, k entries
  Vector w;                   ///< m entries
  Matrix corner;              ///< G, m x m
};

struct TopEigenpair {
  Mpfr value;
  Vector y;       ///< k entries
  Vector x;       ///< m entries; (y, x) is not normalised
  Mpfr norm;      ///< ||(y, x)||, to 40 bits or more
  Mpfr residual;  ///< ||H q - value q|| for q = (y, x) / ||(y, x)||: an upper bound, to first order
};

/// The largest eigenvalue of the arrow to about `accuracy` bits of the norm.
///
/// Double precision finds it, the gap below it (by counting eigenvalues: Sylvester's law) and a
/// first eigenvector; inverse iterations with Rayleigh quotients as shifts refine that, each at the
/// precision that its result can have, to half of `accuracy`; the Rayleigh quotient has twice the
/// bits of its vector. An eigenvalue within the residual of the result is then the only one above
/// the gap, so it is the largest. Where double cannot tell a gap, iteration and a test of positive
/// definiteness at full precision do the work. The numbers of `arrow` have the working precision,
/// which should exceed `accuracy` by some tens.
TopEigenpair top_eigenpair(const Arrow& arrow, long accuracy, const Poll& poll);

}  // namespace mpsharp
