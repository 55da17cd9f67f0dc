#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// A symmetric tridiagonal matrix.
struct Tridiagonal {
  Vector diagonal;      ///< k entries
  Vector off_diagonal;  ///< k - 1 entries (0 when k is 0)
};

/// A = Q T Q' with Q orthogonal.
struct Tridiagonalization {
  Tridiagonal t;
  Matrix q;
};

/// Householder reduction of a symmetric matrix (Golub & Van Loan, section 8.3.1) at the precision
/// of `a`; 4/3 k^3 multiply-adds, backward stable. Only the lower triangle of `a` is read.
Tridiagonalization tridiagonalize(Matrix a, const Poll& poll);

/// Eigenvalues of T, and Q Z for its eigenvectors Z, by the implicit QL iteration (EISPACK's tql2).
struct Eigenpairs {
  Vector values;   ///< in no particular order
  Matrix vectors;  ///< column i belongs to values[i]
};
Eigenpairs eigenpairs(Tridiagonalization form, const Poll& poll);

}  // namespace mpsharp
