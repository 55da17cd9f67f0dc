#include "chord.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "elementary.hpp"
#include "fixed_point.hpp"
#include "scaled_arrow.hpp"

namespace mpsharp {

namespace {

/// Bits of the integers that corrections are made of: all that a double has.
constexpr long step_bits = 53;
/// Beyond, products of so many limbs want a faster method than one limb at a time.
constexpr long most_bits = 8192;

double product(const Doubles& a, const Doubles& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// A vector (y, x) in double.
struct Pair {
  Doubles y, x;
};

/// The scaled arrow in double, and (tau - H')^-1 of it.
class DoubleChord {
 public:
  explicit DoubleChord(const ScaledArrow& arrow)
      : arrow_(arrow),
        k_(arrow.k()),
        m_(arrow.m()),
        diagonal_(values(arrow.diagonal())),
        off_(values(arrow.off())),
        border_(values(arrow.border())),
        metric_border_(values(arrow.metric_border())),
        column_(values(arrow.column())),
        corner_(values(arrow.corner())),
        inverse_(k_),
        ratio_(k_),
        f_(m_ * m_),
        order_(m_) {}

  /// Whether tau - A' is positive definite and all is regular.
  bool factor(double tau) {
    double carried = 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      const double pivot = tau - diagonal_[i] - carried;
      if (!(pivot > 0.0)) return false;
      inverse_[i] = 1.0 / pivot;
      ratio_[i] = off_[i] * inverse_[i];
      carried = off_[i] * ratio_[i];
    }
    p_ = border_;
    solve_tridiagonal(p_);
    const double phi = product(metric_border_, p_);
    const std::size_t pivot = arrow_.pivot();
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j < m_; ++j) {
        f_[i * m_ + j] = (i == j ? tau : 0.0) - corner_[i * m_ + j];
      }
      f_[i * m_ + pivot] -= phi * column_[i];
    }
    for (std::size_t j = 0; j < m_; ++j) {  // rows exchanged, L below the diagonal
      std::size_t largest = j;
      for (std::size_t i = j + 1; i < m_; ++i) {
        if (std::abs(f_[i * m_ + j]) > std::abs(f_[largest * m_ + j])) largest = i;
      }
      order_[j] = largest;
      for (std::size_t l = 0; l < m_; ++l) std::swap(f_[j * m_ + l], f_[largest * m_ + l]);
      if (f_[j * m_ + j] == 0.0) return false;
      for (std::size_t i = j + 1; i < m_; ++i) {
        const double ratio = f_[i * m_ + j] /= f_[j * m_ + j];
        for (std::size_t l = j + 1; l < m_; ++l) f_[i * m_ + l] -= ratio * f_[j * m_ + l];
      }
    }
    return true;
  }

  /// q <- (tau - H')^-1 q.
  void solve(Pair& q) const {
    solve_tridiagonal(q.y);
    const double carried = product(metric_border_, q.y);
    for (std::size_t i = 0; i < m_; ++i) q.x[i] += column_[i] * carried;
    for (std::size_t j = 0; j < m_; ++j) std::swap(q.x[j], q.x[order_[j]]);
    for (std::size_t j = 0; j < m_; ++j) {
      for (std::size_t i = j + 1; i < m_; ++i) q.x[i] -= f_[i * m_ + j] * q.x[j];
    }
    for (std::size_t i = m_; i-- > 0;) {
      for (std::size_t j = i + 1; j < m_; ++j) q.x[i] -= f_[i * m_ + j] * q.x[j];
      q.x[i] /= f_[i * m_ + i];
    }
    const double back = q.x[arrow_.pivot()];
    for (std::size_t i = 0; i < k_; ++i) q.y[i] += p_[i] * back;
  }

  [[nodiscard]] Pair apply(const Pair& q) const {
    Pair out{apply_diagonal(q.y), Doubles(m_)};
    const double back = q.x[arrow_.pivot()];
    for (std::size_t i = 0; i < k_; ++i) out.y[i] += border_[i] * back;
    const double carried = product(metric_border_, q.y);
    for (std::size_t i = 0; i < m_; ++i) {
      out.x[i] = column_[i] * carried;
      for (std::size_t j = 0; j < m_; ++j) out.x[i] += corner_[i * m_ + j] * q.x[j];
    }
    return out;
  }

  /// l with l'r = <q, r> in the arrow's inner product.
  [[nodiscard]] Pair dual(const Pair& q) const {
    Pair out{arrow_.has_metric() ? apply_diagonal(q.y) : q.y, arrow_.dual(arrow_.original(q.x))};
    for (double& y : out.y) y *= arrow_.y_weight();
    return out;
  }

  /// ||r||, not underestimated.
  [[nodiscard]] double norm(const Pair& r) const {
    const Doubles image = arrow_.has_metric() ? apply_diagonal(r.y) : r.y;
    double sum = 0.0, sizes = 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      sum += r.y[i] * image[i];
      sizes += std::abs(r.y[i] * image[i]);
    }
    double square = arrow_.y_weight() * std::max(0.0, sum + 0x1p-48 * sizes);
    for (const double x : arrow_.original(r.x)) square += x * x;
    return std::sqrt(square) * (1.0 + 0x1p-40);
  }

 private:
  static Doubles values(const FixedConstants& x) {
    Doubles out(x.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = x.to_double(i);
    return out;
  }
  [[nodiscard]] Doubles apply_diagonal(const Doubles& y) const {
    Doubles out(k_);
    for (std::size_t i = 0; i < k_; ++i) {
      out[i] = diagonal_[i] * y[i];
      if (i > 0) out[i] += off_[i - 1] * y[i - 1];
      if (i + 1 < k_) out[i] += off_[i] * y[i + 1];
    }
    return out;
  }
  void solve_tridiagonal(Doubles& r) const {
    for (std::size_t i = 1; i < k_; ++i) r[i] += ratio_[i - 1] * r[i - 1];
    r[k_ - 1] *= inverse_[k_ - 1];
    for (std::size_t i = k_ - 1; i-- > 0;) r[i] = r[i] * inverse_[i] + ratio_[i] * r[i + 1];
  }

  const ScaledArrow& arrow_;
  std::size_t k_, m_;
  Doubles diagonal_, off_, border_, metric_border_, column_, corner_;
  Doubles inverse_, ratio_, p_, f_;
  std::vector<std::size_t> order_;
};

/// An eigenpair in fixed point, with its residual (H' - value) q.
class FixedPair {
 public:
  explicit FixedPair(const ScaledArrow& arrow)
      : arrow_(arrow),
        k_(arrow.k()),
        m_(arrow.m()),
        n_(arrow.format().limbs),
        value_(1, arrow.format()),
        y_(k_, arrow.format()),
        x_(m_, arrow.format()),
        ry_(k_, arrow.format()),
        rx_(m_, arrow.format()),
        shifted_(k_, arrow.format()),
        sum_(n_ + 1),
        part_(n_ + 1),
        carried_(2 * n_ + 2),
        size_(n_ + 1),
        steps_(k_ + m_) {}

  [[nodiscard]] const FixedVector& value() const { return value_; }
  /// @param most  a bound, as `FixedVector::exponent` takes it
  [[nodiscard]] long residual_exponent(long most) const {
    return std::max(ry_.exponent(most), rx_.exponent(most));
  }
  /// The residual, times 2^-exponent.
  void residual(Pair& out, long exponent) const {
    ry_.to_doubles(out.y, exponent);
    rx_.to_doubles(out.x, exponent);
  }

  /// To be called once, before anything is added.
  void set_value(double value) {
    constexpr long scale = step_bits - 2;
    const std::int64_t cut = std::llrint(std::ldexp(value, scale));
    value_.add(0, cut, scale);
    for (std::size_t i = 0; i < k_; ++i) {
      shifted_.set(i, arrow_.diagonal(), i);
      shifted_.add(i, -cut, scale);
    }
  }

  /// q <- q + d 2^exponent and value <- value + mu 2^exponent, both cut to `step_bits` bits.
  void add(const Pair& d, double mu, long exponent) {
    double largest = std::abs(mu);
    for (const double y : d.y) largest = std::max(largest, std::abs(y));
    for (const double x : d.x) largest = std::max(largest, std::abs(x));
    if (largest == 0.0) return;
    const long scale =
        std::min(step_bits - 1 - std::ilogb(largest) - exponent, arrow_.format().fraction());
    const double unit = std::ldexp(1.0, static_cast<int>(scale + exponent));
    const auto cut = [unit](double a) { return static_cast<std::int64_t>(a * unit); };
    for (std::size_t i = 0; i < k_; ++i) y_.add(i, steps_[i] = cut(d.y[i]), scale);
    for (std::size_t i = 0; i < m_; ++i) x_.add(i, steps_[k_ + i] = cut(d.x[i]), scale);
    const std::int64_t up = cut(mu);
    update_residual(up, scale);
    value_.add(0, up, scale);
    for (std::size_t i = 0; i < k_; ++i) shifted_.add(i, -up, scale);
  }

 private:
  /// r <- r + (H' - value) d - mu q for the integers of a step, q having been moved already.
  void update_residual(std::int64_t mu, long scale) {
    // Limbs of the constants that are below the last bit of r once multiplied do not matter.
    const long dropped = std::clamp((scale - step_bits - 8) / 64, 0L, static_cast<long>(n_) - 1);
    const std::size_t count = n_ - static_cast<std::size_t>(dropped);
    const long shift = scale - 64 * dropped;
    const std::int64_t* dy = steps_.data();
    const std::int64_t* dx = dy + k_;
    const std::int64_t back = dx[arrow_.pivot()];
    FixedSum<6> row;
    const auto add_row = [&](FixedVector& r, const FixedVector& q, std::size_t i) {
      row.add(q, i, count, -mu);
      row.store(sum_.data(), count);
      r.add_shifted(i, sum_.data(), count + 1, shift);
    };
    for (std::size_t i = 0; i < k_; ++i) {
      row.start();
      row.add(shifted_, i, count, dy[i]);
      row.add(arrow_.border(), i, count, back);
      if (!arrow_.is_diagonal() && i > 0) row.add(arrow_.off(), i - 1, count, dy[i - 1]);
      if (!arrow_.is_diagonal() && i + 1 < k_) row.add(arrow_.off(), i, count, dy[i + 1]);
      add_row(ry_, y_, i);
    }
    add_products(arrow_.metric_border(), 0, dy, k_, count);
    std::swap(size_, sum_);
    const bool falls = size_[count] >> 63 != 0;
    if (falls) mpn_neg(size_.data(), size_.data(), static_cast<mp_size_t>(count + 1));
    for (std::size_t i = 0; i < m_; ++i) {
      mpn_mul(carried_.data(), size_.data(), static_cast<mp_size_t>(count + 1),
              arrow_.column().top(i, count), static_cast<mp_size_t>(count));
      carried_[2 * count + 1] = 0;
      const auto length = static_cast<mp_size_t>(2 * count + 2);
      if (falls != arrow_.column().negative(i)) mpn_neg(carried_.data(), carried_.data(), length);
      rx_.add_shifted(i, carried_.data(), 2 * count + 2,
                      arrow_.format().fraction() + scale - 128 * dropped);
      add_products(arrow_.corner(), i * m_, dx, m_, count);
      rx_.add_shifted(i, sum_.data(), count + 1, shift);
      row.start();
      row.add(value_, 0, count, -dx[i]);
      add_row(rx_, x_, i);
    }
  }

  /// sum <- the sum of d_i x_(first + i) for i < size, with the upper `count` limbs of x.
  void add_products(const FixedConstants& x, std::size_t first, const std::int64_t* d,
                    std::size_t size, std::size_t count) {
    constexpr std::size_t at_once = 6;
    FixedSum<at_once> some;
    std::fill_n(sum_.data(), count + 1, 0);
    for (std::size_t from = 0; from < size; from += at_once) {
      some.start();
      for (std::size_t i = from; i < std::min(size, from + at_once); ++i) {
        some.add(x, first + i, count, d[i]);
      }
      some.store(part_.data(), count);
      mpn_add_n(sum_.data(), sum_.data(), part_.data(), static_cast<mp_size_t>(count + 1));
    }
  }

  const ScaledArrow& arrow_;
  std::size_t k_, m_, n_;
  FixedVector value_, y_, x_, ry_, rx_;
  FixedVector shifted_;  ///< the diagonal of A' - value
  std::vector<mp_limb_t> sum_, part_, carried_, size_;
  std::vector<std::int64_t> steps_;
};

void subtract(Pair& r, double factor, const Pair& q) {
  for (std::size_t i = 0; i < r.y.size(); ++i) r.y[i] -= factor * q.y[i];
  for (std::size_t i = 0; i < r.x.size(); ++i) r.x[i] -= factor * q.x[i];
}

double product(const Pair& a, const Pair& b) { return product(a.y, b.y) + product(a.x, b.x); }

/// Divides by the largest entry; whether that is a number other than zero.
bool normalise(Pair& q) {
  double largest = 0.0;
  for (const double y : q.y) largest = std::max(largest, std::abs(y));
  for (const double x : q.x) largest = std::max(largest, std::abs(x));
  if (!(largest > 0.0) || !std::isfinite(largest)) return false;
  for (double& y : q.y) y /= largest;
  for (double& x : q.x) x /= largest;
  return true;
}

}  // namespace

std::optional<TopEigenpair> chord_eigenpair(const Arrow& arrow, double value,
                                            const Refinement& known, const Poll& poll) {
  if (known.accuracy > most_bits || arrow.border.size() == 0) return std::nullopt;
  const ScaledArrow scaled_arrow(arrow, known.accuracy, known.exponent);
  if (!scaled_arrow.ready()) return std::nullopt;
  const std::size_t k = scaled_arrow.k(), m = scaled_arrow.m();
  DoubleChord chord(scaled_arrow);

  // A vector by inverse iteration, then factors as close to its eigenvalue as double allows.
  Pair q{Doubles(k), Doubles(m)};
  for (std::size_t i = 0; i < k; ++i) q.y[i] = generic(i);
  for (std::size_t i = 0; i < m; ++i) q.x[i] = generic(k + i);
  if (!chord.factor(value)) return std::nullopt;
  for (int pass = 0; pass < 2; ++pass) {
    chord.solve(q);
    if (!normalise(q)) return std::nullopt;
  }
  const Pair left = chord.dual(q);
  const double square = product(left, q);
  const double quotient = product(left, chord.apply(q)) / square;
  if (!std::isfinite(quotient) || std::abs(quotient) > 2.0) return std::nullopt;
  if (!chord.factor(quotient + 0x1p-45)) return std::nullopt;

  FixedPair pair(scaled_arrow);
  pair.set_value(quotient);
  pair.add(q, 0.0, 0);
  Pair d{Doubles(k), Doubles(m)};
  const long target = -(known.accuracy + scaled_arrow.imbalance() + 6);
  long exponent = pair.residual_exponent(FixedFormat::headroom);
  int passes = 0;
  for (; exponent > target; ++passes) {
    pair.residual(d, exponent);
    const double mu = product(left, d) / square;
    subtract(d, mu, q);
    chord.solve(d);
    subtract(d, product(left, d) / square, q);
    // So that the residual, scaled, stays below 2^64 whatever the factors are worth.
    const double square_of_step = product(d, d) + mu * mu;
    if (!(square_of_step < 0x1p80)) return std::nullopt;
    pair.add(d, mu, exponent);
    const long next = pair.residual_exponent(exponent + 64);
    if (next > exponent - 8) return std::nullopt;
    exponent = next;
    poll();
  }

  const Bits bits = arrow.border.bits();
  TopEigenpair out{Mpfr(bits), Vector(k, coarse_bits), Vector(m, coarse_bits), Mpfr(coarse_bits),
                   Mpfr(bits)};
  pair.value().to_mpfr(out.value, 0, known.exponent);
  pair.residual(d, exponent);
  const double norm = chord.norm(q);
  mpfr_set_d(out.norm, norm, MPFR_RNDN);
  mpfr_set_d(out.residual, chord.norm(d) / norm, MPFR_RNDU);
  mpfr_mul_2si(out.residual, out.residual, exponent + known.exponent, MPFR_RNDU);
  // Rounding of the arrow's entries, and of each step.
  const auto size = static_cast<double>(k + m);
  const double units = (size + 8.0 * (passes + 1)) * std::sqrt(size) *
                       (scaled_arrow.y_length() + 2.0 * static_cast<double>(m + 1));
  Mpfr rounding(units / norm, coarse_bits);
  mpfr_mul_2si(rounding, rounding, known.exponent - scaled_arrow.format().fraction(), MPFR_RNDU);
  mpfr_add(out.residual, out.residual, rounding, MPFR_RNDU);
  constexpr long slack = 12;
  if (exponent_of(out.residual) > known.exponent - known.accuracy + slack) return std::nullopt;
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_set_d(out.y[i], q.y[i], MPFR_RNDN);
    mpfr_mul_2si(out.y[i], out.y[i], scaled_arrow.y_exponent(), MPFR_RNDN);
  }
  const Doubles x = scaled_arrow.original(q.x);
  for (std::size_t i = 0; i < m; ++i) mpfr_set_d(out.x[i], x[i], MPFR_RNDN);
  return out;
}

}  // namespace mpsharp
