#pragma once

#include "elementary.hpp"
#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

/// lambda I - H, factored as L D L' in blocks.
class Shifted {
 public:
  Shifted(const Arrow& arrow, const Vector& metric_border)
      : arrow_(arrow),
        k_(arrow.border.size()),
        m_(arrow.w.size()),
        bits_(arrow.border.bits()),
        inverse_pivot_(k_, bits_),
        ratio_(k_, bits_),
        p_(k_, bits_),
        metric_border_(metric_border),
        rhs_(k_, bits_),
        f_(m_, m_, bits_),
        scratch_(bits_),
        sum_(bits_),
        pivot_(bits_) {}

  /// Factors at `lambda`; returns whether the matrix is positive definite.
  bool factor(const Mpfr& lambda) {
    bool definite = true;
    for (std::size_t i = 0; i < k_; ++i) {
      mpfr_sub(pivot_, lambda, arrow_.a.diagonal[i], MPFR_RNDN);
      if (i > 0) {
        mpfr_mul(scratch_, arrow_.a.off_diagonal[i - 1], ratio_[i - 1], MPFR_RNDN);
        mpfr_sub(pivot_, pivot_, scratch_, MPFR_RNDN);
      }
      definite = guard(pivot_, lambda) && definite;
      mpfr_ui_div(inverse_pivot_[i], 1, pivot_, MPFR_RNDN);
      if (i + 1 < k_) {
        mpfr_mul(ratio_[i], arrow_.a.off_diagonal[i], inverse_pivot_[i], MPFR_RNDN);
      }
    }
    copy(rhs_, arrow_.border);
    solve_tridiagonal(p_, rhs_);
    inner(sum_, scratch_, metric_border_, p_);  // phi
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        mpfr_mul(f_(i, j), arrow_.w[i], arrow_.w[j], MPFR_RNDN);
        mpfr_mul(f_(i, j), f_(i, j), sum_, MPFR_RNDN);
        mpfr_add(f_(i, j), f_(i, j), arrow_.corner(i, j), MPFR_RNDN);
        mpfr_neg(f_(i, j), f_(i, j), MPFR_RNDN);
      }
      mpfr_add(f_(i, i), f_(i, i), lambda, MPFR_RNDN);
    }
    for (std::size_t j = 0; j < m_; ++j) {  // L below the diagonal, D on it
      definite = guard(f_(j, j), lambda) && definite;
      for (std::size_t i = j + 1; i < m_; ++i) {
        mpfr_div(pivot_, f_(i, j), f_(j, j), MPFR_RNDN);
        for (std::size_t l = j + 1; l <= i; ++l) subtract_product(f_(i, l), pivot_, f_(l, j));
      }
      for (std::size_t i = j + 1; i < m_; ++i) {
        mpfr_div(f_(i, j), f_(i, j), f_(j, j), MPFR_RNDN);
      }
    }
    return definite;
  }

  /// (y, x) <- (lambda I - H)^-1 (y, x).
  void solve(Vector& y, Vector& x) {
    inner_metric(sum_, y, p_);  // b'M (lambda - A)^-1 y, by symmetry of A in the metric
    for (std::size_t i = 0; i < m_; ++i) add_product(x[i], scratch_, arrow_.w[i], sum_);
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j < i; ++j) subtract_product(x[i], f_(i, j), x[j]);
    }
    for (std::size_t i = 0; i < m_; ++i) mpfr_div(x[i], x[i], f_(i, i), MPFR_RNDN);
    for (std::size_t i = m_; i-- > 0;) {
      for (std::size_t j = i + 1; j < m_; ++j) subtract_product(x[i], f_(j, i), x[j]);
    }
    inner(sum_, scratch_, arrow_.w, x);
    solve_tridiagonal(y, y);
    for (std::size_t i = 0; i < k_; ++i) add_product(y[i], scratch_, p_[i], sum_);
  }

  /// mixed <- <q, q0> and square <- <q, q> for q = (y, x), q0 = (y0, x0), with one product with M.
  void inner_products(mpfr_ptr mixed, const Vector& y0, const Vector& x0, mpfr_ptr square,
                      const Vector& y, const Vector& x) {
    if (arrow_.metric != nullptr) {
      multiply(rhs_, scratch_, *arrow_.metric, y);
    } else {
      copy(rhs_, y);
    }
    inner(mixed, scratch_, y0, rhs_);
    inner(square, scratch_, y, rhs_);
    for (std::size_t i = 0; i < m_; ++i) {
      add_product(mixed, scratch_, x0[i], x[i]);
      add_product(square, scratch_, x[i], x[i]);
    }
  }

 private:
  /// Whether a pivot is positive; replaces zero by something negligible so that solves go on.
  bool guard(mpfr_ptr pivot, const Mpfr& lambda) const {
    if (mpfr_zero_p(pivot)) {
      mpfr_div_2ui(pivot, lambda, static_cast<unsigned long>(bits_.value()), MPFR_RNDN);
      if (mpfr_zero_p(pivot)) mpfr_set_ui_2exp(pivot, 1, -bits_.value(), MPFR_RNDN);
      return false;
    }
    return mpfr_sgn(pivot) > 0;
  }

  void subtract_product(mpfr_ptr acc, mpfr_srcptr a, mpfr_srcptr b) {
    mpfr_mul(scratch_, a, b, MPFR_RNDN);
    mpfr_sub(acc, acc, scratch_, MPFR_RNDN);
  }

  /// out <- (lambda - A)^-1 in; the two may be the same.
  void solve_tridiagonal(Vector& out, const Vector& in) {
    if (&out != &in) copy(out, in);
    for (std::size_t i = 1; i < k_; ++i) add_product(out[i], scratch_, ratio_[i - 1], out[i - 1]);
    for (std::size_t i = k_; i-- > 0;) {
      mpfr_mul(out[i], out[i], inverse_pivot_[i], MPFR_RNDN);
      if (i + 1 < k_) add_product(out[i], scratch_, ratio_[i], out[i + 1]);
    }
  }

  void inner_metric(mpfr_ptr out, const Vector& y, const Vector& y2) {
    if (arrow_.metric != nullptr) {
      multiply(rhs_, scratch_, *arrow_.metric, y2);
      inner(out, scratch_, y, rhs_);
    } else {
      inner(out, scratch_, y, y2);
    }
  }

  const Arrow& arrow_;
  std::size_t k_, m_;
  Bits bits_;
  Vector inverse_pivot_, ratio_;
  Vector p_;                     ///< (lambda - A)^-1 b
  const Vector& metric_border_;  ///< M b
  Vector rhs_;
  Matrix f_;
  Mpfr scratch_, sum_, pivot_;
};

}  // namespace mpsharp
