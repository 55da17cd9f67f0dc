#include "mpsharp/spectrum/arrow.hpp"

#include <utility>

#include "double_arrow.hpp"
#include "elementary.hpp"

namespace mpsharp {

namespace {

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

  /// out <- the Rayleigh quotient of (y, x); needs no factorisation.
  void rayleigh_quotient(mpfr_ptr out, const Vector& y, const Vector& x) {
    Mpfr norm(bits_), coupling(bits_);
    Vector image(k_, bits_);
    inner_product(norm, y, x, y, x);
    multiply(image, scratch_, arrow_.a, y);
    inner_metric(out, y, image);
    inner(sum_, scratch_, metric_border_, y);
    inner(coupling, scratch_, arrow_.w, x);
    mpfr_mul(coupling, coupling, sum_, MPFR_RNDN);
    mpfr_mul_2ui(coupling, coupling, 1, MPFR_RNDN);
    mpfr_add(out, out, coupling, MPFR_RNDN);
    for (std::size_t i = 0; i < m_; ++i) {
      mpfr_set_zero(sum_, 1);
      for (std::size_t j = 0; j < m_; ++j) add_product(sum_, scratch_, arrow_.corner(i, j), x[j]);
      add_product(out, scratch_, sum_, x[i]);
    }
    mpfr_div(out, out, norm, MPFR_RNDN);
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

  /// out <- (y, x)'(y2, x2) in the arrow's inner product.
  void inner_product(mpfr_ptr out, const Vector& y, const Vector& x, const Vector& y2,
                     const Vector& x2) {
    inner_metric(out, y, y2);
    for (std::size_t i = 0; i < m_; ++i) add_product(out, scratch_, x[i], x2[i]);
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

/// A bound for the norm of the arrow: the sum of the largest row sums of its blocks.
Mpfr norm_bound(const Arrow& arrow, const Vector& metric_border) {
  const Bits bits = arrow.border.bits();
  Mpfr bound(bits), row(bits), scratch(bits), w_norm(bits);
  const auto keep_largest = [&row](Mpfr& largest) {
    if (mpfr_cmp(row, largest) > 0) mpfr_set(largest, row, MPFR_RNDN);
  };
  const auto add_abs = [&](mpfr_srcptr x) {
    mpfr_abs(scratch, x, MPFR_RNDN);
    mpfr_add(row, row, scratch, MPFR_RNDN);
  };
  const std::size_t k = arrow.border.size(), m = arrow.w.size();
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_set_zero(row, 1);
    add_abs(arrow.a.diagonal[i]);
    if (i > 0) add_abs(arrow.a.off_diagonal[i - 1]);
    if (i + 1 < k) add_abs(arrow.a.off_diagonal[i]);
    keep_largest(bound);
  }
  Mpfr corner(bits);
  for (std::size_t i = 0; i < m; ++i) {
    mpfr_set_zero(row, 1);
    for (std::size_t j = 0; j < m; ++j) add_abs(arrow.corner(i, j));
    keep_largest(corner);
  }
  // ||b||_M ||w||
  inner(row, scratch, arrow.border, metric_border);
  inner(w_norm, scratch, arrow.w, arrow.w);
  mpfr_mul(row, row, w_norm, MPFR_RNDN);
  if (mpfr_sgn(row.get()) < 0)
    mpfr_set_zero(row, 1);  // rounding, where b is in the null space of M
  mpfr_sqrt(row, row, MPFR_RNDN);
  mpfr_add(bound, bound, corner, MPFR_RNDN);
  mpfr_add(bound, bound, row, MPFR_RNDN);
  return bound;
}

}  // namespace

TopEigenpair top_eigenpair(const Arrow& arrow, long accuracy, const Poll& poll) {
  const std::size_t k = arrow.border.size(), m = arrow.w.size();
  const Bits bits = arrow.border.bits();
  TopEigenpair pair{Mpfr(bits), Vector(k, bits), Vector(m, bits)};
  Vector metric_border = arrow.border;  // M b
  if (arrow.metric != nullptr) {
    Mpfr scratch(bits);
    multiply(metric_border, scratch, *arrow.metric, arrow.border);
  }
  const Mpfr bound = norm_bound(arrow, metric_border);
  if (mpfr_zero_p(bound)) {  // H = 0: any vector will do, and 0 is the answer
    if (m > 0) mpfr_set_ui(pair.x[0], 1, MPFR_RNDN);
    return pair;
  }
  const long exponent = mpfr_get_exp(bound);
  Mpfr tolerance(bits);
  mpfr_div_2ui(tolerance, bound, static_cast<unsigned long>(accuracy), MPFR_RNDN);

  DoubleArrow rough(arrow, metric_border, exponent);
  const double rough_value = bisect(rough, -1.0, 1.5);
  Mpfr start(rough_value, bits);
  mpfr_mul_2si(start, start, exponent, MPFR_RNDN);

  Shifted shifted(arrow, metric_border);
  Mpfr norm(bits), step(bits), above(bits);
  Vector y0(k, bits), x0(m, bits);

  // Rayleigh quotient iteration: with (lambda - H) q = q0, the Rayleigh quotient of q is
  // lambda - <q, q0> / <q, q>. Each pass multiplies the number of right bits by three, so it may
  // stop
  // (`eager`) where the next correction would be below the tolerance; the check below has the last
  // word.
  const auto iterate = [&](bool eager) {
    for (int pass = 0; pass < 40; ++pass) {
      copy(y0, pair.y);
      copy(x0, pair.x);
      shifted.factor(pair.value);
      shifted.solve(pair.y, pair.x);
      shifted.inner_products(step, y0, x0, norm, pair.y, pair.x);
      mpfr_div(step, step, norm, MPFR_RNDN);
      mpfr_sub(pair.value, pair.value, step, MPFR_RNDN);
      poll();
      if (mpfr_number_p(step) == 0 || (pass > 1 && mpfr_cmpabs(step, tolerance) <= 0)) return;
      if (eager && 3 * (exponent - exponent_of(step)) > accuracy + 8) return;
    }
  };
  const auto start_from = [&](const Mpfr& value) {
    mpfr_set(pair.value, value, MPFR_RNDN);
    for (std::size_t i = 0; i < k; ++i) mpfr_set_d(pair.y[i], generic(i), MPFR_RNDN);
    for (std::size_t i = 0; i < m; ++i) mpfr_set_d(pair.x[i], generic(k + i), MPFR_RNDN);
  };
  // Nothing may lie above by more than this.
  const auto is_largest = [&] {
    mpfr_mul_2ui(step, tolerance, 2, MPFR_RNDN);
    mpfr_add(above, pair.value, step, MPFR_RNDN);
    return mpfr_number_p(pair.value) != 0 && shifted.factor(above);
  };

  bool done = false;
  if (rough.eigenvector(pair.y, pair.x, rough_value)) {
    shifted.rayleigh_quotient(pair.value, pair.y, pair.x);
    if (mpfr_number_p(pair.value) != 0) {
      iterate(true);
      done = is_largest();
    }
  }
  if (!done) {
    start_from(start);
    iterate(false);
    done = is_largest();
  }
  if (!done) {  // a start between clustered eigenvalues, or below the largest: bisect
    Mpfr low(bits), high(bound), middle(bits);
    mpfr_mul_2ui(high, high, 1, MPFR_RNDN);
    mpfr_neg(low, high, MPFR_RNDN);
    if (mpfr_number_p(pair.value) != 0) mpfr_set(low, pair.value, MPFR_RNDN);
    for (;;) {
      mpfr_sub(step, high, low, MPFR_RNDN);
      if (mpfr_cmp(step, tolerance) <= 0) break;
      mpfr_div_2ui(step, step, 1, MPFR_RNDN);
      mpfr_add(middle, low, step, MPFR_RNDN);
      mpfr_set(shifted.factor(middle) ? high : low, middle, MPFR_RNDN);
      poll();
    }
    start_from(high);
    iterate(false);
    mpfr_sub(step, pair.value, high, MPFR_RNDN);
    mpfr_mul_2ui(norm, tolerance, 2, MPFR_RNDN);
    if (mpfr_number_p(pair.value) == 0 || mpfr_cmpabs(step, norm) > 0) {
      mpfr_set(pair.value, high, MPFR_RNDN);
    }
  }
  return pair;
}

}  // namespace mpsharp
