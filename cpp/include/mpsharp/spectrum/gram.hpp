#pragma once

#include <memory>
#include <mutex>

#include "mpsharp/array.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/arrow.hpp"
#include "mpsharp/spectrum/observation.hpp"
#include "mpsharp/spectrum/tridiagonal.hpp"

namespace mpsharp {

class FixedProducts;

/// The data matrix reduced once so that the Hessian's largest eigenvalue costs O(k) per evaluation,
/// k = min(n, d): A = XX' (n <= d) or X'X (n > d), and its decomposition
/// A = Q T Q', T diagonal, its entries falling.
///
/// With t = 2 c s - y = z + c s the Hessian is n H = [[c^2 X'X, X't w'], [w t'X, G]]. In the
/// variables (X'y, x) or (y, x) it is an Arrow. All of this is done at `bits`, which holds guard
/// bits.
class GramForm {
 public:
  /// X = diag(sigma): nothing is left to reduce, and no product with a k x k matrix is needed.
  GramForm(const Vector& sigma, Bits bits, std::size_t n_samples);

  /// @param X     exact products with the data
  /// @param bits  precision of the reduction
  /// @param n_samples  n, by which the loss divides
  /// @param threads  of the products with the k x k matrices
  /// @param rank  numerical rank of X: singular values beyond it count as zero in Pi
  GramForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
           std::size_t n_samples, std::size_t rank, unsigned threads, const Poll& poll);
  ~GramForm();

  [[nodiscard]] Bits bits() const { return t_.diagonal.bits(); }
  [[nodiscard]] std::size_t order() const { return t_.diagonal.size(); }

  /// Sharpness with its residual, and layer imbalance, at `precision`.
  /// Non-finite parameters give NaN.
  [[nodiscard]] Observation observe(const StateView& at, const Vector& y, Bits precision,
                                    const Poll& poll) const;

  /// The `count` largest eigenvalues of the Hessian, falling, with multiplicity, at `precision`,
  /// to 2^-precision of its norm. Non-finite parameters give NaN.
  /// @param n_features  d, at least the columns of X: those that coordinates left out make zeros
  /// @throws ShapeError if `count` exceeds n_features plus the size of v.
  [[nodiscard]] Vector eigenvalues(const Vector& u, const Vector& v, const Vector& y,
                                   Bits precision, std::size_t count, std::size_t n_features,
                                   const Poll& poll) const;

  /// ||Pi u||^2 of finite u, at `bits()`.
  [[nodiscard]] Mpfr projected_square(const Vector& u, const Poll& poll) const;

 private:
  /// What the Hessian is made of at (u, v), at `bits()`.
  struct State {
    Vector s, v, w;
    Vector border;  ///< t, or X't where A = X'X
    Mpfr c;         ///< the product of all v
    Mpfr scale;     ///< c^2 / n
    Matrix corner;
  };
  [[nodiscard]] State state(const StateView& at, const Vector& y, const Poll& poll) const;
  /// The Hessian in coordinates in which A is `t`, which must outlive it, and its border `border`.
  [[nodiscard]] Arrow arrow(const State& at, const Tridiagonal& t, Vector border) const;
  /// Eigenvalues of A beyond rounding errors, where the rank is deficient.
  [[nodiscard]] Tridiagonal kept_poles() const;

  [[nodiscard]] bool is_rotated() const {
    return to_basis_ != nullptr || fixed_to_basis_ != nullptr;
  }
  /// Q'x, to 3 k 2^-bits of the largest entry of x or better.
  void to_diagonal(Vector& out, const Vector& x, const Poll& poll) const;
  /// ||A Q - Q T|| / ||T|| + ||Q'Q - I||, once.
  void measure_defect(const Matrix& a, const Matrix& q, unsigned threads, const Poll& poll);
  /// How far the defect can move the residual of this eigenpair.
  [[nodiscard]] Mpfr reduction_error(const Arrow& arrow, const Vector& border,
                                     const TopEigenpair& pair) const;
  void projected_square(mpfr_ptr out, const Vector& u, const Vector& s, const Poll& poll) const;
  /// The same from f = Q's where A = XX', else f = Q'u.
  void projected_square(mpfr_ptr out, const Vector& f) const;
  /// Whether an observation gets both border and projection from Q's.
  [[nodiscard]] bool shares_projection() const;

  struct Labels {
    Vector y, reduced;  ///< y and Q'y
  };
  /// Q'y, remembered as long as y is the same.
  [[nodiscard]] std::shared_ptr<const Labels> labels(const Vector& y, const Poll& poll) const;

  std::shared_ptr<const MatrixProducts> X_;
  std::size_t n_samples_;
  bool rows_;  ///< A = XX'
  std::size_t rank_;
  Tridiagonal t_;  ///< diagonal: the eigenvalues of A
  /// Products with Q', in one form or the other; both null if Q = I.
  std::unique_ptr<const MatrixProducts> to_basis_;
  std::unique_ptr<const FixedProducts> fixed_to_basis_;
  Mpfr size_;  ///< a bound for ||T||
  Mpfr defect_;
  Vector inverse_poles_{0, Bits(53)};  ///< the first `rank` of them, where A = XX'
  mutable std::mutex labels_mutex_;
  mutable std::shared_ptr<const Labels> labels_;
};

}  // namespace mpsharp
