#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/tridiagonal.hpp"

namespace mpsharp {

/// Eigenvalues, the largest first, and orthonormal eigenvectors of a symmetric matrix with k rows,
/// at its precision of B bits: V'AV = diag(values) and V'V = I up to some sqrt(k) 2^-B, relative to
/// ||A||; this is checked.
///
/// Eigenvectors in doubles are refined by Newton's iteration on both conditions (Ogita and Aishima,
/// Japan J. Indust. Appl. Math. 35, 2018), which doubles their digits at the cost of four exact
/// matrix products. Vectors of eigenvalues too close for it are first separated within their common
/// space, in doubles on the scale of their distances. Where that does not succeed, the direct
/// method of tridiagonal.hpp serves; it takes some ten times longer.
/// @param most_iterations  of Newton's method; 0 for the direct one, which tests compare with
Eigenpairs symmetric_eigenpairs(const Matrix& a, unsigned threads, const Poll& poll,
                                int most_iterations = 60);

}  // namespace mpsharp
