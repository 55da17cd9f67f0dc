#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "bindings.hpp"
#include "mpsharp/array.hpp"
#include "mpsharp/error.hpp"
#include "mpsharp/kernels/products.hpp"

/// A data matrix with the products that a run and its observations need. Exact products are shared.
struct Data {
  std::shared_ptr<mpsharp::Matrix> X;               ///< null for a diagonal matrix,
  std::shared_ptr<const mpsharp::Vector> diagonal;  ///< which has this instead
  std::shared_ptr<const mpsharp::MatrixProducts> products;
  std::shared_ptr<const mpsharp::MatrixProducts> exact;
  unsigned threads;

  /// The matrix entry by entry, also a diagonal one.
  [[nodiscard]] std::shared_ptr<const mpsharp::Matrix> dense() const {
    if (X != nullptr) return X;
    const std::size_t size = diagonal->size();
    auto out = std::make_shared<mpsharp::Matrix>(size, size, diagonal->bits());
    for (std::size_t i = 0; i < size; ++i) mpfr_set((*out)(i, i), (*diagonal)[i], MPFR_RNDN);
    return out;
  }
  /// @throws ShapeError for a diagonal matrix.
  [[nodiscard]] const mpsharp::Matrix& matrix() const {
    if (X == nullptr)
      throw mpsharp::ShapeError("data: expected a dense matrix, got a diagonal one");
    return *X;
  }
};

inline mpsharp::Mpfr scalar(const mpsharp::Vector& x, const char* what) {
  if (x.size() != 1) throw mpsharp::ShapeError(std::string(what) + ": expected one number");
  mpsharp::Mpfr out(x.bits());
  mpfr_set(out, x[0], MPFR_RNDN);
  return out;
}
