#include "arrow_operator.hpp"

#include <algorithm>

#include "elementary.hpp"

namespace mpsharp {

namespace {

Tridiagonal rounded(const Tridiagonal& t, Bits bits) {
  Tridiagonal out{Vector(t.diagonal.size(), bits), Vector(t.off_diagonal.size(), bits)};
  copy(out.diagonal, t.diagonal);
  copy(out.off_diagonal, t.off_diagonal);
  return out;
}

Vector rounded(const Vector& x, Bits bits) {
  Vector out(x.size(), bits);
  copy(out, x);
  return out;
}

Matrix rounded(const Matrix& x, Bits bits) {
  return {x.rows(), x.columns(), rounded(x.entries(), bits)};
}

Mpfr rounded(const Mpfr& x, Bits bits) {
  Mpfr out(bits);
  mpfr_set(out, x, MPFR_RNDN);
  return out;
}

/// (oy, ox) <- H (y, x), and my <- M y.
void apply(Vector& oy, Vector& ox, Vector& my, const ArrowCopy& at, const Vector& y,
           const Vector& x) {
  const Arrow& arrow = at.arrow();
  const std::size_t k = y.size(), m = x.size();
  const Bits bits = arrow.border.bits();
  Mpfr scratch(bits), coupling(bits), carried(bits);
  inner(coupling, scratch, arrow.w, x);
  inner(carried, scratch, at.metric_border(), y);
  if (arrow.metric != nullptr) {
    multiply(my, scratch, *arrow.metric, y);
    for (std::size_t i = 0; i < k; ++i) mpfr_mul(oy[i], arrow.scale, my[i], MPFR_RNDN);
  } else {
    copy(my, y);
    multiply(oy, scratch, arrow.a, y);
  }
  for (std::size_t i = 0; i < k; ++i) add_product(oy[i], scratch, arrow.border[i], coupling);
  for (std::size_t i = 0; i < m; ++i) {
    mpfr_mul(ox[i], arrow.w[i], carried, MPFR_RNDN);
    for (std::size_t j = 0; j < m; ++j) add_product(ox[i], scratch, arrow.corner(i, j), x[j]);
  }
}

}  // namespace

ArrowCopy::ArrowCopy(const Arrow& arrow, Bits bits)
    : metric_(arrow.metric == nullptr ? Tridiagonal{Vector(0, bits), Vector(0, bits)}
                                      : rounded(*arrow.metric, bits)),
      arrow_{rounded(arrow.a, bits),     arrow.metric == nullptr ? nullptr : &metric_,
             rounded(arrow.scale, bits), rounded(arrow.border, bits),
             rounded(arrow.w, bits),     rounded(arrow.corner, bits)},
      metric_border_(rounded(arrow.border, bits)) {
  if (arrow.metric != nullptr) {
    Mpfr scratch(bits);
    multiply(metric_border_, scratch, metric_, arrow_.border);
  }
}

Evaluation::Evaluation(std::size_t k, std::size_t m, Bits bits)
    : value(bits), ry(k, bits), rx(m, bits), norm(bits), residual(bits) {}

Evaluation evaluate(const ArrowCopy& at, const Vector& y_in, const Vector& x_in) {
  const Bits bits = at.arrow().border.bits();
  const Vector y = rounded(y_in, bits), x = rounded(x_in, bits);
  const std::size_t k = y.size(), m = x.size();
  Evaluation out(k, m, bits);
  Vector my(k, bits);
  Mpfr scratch(bits);
  apply(out.ry, out.rx, my, at, y, x);
  inner(out.value, scratch, my, out.ry);
  inner(out.norm, scratch, my, y);
  for (std::size_t i = 0; i < m; ++i) {
    add_product(out.value, scratch, out.rx[i], x[i]);
    add_product(out.norm, scratch, x[i], x[i]);
  }
  mpfr_div(out.value, out.value, out.norm, MPFR_RNDN);
  mpfr_sqrt(out.norm, out.norm, MPFR_RNDN);
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul(scratch, out.value, y[i], MPFR_RNDN);
    mpfr_sub(out.ry[i], out.ry[i], scratch, MPFR_RNDN);
  }
  for (std::size_t i = 0; i < m; ++i) {
    mpfr_mul(scratch, out.value, x[i], MPFR_RNDN);
    mpfr_sub(out.rx[i], out.rx[i], scratch, MPFR_RNDN);
  }
  mpfr_div(out.residual, norm_of(at.arrow(), out.ry, out.rx), out.norm, MPFR_RNDU);
  return out;
}

void add_shifted_product(Vector& ry, Vector& rx, const ArrowCopy& at, const Mpfr& value,
                         const Vector& y, const Vector& x) {
  const Bits bits = at.arrow().border.bits();
  Vector oy(y.size(), bits), ox(x.size(), bits), my(y.size(), bits);
  Mpfr scratch(bits);
  apply(oy, ox, my, at, y, x);
  const auto add = [&](Vector& r, const Vector& image, const Vector& q) {
    for (std::size_t i = 0; i < r.size(); ++i) {
      mpfr_mul(scratch, value, q[i], MPFR_RNDN);
      mpfr_sub(scratch, image[i], scratch, MPFR_RNDN);
      mpfr_add(r[i], r[i], scratch, MPFR_RNDN);
    }
  };
  add(ry, oy, y);
  add(rx, ox, x);
}

Mpfr norm_of(const Arrow& arrow, const Vector& y_in, const Vector& x) {
  const Bits bits = coarse_bits;
  const std::size_t k = y_in.size();
  const Vector y = rounded(y_in, bits);
  Vector my = y;
  Mpfr sum(bits), sizes(bits), scratch(bits);
  if (arrow.metric != nullptr) multiply(my, scratch, *arrow.metric, y);
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul(scratch, y[i], my[i], MPFR_RNDN);
    mpfr_add(sum, sum, scratch, MPFR_RNDN);
    mpfr_abs(scratch, scratch, MPFR_RNDN);
    mpfr_add(sizes, sizes, scratch, MPFR_RNDU);
  }
  // y'My may cancel where y is close to the null space of M.
  mpfr_div_2ui(sizes, sizes, 53, MPFR_RNDU);
  mpfr_add(sum, sum, sizes, MPFR_RNDU);
  if (mpfr_sgn(sum.get()) < 0) mpfr_set_zero(sum, 1);
  for (std::size_t i = 0; i < x.size(); ++i) {
    mpfr_sqr(scratch, x[i], MPFR_RNDU);
    mpfr_add(sum, sum, scratch, MPFR_RNDU);
  }
  mpfr_sqrt(sum, sum, MPFR_RNDU);
  return sum;
}

Mpfr norm_bound(const ArrowCopy& coarse) {
  const Arrow& arrow = coarse.arrow();
  const Bits bits = arrow.border.bits();
  Mpfr bound(bits), row(bits), scratch(bits), w_norm(bits);
  const auto keep_largest = [&row](Mpfr& largest) {
    if (mpfr_cmp(row, largest) > 0) mpfr_set(largest, row, MPFR_RNDN);
  };
  const auto add_abs = [&](mpfr_srcptr x) {
    mpfr_abs(scratch, x, MPFR_RNDN);
    mpfr_add(row, row, scratch, MPFR_RNDU);
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
  inner(w_norm, scratch, arrow.w, arrow.w);
  mpfr_sqrt(w_norm, w_norm, MPFR_RNDU);
  mpfr_mul(row, norm_of(arrow, arrow.border, Vector(0, bits)), w_norm, MPFR_RNDU);
  mpfr_add(bound, bound, corner, MPFR_RNDU);
  mpfr_add(bound, bound, row, MPFR_RNDU);
  return bound;
}

Bits fast_bits(long bits, Bits most) {
  if (bits >= most.value()) return most;
  if (bits < 192) return Bits(std::min<long>(most.value(), (bits + 64) / 64 * 64 - 1));
  return Bits(std::min<long>(most.value(), (bits + 63) / 64 * 64));
}

}  // namespace mpsharp
