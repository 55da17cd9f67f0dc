#pragma once

#include <memory>

#include "mpsharp/array.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// X = W Sigma R' cut at a rank r, from the eigenvectors of the smaller of XX' and X'X: the other
/// side follows by products with X. With B bits and condition number kappa = sigma_1 / sigma_r the
/// relative error of sigma_i is about kappa^2 2^-B times the size, so B should hold 2 log2(kappa)
/// guard bits.
class SingularForm {
 public:
  /// @param X     exact products with `data`
  /// @param bits  precision of everything here
  /// @param rank  how many singular values are kept, the largest ones
  SingularForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
               std::size_t rank, unsigned threads, const Poll& poll);

  [[nodiscard]] std::size_t rank() const { return sigma_.size(); }
  [[nodiscard]] Bits bits() const { return sigma_.bits(); }
  [[nodiscard]] const Vector& values() const { return sigma_; }  ///< sigma_1 >= sigma_2 >= ...

  [[nodiscard]] Vector left_coefficients(const Vector& y, const Poll& poll) const;   ///< W'y
  [[nodiscard]] Vector right_coefficients(const Vector& u, const Poll& poll) const;  ///< R'u
  [[nodiscard]] Vector left_combination(const Vector& c, const Poll& poll) const;    ///< W c
  [[nodiscard]] Vector right_combination(const Vector& c, const Poll& poll) const;   ///< R c
  [[nodiscard]] Matrix scaled_left(const Poll& poll) const;  ///< W Sigma, n x r

 private:
  std::shared_ptr<const MatrixProducts> X_;
  bool rows_;  ///< the vectors are W, else R
  Vector sigma_;
  std::shared_ptr<const Matrix> vectors_;           ///< W or R, as columns
  std::unique_ptr<const MatrixProducts> products_;  ///< with vectors_
};

}  // namespace mpsharp
