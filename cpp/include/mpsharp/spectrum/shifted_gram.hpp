#pragma once

#include <memory>

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// B = mu I - a A factored as L D L', L unit lower triangular, without pivoting.
///
/// What positive pivots prove (after Higham 2002, theorem 10.3, and Rump 2006). Let u = 2^-bits, A
/// positive semidefinite and known by entries with a relative error of u, a >= 0, mu > 0. The
/// computed B^ has entries RN(mu - RN(a A_ii)) and -RN(a A_ij), so
///     |B^ - B| <= 2.01 u a |A| + u mu I   and, A being semidefinite, || |A| || <= tr A.
/// Every inner sum is an exact dot product rounded once, then subtracted, divided by a pivot: with
/// all pivots positive the factors satisfy L D L' = B^ + E, |E| <= g |L| D |L'|, g = 3u. Their
/// diagonal gives (L D L')_ii <= B^_ii / (1 - g), so by Cauchy and Schwarz
///     ||E|| <= g / (1 - g) tr B^ <= 3.01 u k mu.
/// L D L' is semidefinite, hence lambda_min(B) >= -u (2.01 a tr A + mu + 3.01 k mu) (1 + small).
/// There is no underflow: the caller keeps all exponents far inside MPFR's range.
class ShiftedGram {
 public:
  /// @param gram  A; shared, its precision is the working precision.
  explicit ShiftedGram(std::shared_ptr<const Matrix> gram);

  /// Factors mu I - a A; returns whether every pivot is positive. Where one is zero, something
  /// negligible takes its place so that solves go on. mu and a have the working precision.
  bool factor(const Mpfr& mu, const Mpfr& a, const Poll& poll);

  /// The solution of B x = rhs by the factors, with rounding errors. @throws ShapeError
  [[nodiscard]] Vector solve(const Vector& rhs) const;

  [[nodiscard]] std::size_t order() const { return gram_->rows(); }
  [[nodiscard]] Bits bits() const { return gram_->bits(); }

 private:
  std::shared_ptr<const Matrix> gram_;
  Matrix lower_;   ///< L below the diagonal
  Vector pivots_;  ///< D
};

}  // namespace mpsharp
