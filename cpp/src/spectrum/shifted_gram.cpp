#include "mpsharp/spectrum/shifted_gram.hpp"

#include <string>
#include <utility>

#include "elementary.hpp"
#include "mpsharp/error.hpp"
#include "mpsharp/kernels/products.hpp"

namespace mpsharp {

ShiftedGram::ShiftedGram(std::shared_ptr<const Matrix> gram)
    : gram_(std::move(gram)),
      lower_(gram_->rows(), gram_->rows(), gram_->bits()),
      pivots_(gram_->rows(), gram_->bits()) {}

bool ShiftedGram::factor(const Mpfr& mu, const Mpfr& a, const Poll& poll) {
  const std::size_t k = order();
  bool positive = true;
  Vector row(k, bits());  // row i of L D
  Mpfr entry(bits()), sum(bits());
  for (std::size_t i = 0; i < k; ++i) {
    const ConstSpan row_so_far = row;
    for (std::size_t j = 0; j <= i; ++j) {
      mpfr_mul(entry, a, (*gram_)(i, j), MPFR_RNDN);
      if (i == j) {
        mpfr_sub(entry, mu, entry, MPFR_RNDN);
      } else {
        mpfr_neg(entry, entry, MPFR_RNDN);
      }
      const Matrix& lower = lower_;
      dot(sum, row_so_far.first(j), lower.row(j).first(j), Arithmetic::exact);
      mpfr_sub(row[j], entry, sum, MPFR_RNDN);
      if (j < i) mpfr_div(lower_(i, j), row[j], pivots_[j], MPFR_RNDN);
    }
    mpfr_set(pivots_[i], row[i], MPFR_RNDN);
    if (mpfr_sgn(pivots_[i]) <= 0) positive = false;
    if (mpfr_zero_p(pivots_[i])) {
      mpfr_abs(pivots_[i], mu, MPFR_RNDN);
      mpfr_div_2ui(pivots_[i], pivots_[i], static_cast<unsigned long>(bits().value()), MPFR_RNDN);
      if (mpfr_zero_p(pivots_[i])) mpfr_set_ui(pivots_[i], 1, MPFR_RNDN);
    }
    poll();
  }
  return positive;
}

Vector ShiftedGram::solve(const Vector& rhs) const {
  const std::size_t k = order();
  if (rhs.size() != k) {
    throw ShapeError("rhs: expected " + std::to_string(k) + " entries, got " +
                     std::to_string(rhs.size()));
  }
  Vector x(k, bits());
  copy(x, rhs);
  Mpfr scratch(bits());
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      mpfr_mul(scratch, lower_(i, j), x[j], MPFR_RNDN);
      mpfr_sub(x[i], x[i], scratch, MPFR_RNDN);
    }
  }
  for (std::size_t i = 0; i < k; ++i) mpfr_div(x[i], x[i], pivots_[i], MPFR_RNDN);
  for (std::size_t i = k; i-- > 0;) {
    for (std::size_t j = 0; j < i; ++j) {
      mpfr_mul(scratch, lower_(i, j), x[i], MPFR_RNDN);
      mpfr_sub(x[j], x[j], scratch, MPFR_RNDN);
    }
  }
  return x;
}

}  // namespace mpsharp
