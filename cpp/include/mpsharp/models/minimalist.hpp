#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "mpsharp/array.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// Everything that the minimalist model f(x; u, v) = x'u * v_1 ... v_{D-1} computes on its way to
/// the loss. All numbers have the working precision.
struct Forward {
  Forward(std::size_t rows, std::size_t depth, Bits bits);

  Mpfr c;     ///< ((v_1 v_2) v_3) ..., one rounding per product
  Vector w;   ///< w_l: the same product over m != l; 1 if empty
  Vector s;   ///< s_i = dot(X_i, u)
  Vector z;   ///< z_i = RN(RN(c s_i) - y_i)
  Mpfr loss;  ///< RN(dot(z, z) / (2n)), plus the loss floor where there is one
};

/// The two dot products that every gradient is made of.
struct Backward {
  Backward(std::size_t n_features, Bits bits);

  Vector g;  ///< g_j = dot(column j of X, z)
  Mpfr q;    ///< dot(s, z)
};

/// Data and depth of the minimalist model at one precision; the rounding of every operation is
/// defined here and nowhere else.
class Minimalist {
 public:
  /// @param X  products with the data matrix, in the arithmetic of the run
  /// @param y  labels, at the working precision
  /// @param n_samples  n, by which the loss divides: the rows of X unless coordinates were changed
  /// @param loss_floor  what the labels outside the coordinates add to every loss, with one more
  ///                    rounding; none if absent
  /// @throws ShapeError if y does not have one entry per row, depth < 2 or n_samples = 0.
  Minimalist(std::shared_ptr<const MatrixProducts> X, Vector y, std::size_t depth,
             std::size_t n_samples, std::optional<Mpfr> loss_floor);

  [[nodiscard]] std::size_t rows() const { return X_->rows(); }
  [[nodiscard]] std::size_t n_samples() const { return n_samples_; }
  [[nodiscard]] std::size_t n_features() const { return X_->columns(); }
  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] Bits bits() const { return y_.bits(); }
  [[nodiscard]] Arithmetic arithmetic() const { return X_->arithmetic(); }
  [[nodiscard]] const std::shared_ptr<const MatrixProducts>& products() const { return X_; }
  [[nodiscard]] const Vector& labels() const { return y_; }

  /// @param wide  unless null, receives X u at its own precision, too
  /// @pre wide is null where products()->exact_sums() is
  void forward(Forward& out, Vector* wide, const Vector& u, const Vector& v,
               const Poll& poll) const;
  void forward(Forward& out, const Vector& u, const Vector& v, const Poll& poll) const {
    forward(out, nullptr, u, v, poll);
  }
  void backward(Backward& out, const Forward& at, const Poll& poll) const;
  /// loss <- RN(zz / (2n)), plus the loss floor where there is one; zz = dot(z, z) may be `loss`.
  void loss_of(mpfr_ptr loss, mpfr_srcptr zz) const;
  [[nodiscard]] const std::optional<Mpfr>& loss_floor() const { return loss_floor_; }
  /// The same over the samples `rows` alone, in that order, without a loss floor: n is rows.size()
  /// and s, z have that size. @throws ShapeError if a row is out of range.
  void forward(Forward& out, const Vector& u, const Vector& v, std::span<const std::size_t> rows,
               const Poll& poll) const;
  void backward(Backward& out, const Forward& at, std::span<const std::size_t> rows,
                const Poll& poll) const;

 private:
  std::shared_ptr<const MatrixProducts> X_;
  Vector y_;
  std::size_t depth_;
  std::size_t n_samples_;
  std::optional<Mpfr> loss_floor_;
};

/// c <- v_1 v_2 ... and w_l <- the product without v_l, left to right, one rounding per product.
void layer_products(mpfr_ptr c, Span w, ConstSpan v);

}  // namespace mpsharp
