#include "mpsharp/spectrum/gram.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "arrow_operator.hpp"
#include "double_arrow.hpp"
#include "elementary.hpp"
#include "fixed_products.hpp"
#include "gram_matrix.hpp"
#include "mpsharp/error.hpp"
#include "mpsharp/kernels/matmul.hpp"
#include "mpsharp/models/minimalist.hpp"
#include "mpsharp/spectrum/arrow.hpp"
#include "symmetric_eigenpairs.hpp"
#include "top_eigenvalues.hpp"

namespace mpsharp {

namespace {

/// G / n: w_l^2 s's on the diagonal, w_l w_m s's + (prod_{k != l, m} v_k) s'z off it.
Matrix corner_block(const Vector& w, const Vector& v, mpfr_srcptr ss, mpfr_srcptr sz,
                    std::size_t n) {
  const std::size_t m = v.size();
  const Bits bits = w.bits();
  Matrix g(m, m, bits);
  Mpfr product(bits);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      mpfr_mul(g(i, j), w[i], w[j], MPFR_RNDN);
      mpfr_mul(g(i, j), g(i, j), ss, MPFR_RNDN);
      if (i != j) {
        mpfr_set(product, sz, MPFR_RNDN);
        for (std::size_t l = 0; l < m; ++l) {
          if (l != i && l != j) mpfr_mul(product, product, v[l], MPFR_RNDN);
        }
        mpfr_add(g(i, j), g(i, j), product, MPFR_RNDN);
      }
      mpfr_div_ui(g(i, j), g(i, j), n, MPFR_RNDN);
    }
  }
  return g;
}

std::shared_ptr<const Matrix> transpose(const Matrix& matrix) {
  auto out = std::make_shared<Matrix>(matrix.columns(), matrix.rows(), matrix.bits());
  for (std::size_t i = 0; i < matrix.rows(); ++i) {
    for (std::size_t j = 0; j < matrix.columns(); ++j) {
      mpfr_set((*out)(j, i), matrix(i, j), MPFR_RNDN);
    }
  }
  return out;
}

}  // namespace

GramForm::GramForm(const Vector& sigma, Bits bits, std::size_t n_samples)
    : X_(make_diagonal_products(sigma, Arithmetic::exact)),
      n_samples_(n_samples),
      rows_(true),
      rank_(sigma.size()),
      t_{Vector(sigma.size(), bits), Vector(sigma.size() == 0 ? 0 : sigma.size() - 1, bits)},
      size_(coarse_bits),
      defect_(coarse_bits) {
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    mpfr_sqr(t_.diagonal[i], sigma[i], MPFR_RNDN);
  }
}

GramForm::~GramForm() = default;

GramForm::GramForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
                   std::size_t n_samples, std::size_t rank, unsigned threads, const Poll& poll)
    : X_(std::move(X)),
      n_samples_(n_samples),
      rows_(data.rows() <= data.columns()),
      rank_(rank),
      t_{Vector(0, bits), Vector(0, bits)},
      size_(coarse_bits),
      defect_(coarse_bits) {
  const Matrix a = gram_matrix(data, rows_, bits, threads, poll);
  Eigenpairs pairs = symmetric_eigenpairs(a, threads, poll);
  Matrix& q = pairs.vectors;
  const bool fixed = FixedProducts::serves(bits);
  if (fixed) FixedProducts::cut(q);  // before the defect is measured, which then covers it
  t_ = {std::move(pairs.values), Vector(q.rows() - 1, bits)};
  measure_defect(a, q, threads, poll);
  // Q' is read row by row, as it lies in memory: Q'x with Q would jump through it.
  const std::shared_ptr<const Matrix> rows = transpose(q);
  if (fixed) {
    fixed_to_basis_ = std::make_unique<const FixedProducts>(*rows);
  } else {
    to_basis_ = make_products(rows, Arithmetic::exact, threads);
  }
  if (rows_) {
    inverse_poles_ = Vector(rank_, bits);
    for (std::size_t i = 0; i < rank_; ++i) {
      mpfr_ui_div(inverse_poles_[i], 1, t_.diagonal[i], MPFR_RNDN);
    }
  }
}

void GramForm::measure_defect(const Matrix& a, const Matrix& q, unsigned threads,
                              const Poll& poll) {
  const std::size_t k = order();
  Mpfr e(coarse_bits), f(coarse_bits), term(coarse_bits);
  Mpfr entry(bits());
  Matrix product(k, k, bits());
  const auto add_square = [&](Mpfr& sum) {
    mpfr_sqr(term, entry, MPFR_RNDU);
    mpfr_add(sum, sum, term, MPFR_RNDU);
  };
  multiply(product, transposed(q), q, threads, poll);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      mpfr_sub_ui(entry, product(i, j), i == j ? 1 : 0, MPFR_RNDN);
      add_square(f);
    }
  }
  multiply(product, a, q, threads, poll);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      mpfr_mul(entry, q(i, j), t_.diagonal[j], MPFR_RNDN);
      mpfr_sub(entry, product(i, j), entry, MPFR_RNDN);
      add_square(e);
    }
  }
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_abs(term, t_.diagonal[i], MPFR_RNDU);
    if (mpfr_cmp(term, size_) > 0) mpfr_set(size_, term, MPFR_RNDU);
  }
  mpfr_sqrt(defect_, e, MPFR_RNDU);
  if (!mpfr_zero_p(size_)) mpfr_div(defect_, defect_, size_, MPFR_RNDU);
  mpfr_sqrt(f, f, MPFR_RNDU);
  mpfr_add(defect_, defect_, f, MPFR_RNDU);
  // Rounding errors of these differences.
  mpfr_set_ui_2exp(term, 4 * k, -bits().value(), MPFR_RNDU);
  mpfr_add(defect_, defect_, term, MPFR_RNDU);
}

void GramForm::to_diagonal(Vector& out, const Vector& x, const Poll& poll) const {
  if (fixed_to_basis_ != nullptr) {
    fixed_to_basis_->apply(out, x);
  } else if (to_basis_ != nullptr) {
    to_basis_->apply(out, x, poll);
  } else {
    copy(out, x);
  }
}

Mpfr GramForm::reduction_error(const Arrow& arrow, const Vector& border,
                               const TopEigenpair& pair) const {
  // In full coordinates the vector is (Q y, x). With E = A Q - Q T and F = Q'Q - I, H of it differs
  // from the arrow's by a X'E y, by X'F b (w'x) and by w b'(E + F T) y, as far as first order goes;
  // ||X'|| is sqrt(||T||). Where A = X'X there is no X' in front.
  const Bits bits = coarse_bits;
  Mpfr out(bits), scratch(bits);
  if (!is_rotated()) return out;
  const Mpfr y = length_of(pair.y), w = length_of(arrow.w);
  Mpfr b = length_of(border), coupling = length_of(pair.x);
  mpfr_div_ui(b, b, n_samples_, MPFR_RNDU);
  mpfr_mul(coupling, coupling, w, MPFR_RNDU);
  mpfr_mul(out, arrow.scale, y, MPFR_RNDU);  // scale ||T|| ||y|| + ||w|| ||x|| ||b||
  mpfr_mul(out, out, size_, MPFR_RNDU);
  mpfr_mul(coupling, coupling, b, MPFR_RNDU);
  mpfr_add(out, out, coupling, MPFR_RNDU);
  mpfr_mul(b, b, y, MPFR_RNDU);  // ||w|| ||b|| ||y||
  mpfr_mul(b, b, w, MPFR_RNDU);
  if (rows_) {
    mpfr_sqrt(scratch, size_, MPFR_RNDU);
    mpfr_mul(out, out, scratch, MPFR_RNDU);
    mpfr_mul(b, b, size_, MPFR_RNDU);
  }
  mpfr_add(out, out, b, MPFR_RNDU);
  mpfr_mul(out, out, defect_, MPFR_RNDU);
  mpfr_div(out, out, pair.norm, MPFR_RNDU);
  return out;
}

void GramForm::projected_square(mpfr_ptr out, const Vector& f) const {
  // ||Pi u||^2 = s'A^-1 s where A = XX', and u'Pi u where A = X'X.
  Mpfr scratch(bits());
  mpfr_set_zero(out, 1);
  for (std::size_t i = 0; i < rank_; ++i) {
    mpfr_sqr(scratch, f[i], MPFR_RNDN);
    if (rows_) mpfr_mul(scratch, scratch, inverse_poles_[i], MPFR_RNDN);
    mpfr_add(out, out, scratch, MPFR_RNDN);
  }
}

bool GramForm::shares_projection() const {
  return is_rotated() && rank_ == order() && rank_ != X_->columns();
}

std::shared_ptr<const GramForm::Labels> GramForm::labels(const Vector& y, const Poll& poll) const {
  const auto same = [&y](const Vector& other) {
    if (other.size() != y.size() || other.bits() != y.bits()) return false;
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (mpfr_equal_p(other[i], y[i]) == 0) return false;
    }
    return true;
  };
  {
    const std::scoped_lock lock(labels_mutex_);
    if (labels_ != nullptr && same(labels_->y)) return labels_;
  }
  auto made = std::make_shared<Labels>(Labels{y, Vector(order(), bits())});
  to_diagonal(made->reduced, y, poll);
  const std::scoped_lock lock(labels_mutex_);
  labels_ = made;
  return made;
}

void GramForm::projected_square(mpfr_ptr out, const Vector& u, const Vector& s,
                                const Poll& poll) const {
  if (rank_ == X_->columns()) {  // X has full column rank: Pi = I
    dot(out, u, u, Arithmetic::exact);
    return;
  }
  Vector f(order(), bits());
  to_diagonal(f, rows_ ? s : u, poll);
  projected_square(out, f);
}

Mpfr GramForm::projected_square(const Vector& u, const Poll& poll) const {
  Vector s(X_->rows(), bits());
  X_->apply(s, u, poll);
  Mpfr out(bits());
  projected_square(out, u, s, poll);
  return out;
}

GramForm::State GramForm::state(const StateView& seen, const Vector& y, const Poll& poll) const {
  const std::size_t rows = X_->rows(), n = n_samples_, m = seen.v.size();
  const Bits wide = bits();
  const bool known = seen.s != nullptr && seen.s->bits() == wide;
  State at{known ? *seen.s : Vector(rows, wide),
           Vector(m, wide),
           Vector(m, wide),
           Vector(order(), wide),
           Mpfr(wide),
           Mpfr(wide),
           Matrix(0, 0, wide)};
  Vector z(rows, wide), t(rows, wide);
  Mpfr& c = at.c;
  Mpfr ss(wide), sz(wide), scratch(wide);
  if (!known) X_->apply(at.s, seen.u(), poll);
  copy(at.v, seen.v);
  layer_products(c, at.w, at.v);
  for (std::size_t i = 0; i < rows; ++i) {
    mpfr_mul(scratch, c, at.s[i], MPFR_RNDN);
    mpfr_sub(z[i], scratch, y[i], MPFR_RNDN);
    mpfr_add(t[i], z[i], scratch, MPFR_RNDN);
  }
  dot(ss, at.s, at.s, Arithmetic::exact);
  dot(sz, at.s, z, Arithmetic::exact);
  mpfr_sqr(at.scale, c, MPFR_RNDN);
  mpfr_div_ui(at.scale, at.scale, n, MPFR_RNDN);
  at.corner = corner_block(at.w, at.v, ss, sz, n);
  if (rows_) {
    copy(at.border, t);
  } else {
    X_->apply_transposed(at.border, t, poll);
  }
  return at;
}

Arrow GramForm::arrow(const State& at, const Tridiagonal& t, Vector border) const {
  const std::size_t k = border.size();
  Arrow out{{Vector(k, bits()), t.off_diagonal},
            rows_ ? &t : nullptr,
            at.scale,
            std::move(border),
            at.w,
            at.corner};
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_div_ui(out.border[i], out.border[i], n_samples_, MPFR_RNDN);
    mpfr_mul(out.a.diagonal[i], t.diagonal[i], at.scale, MPFR_RNDN);
  }
  return out;
}

Observation GramForm::observe(const StateView& seen, const Vector& y, Bits precision,
                              const Poll& poll) const {
  const std::size_t m = seen.v.size();
  Observation out{Mpfr(precision), Mpfr(precision), Vector(m, precision)};
  // What is not finite in u makes X u so.
  if (!is_finite(seen.s != nullptr ? *seen.s : seen.u()) || !is_finite(seen.v)) {
    mpfr_set_nan(out.sharpness);
    mpfr_set_nan(out.residual);
    for (std::size_t l = 0; l < m; ++l) mpfr_set_nan(out.imbalance[l]);
    return out;
  }
  const State at = state(seen, y, poll);
  Vector border(order(), bits()), reduced_s(0, bits());
  if (shares_projection()) {
    // Q't = 2 c Q's - Q'y: the imbalance needs Q's, too, and Q'y is always the same.
    const std::shared_ptr<const Labels> fixed = labels(y, poll);
    reduced_s = Vector(order(), bits());
    to_diagonal(reduced_s, at.s, poll);
    for (std::size_t i = 0; i < order(); ++i) {
      mpfr_mul(border[i], at.c, reduced_s[i], MPFR_RNDN);
      mpfr_mul_2ui(border[i], border[i], 1, MPFR_RNDN);
      mpfr_sub(border[i], border[i], fixed->reduced[i], MPFR_RNDN);
    }
  } else {
    to_diagonal(border, at.border, poll);
  }
  const Arrow reduced = arrow(at, t_, std::move(border));
  const TopEigenpair pair = top_eigenpair(reduced, precision.value() + 24, poll);
  mpfr_set(out.sharpness, pair.value, MPFR_RNDN);
  mpfr_add(out.residual, pair.residual, reduction_error(reduced, at.border, pair), MPFR_RNDU);

  Mpfr norm(bits()), scratch(bits());
  if (shares_projection()) {
    projected_square(norm, reduced_s);
  } else {
    projected_square(norm, seen.u(), at.s, poll);
  }
  for (std::size_t l = 0; l < m; ++l) {
    mpfr_sqr(scratch, at.v[l], MPFR_RNDN);
    mpfr_sub(out.imbalance[l], norm, scratch, MPFR_RNDN);
  }
  return out;
}

Vector GramForm::eigenvalues(const Vector& u, const Vector& v, const Vector& y, Bits precision,
                             std::size_t count, std::size_t n_features, const Poll& poll) const {
  const std::size_t m = v.size();
  if (n_features < X_->columns()) {
    throw ShapeError("n_features: expected at least " + std::to_string(X_->columns()) + ", got " +
                     std::to_string(n_features));
  }
  if (count > n_features + m) {
    throw ShapeError("count: expected at most " + std::to_string(n_features + m) +
                     " eigenvalues, got " + std::to_string(count));
  }
  Vector out(count, precision);
  if (!is_finite(u) || !is_finite(v)) {
    for (std::size_t i = 0; i < count; ++i) mpfr_set_nan(out[i]);
    return out;
  }
  const State at = state({[&u]() -> const Vector& { return u; }, v}, y, poll);
  Tridiagonal poles{Vector(0, bits()), Vector(0, bits())};
  Vector border(order(), bits());
  to_diagonal(border, at.border, poll);
  const bool singular = rows_ && rank_ < order();
  if (singular) {
    // The metric is singular: its null vectors have no part in X'y, but a border that rounding
    // errors would couple to them with their square root.
    poles = kept_poles();
    Vector kept(poles.diagonal.size(), bits());
    copy(kept, border.span().first(kept.size()));
    border = std::move(kept);
  }
  const std::size_t k = border.size();
  const Arrow reduced = arrow(at, singular ? poles : t_, std::move(border));
  const Vector found =
      top_eigenvalues(reduced, std::min(count, k + m), precision.value() + 16, poll);
  std::size_t next = 0, zeros = n_features - k;  // the Hessian has these besides
  for (std::size_t i = 0; i < count; ++i) {
    if (next == found.size() || (zeros > 0 && mpfr_sgn(found[next]) < 0)) {
      mpfr_set_zero(out[i], 1);
      --zeros;
    } else {
      mpfr_set(out[i], found[next++], MPFR_RNDN);
    }
  }
  return out;
}

Tridiagonal GramForm::kept_poles() const {
  Mpfr least(bits());
  mpfr_mul_ui(least, t_.diagonal[0], order(), MPFR_RNDN);
  mpfr_div_2ui(least, least, static_cast<unsigned long>(bits().value() - 8), MPFR_RNDN);
  std::size_t kept = 0;
  while (kept < order() && mpfr_cmp(t_.diagonal[kept], least) > 0) ++kept;
  Tridiagonal out{Vector(kept, bits()), Vector(kept == 0 ? 0 : kept - 1, bits())};
  copy(out.diagonal, t_.diagonal.span().first(kept));
  return out;
}

}  // namespace mpsharp
