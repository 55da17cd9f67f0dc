#include "mpsharp/spectrum/singular.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "gram_matrix.hpp"
#include "mpsharp/error.hpp"
#include "symmetric_eigenpairs.hpp"

namespace mpsharp {

namespace {

Vector over(Vector x, const Vector& sigma) {
  for (std::size_t i = 0; i < x.size(); ++i) mpfr_div(x[i], x[i], sigma[i], MPFR_RNDN);
  return x;
}

}  // namespace

SingularForm::SingularForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
                           std::size_t rank, unsigned threads, const Poll& poll)
    : X_(std::move(X)), rows_(data.rows() <= data.columns()), sigma_(rank, bits) {
  const std::size_t k = std::min(data.rows(), data.columns());
  if (rank > k) {
    throw ShapeError("rank: expected at most " + std::to_string(k) + ", got " +
                     std::to_string(rank));
  }
  const Eigenpairs pairs =
      symmetric_eigenpairs(gram_matrix(data, rows_, bits, threads, poll), threads, poll);
  auto vectors = std::make_shared<Matrix>(k, rank, bits);
  for (std::size_t i = 0; i < rank; ++i) {
    if (mpfr_sgn(pairs.values[i]) <= 0) {
      throw ShapeError("rank: expected at most the rank of X, which is below " +
                       std::to_string(rank));
    }
    mpfr_sqrt(sigma_[i], pairs.values[i], MPFR_RNDN);
    for (std::size_t row = 0; row < k; ++row) {
      mpfr_set((*vectors)(row, i), pairs.vectors(row, i), MPFR_RNDN);
    }
  }
  vectors_ = vectors;
  products_ = make_products(vectors_, Arithmetic::exact, threads);
}

Vector SingularForm::left_coefficients(const Vector& y, const Poll& poll) const {
  Vector out(rank(), bits());
  if (rows_) {
    products_->apply_transposed(out, y, poll);
    return out;
  }
  Vector seen(X_->columns(), bits());
  X_->apply_transposed(seen, y, poll);
  products_->apply_transposed(out, seen, poll);
  return over(std::move(out), sigma_);
}

Vector SingularForm::right_coefficients(const Vector& u, const Poll& poll) const {
  Vector out(rank(), bits());
  if (!rows_) {
    products_->apply_transposed(out, u, poll);
    return out;
  }
  Vector seen(X_->rows(), bits());
  X_->apply(seen, u, poll);
  products_->apply_transposed(out, seen, poll);
  return over(std::move(out), sigma_);
}

Vector SingularForm::left_combination(const Vector& c, const Poll& poll) const {
  Vector out(X_->rows(), bits());
  if (rows_) {
    products_->apply(out, c, poll);
    return out;
  }
  Vector seen(X_->columns(), bits());
  products_->apply(seen, over(c, sigma_), poll);
  X_->apply(out, seen, poll);
  return out;
}

Vector SingularForm::right_combination(const Vector& c, const Poll& poll) const {
  Vector out(X_->columns(), bits());
  if (!rows_) {
    products_->apply(out, c, poll);
    return out;
  }
  Vector seen(X_->rows(), bits());
  products_->apply(seen, over(c, sigma_), poll);
  X_->apply_transposed(out, seen, poll);
  return out;
}

Matrix SingularForm::scaled_left(const Poll& poll) const {
  Matrix out(X_->rows(), rank(), bits());
  Vector right(X_->columns(), bits()), column(X_->rows(), bits());
  for (std::size_t i = 0; i < rank(); ++i) {
    if (rows_) {
      for (std::size_t row = 0; row < out.rows(); ++row) {
        mpfr_mul(out(row, i), (*vectors_)(row, i), sigma_[i], MPFR_RNDN);
      }
      continue;
    }
    for (std::size_t row = 0; row < right.size(); ++row) {
      mpfr_set(right[row], (*vectors_)(row, i), MPFR_RNDN);
    }
    X_->apply(column, right, poll);  // X r_i = sigma_i w_i
    for (std::size_t row = 0; row < out.rows(); ++row) {
      mpfr_set(out(row, i), column[row], MPFR_RNDN);
    }
  }
  return out;
}

}  // namespace mpsharp
