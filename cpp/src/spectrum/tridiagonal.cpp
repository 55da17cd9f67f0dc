#include "mpsharp/spectrum/tridiagonal.hpp"

#include <stdexcept>
#include <utility>

#include "elementary.hpp"

namespace mpsharp {

namespace {

void subtract_product(mpfr_ptr acc, mpfr_ptr scratch, mpfr_srcptr a, mpfr_srcptr b) {
  mpfr_mul(scratch, a, b, MPFR_RNDN);
  mpfr_sub(acc, acc, scratch, MPFR_RNDN);
}

}  // namespace

Tridiagonalization tridiagonalize(Matrix a, const Poll& poll) {
  const std::size_t k = a.rows();
  const Bits bits = a.bits();
  Tridiagonalization out{{Vector(k, bits), Vector(k > 0 ? k - 1 : 0, bits)}, Matrix(k, k, bits)};
  Vector scale(k, bits);  // 2 / (h'h) of each reflector; 0 where none was needed
  Vector p(k, bits);
  Mpfr scratch(bits), sum(bits), norm(bits);

  // Reflector j is kept in column j of `a`, rows j + 1 .. k - 1.
  for (std::size_t j = 0; j + 2 < k; ++j) {
    const std::size_t first = j + 1;
    mpfr_set_zero(sum, 1);
    for (std::size_t i = first + 1; i < k; ++i) add_product(sum, scratch, a(i, j), a(i, j));
    mpfr_set(out.t.off_diagonal[j], a(first, j), MPFR_RNDN);
    if (mpfr_zero_p(sum)) continue;
    mpfr_set(norm, sum, MPFR_RNDN);
    add_product(norm, scratch, a(first, j), a(first, j));
    mpfr_sqrt(norm, norm, MPFR_RNDN);
    if (mpfr_signbit(a(first, j)) == 0) mpfr_neg(norm, norm, MPFR_RNDN);
    mpfr_set(out.t.off_diagonal[j], norm, MPFR_RNDN);
    mpfr_sub(a(first, j), a(first, j), norm, MPFR_RNDN);  // no cancellation: opposite signs
    add_product(sum, scratch, a(first, j), a(first, j));
    mpfr_ui_div(scale[j], 2, sum, MPFR_RNDN);

    // p = scale A h, then p -= (scale / 2) (p'h) h, then A -= h p' + p h'  (lower triangle).
    for (std::size_t i = first; i < k; ++i) {
      mpfr_set_zero(p[i], 1);
      for (std::size_t m = first; m < k; ++m) {
        add_product(p[i], scratch, m <= i ? a(i, m) : a(m, i), a(m, j));
      }
      mpfr_mul(p[i], p[i], scale[j], MPFR_RNDN);
    }
    mpfr_set_zero(sum, 1);
    for (std::size_t i = first; i < k; ++i) add_product(sum, scratch, p[i], a(i, j));
    mpfr_mul(sum, sum, scale[j], MPFR_RNDN);
    mpfr_div_2ui(sum, sum, 1, MPFR_RNDN);
    for (std::size_t i = first; i < k; ++i) subtract_product(p[i], scratch, sum, a(i, j));
    for (std::size_t i = first; i < k; ++i) {
      for (std::size_t m = first; m <= i; ++m) {
        subtract_product(a(i, m), scratch, a(i, j), p[m]);
        subtract_product(a(i, m), scratch, p[i], a(m, j));
      }
    }
    poll();
  }
  if (k >= 2) mpfr_set(out.t.off_diagonal[k - 2], a(k - 1, k - 2), MPFR_RNDN);
  for (std::size_t i = 0; i < k; ++i) mpfr_set(out.t.diagonal[i], a(i, i), MPFR_RNDN);

  // Q = H_0 H_1 ..., applied from the last so that only the trailing block is touched.
  for (std::size_t i = 0; i < k; ++i) mpfr_set_ui(out.q(i, i), 1, MPFR_RNDN);
  for (std::size_t j = k < 3 ? 0 : k - 2; j-- > 0;) {
    if (mpfr_zero_p(scale[j])) continue;
    const std::size_t first = j + 1;
    for (std::size_t m = first; m < k; ++m) mpfr_set_zero(p[m], 1);
    for (std::size_t i = first; i < k; ++i) {
      for (std::size_t m = first; m < k; ++m) add_product(p[m], scratch, a(i, j), out.q(i, m));
    }
    for (std::size_t m = first; m < k; ++m) mpfr_mul(p[m], p[m], scale[j], MPFR_RNDN);
    for (std::size_t i = first; i < k; ++i) {
      for (std::size_t m = first; m < k; ++m) {
        subtract_product(out.q(i, m), scratch, a(i, j), p[m]);
      }
    }
    poll();
  }
  return out;
}

Eigenpairs eigenpairs(Tridiagonalization form, const Poll& poll) {
  const std::size_t k = form.t.diagonal.size();
  const Bits bits = form.t.diagonal.bits();
  Vector& d = form.t.diagonal;
  Vector e(k, bits);  // one longer, as the algorithm likes it
  for (std::size_t i = 0; i + 1 < k; ++i) mpfr_set(e[i], form.t.off_diagonal[i], MPFR_RNDN);
  Matrix& q = form.q;
  Mpfr g(bits), r(bits), s(bits), c(bits), p(bits), f(bits), b(bits), x(bits), y(bits);

  // Negligible off-diagonals are measured against the whole matrix: small eigenvalues are absolute.
  Mpfr negligible(bits);
  for (std::size_t i = 0; i < k; ++i) {
    if (mpfr_cmpabs(d[i], negligible) > 0) mpfr_abs(negligible, d[i], MPFR_RNDN);
    if (mpfr_cmpabs(e[i], negligible) > 0) mpfr_abs(negligible, e[i], MPFR_RNDN);
  }
  mpfr_div_2ui(negligible, negligible, static_cast<unsigned long>(bits.value()), MPFR_RNDN);

  for (std::size_t l = 0; l < k; ++l) {
    for (int iteration = 0;; ++iteration) {
      std::size_t m = l;
      while (m + 1 < k && mpfr_cmpabs(e[m], negligible) > 0) ++m;
      if (m == l) break;
      if (iteration == 200) throw std::runtime_error("eigenpairs: QL iteration did not converge");
      // Wilkinson's shift.
      mpfr_sub(g, d[l + 1], d[l], MPFR_RNDN);
      mpfr_div(g, g, e[l], MPFR_RNDN);
      mpfr_div_2ui(g, g, 1, MPFR_RNDN);
      mpfr_set_ui(x, 1, MPFR_RNDN);
      mpfr_hypot(r, g, x, MPFR_RNDN);
      mpfr_copysign(r, r, g, MPFR_RNDN);
      mpfr_add(g, g, r, MPFR_RNDN);
      mpfr_div(g, e[l], g, MPFR_RNDN);
      mpfr_add(g, g, d[m], MPFR_RNDN);
      mpfr_sub(g, g, d[l], MPFR_RNDN);
      mpfr_set_ui(s, 1, MPFR_RNDN);
      mpfr_set_ui(c, 1, MPFR_RNDN);
      mpfr_set_zero(p, 1);
      bool underflow = false;
      for (std::size_t i = m; i-- > l;) {
        mpfr_mul(f, s, e[i], MPFR_RNDN);
        mpfr_mul(b, c, e[i], MPFR_RNDN);
        mpfr_hypot(r, f, g, MPFR_RNDN);
        mpfr_set(e[i + 1], r, MPFR_RNDN);
        if (mpfr_zero_p(r)) {
          mpfr_sub(d[i + 1], d[i + 1], p, MPFR_RNDN);
          mpfr_set_zero(e[m], 1);
          underflow = true;
          break;
        }
        mpfr_div(s, f, r, MPFR_RNDN);
        mpfr_div(c, g, r, MPFR_RNDN);
        mpfr_sub(g, d[i + 1], p, MPFR_RNDN);
        mpfr_sub(r, d[i], g, MPFR_RNDN);
        mpfr_mul(r, r, s, MPFR_RNDN);
        mpfr_mul(x, c, b, MPFR_RNDN);
        mpfr_mul_2ui(x, x, 1, MPFR_RNDN);
        mpfr_add(r, r, x, MPFR_RNDN);
        mpfr_mul(p, s, r, MPFR_RNDN);
        mpfr_add(d[i + 1], g, p, MPFR_RNDN);
        mpfr_mul(g, c, r, MPFR_RNDN);
        mpfr_sub(g, g, b, MPFR_RNDN);
        for (std::size_t row = 0; row < q.rows(); ++row) {
          mpfr_ptr left = q(row, i), right = q(row, i + 1);
          mpfr_set(f, right, MPFR_RNDN);
          mpfr_mul(x, s, left, MPFR_RNDN);
          mpfr_mul(y, c, f, MPFR_RNDN);
          mpfr_add(right, x, y, MPFR_RNDN);
          mpfr_mul(x, c, left, MPFR_RNDN);
          mpfr_mul(y, s, f, MPFR_RNDN);
          mpfr_sub(left, x, y, MPFR_RNDN);
        }
      }
      poll();
      if (underflow) continue;
      mpfr_sub(d[l], d[l], p, MPFR_RNDN);
      mpfr_set(e[l], g, MPFR_RNDN);
      mpfr_set_zero(e[m], 1);
    }
  }
  return {std::move(d), std::move(q)};
}

}  // namespace mpsharp
