#pragma once

#include <memory>

#include "mpsharp/array.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// X = L R for X of full row rank: L lower triangular from XX' = L L', and R = L^-1 X with
/// orthonormal rows, which is never formed.
class CholeskyForm {
 public:
  /// @param X     exact products with `data`
  /// @param bits  precision of everything here; 2 log2(sigma_1 / sigma_n) of them are lost
  /// @throws ShapeError if XX' is not positive definite at this precision.
  CholeskyForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
               unsigned threads, const Poll& poll);

  [[nodiscard]] const Matrix& factor() const { return l_; }                          ///< L, n x n
  [[nodiscard]] Vector right_coefficients(const Vector& u, const Poll& poll) const;  ///< R u
  [[nodiscard]] Vector right_combination(const Vector& a, const Poll& poll) const;   ///< R'a

 private:
  std::shared_ptr<const MatrixProducts> X_;
  Matrix l_;
};

}  // namespace mpsharp
