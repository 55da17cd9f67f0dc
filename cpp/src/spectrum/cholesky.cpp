#include "mpsharp/spectrum/cholesky.hpp"

#include <utility>

#include "gram_matrix.hpp"
#include "mpsharp/error.hpp"

namespace mpsharp {

CholeskyForm::CholeskyForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
                           unsigned threads, const Poll& poll)
    : X_(std::move(X)), l_(gram_matrix(data, true, bits, threads, poll)) {
  const std::size_t n = l_.rows();
  Mpfr sum(bits);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      dot(sum, l_.row(i).first(j), l_.row(j).first(j), Arithmetic::exact);
      mpfr_sub(l_(i, j), l_(i, j), sum, MPFR_RNDN);
      if (i > j) {
        mpfr_div(l_(i, j), l_(i, j), l_(j, j), MPFR_RNDN);
      } else if (mpfr_sgn(l_(i, i)) > 0) {
        mpfr_sqrt(l_(i, i), l_(i, i), MPFR_RNDN);
      } else {
        throw ShapeError("X: expected full row rank for a Cholesky factorisation of XX'");
      }
    }
    for (std::size_t j = i + 1; j < n; ++j) mpfr_set_zero(l_(i, j), 1);
    poll();
  }
}

Vector CholeskyForm::right_coefficients(const Vector& u, const Poll& poll) const {
  Vector out(l_.rows(), l_.bits());
  X_->apply(out, u, poll);
  Mpfr sum(l_.bits());
  for (std::size_t i = 0; i < out.size(); ++i) {
    dot(sum, l_.row(i).first(i), out.span().first(i), Arithmetic::exact);
    mpfr_sub(out[i], out[i], sum, MPFR_RNDN);
    mpfr_div(out[i], out[i], l_(i, i), MPFR_RNDN);
  }
  return out;
}

Vector CholeskyForm::right_combination(const Vector& a, const Poll& poll) const {
  Vector rest(a.size(), l_.bits()), out(X_->columns(), l_.bits());
  copy(rest, a);
  Mpfr product(l_.bits());
  for (std::size_t i = rest.size(); i-- > 0;) {  // L'^-1 a
    mpfr_div(rest[i], rest[i], l_(i, i), MPFR_RNDN);
    for (std::size_t j = 0; j < i; ++j) {
      mpfr_mul(product, l_(i, j), rest[i], MPFR_RNDN);
      mpfr_sub(rest[j], rest[j], product, MPFR_RNDN);
    }
  }
  X_->apply_transposed(out, rest, poll);
  return out;
}

}  // namespace mpsharp
