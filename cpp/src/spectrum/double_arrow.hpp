#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "elementary.hpp"
#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

/// x * 2^-exponent as double, to some 2^-52; what is out of range becomes 0 or infinity.
inline double scaled(mpfr_srcptr x, long exponent) {
  if (mpfr_regular_p(x) == 0) return mpfr_get_d(x, MPFR_RNDN);
  const auto limbs = static_cast<std::size_t>((mpfr_get_prec(x) + 63) / 64);
  const auto* top = static_cast<const mp_limb_t*>(mpfr_custom_get_significand(x)) + (limbs - 1);
  const double magnitude = static_cast<double>(*top);
  const double value = mpfr_signbit(x) != 0 ? -magnitude : magnitude;
  const long own = std::clamp(mpfr_get_exp(x) - exponent - 64, -5000L, 5000L);
  if (own < -1022 || own > 1023) return std::ldexp(value, static_cast<int>(own));
  return value * std::bit_cast<double>(static_cast<std::uint64_t>(own + 1023) << 52);
}

/// The largest exponent of the entries; the smallest there is if all are zero.
inline long largest_exponent(const Vector& x) {
  long out = MPFR_EMIN_DEFAULT;
  for (std::size_t i = 0; i < x.size(); ++i) out = std::max(out, exponent_of(x[i]));
  return out;
}

/// ||x||, not underestimated, from double.
inline Mpfr length_of(const Vector& x) {
  Mpfr out(coarse_bits);
  const long exponent = largest_exponent(x);
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double part = scaled(x[i], exponent);
    sum += part * part;
  }
  mpfr_set_d(out, std::sqrt(sum) * (1.0 + 0x1p-30), MPFR_RNDU);
  mpfr_mul_2si(out, out, exponent, MPFR_RNDU);
  return out;
}

/// Entries of a start vector that no symmetry of the problem makes orthogonal to an eigenvector.
inline double generic(std::size_t i) {
  const double x = 0.6180339887498949 * static_cast<double>(i + 1);
  return 0.5 + (x - std::floor(x));
}

/// The arrow in double, everything scaled by powers of two so that its norm is about one: where its
/// largest eigenvalue lies, what the next one leaves of room, and a first eigenvector.
class DoubleArrow {
 public:
  DoubleArrow(const Arrow& arrow, const Vector& metric_border, long exponent) : DoubleArrow(arrow) {
    const long em = largest_exponent(metric_border);
    for (std::size_t i = 0; i < k_; ++i) metric_border_[i] = scaled(metric_border[i], em);
    scale(arrow, em, exponent);
  }

  /// The arrow alone: M b and a bound for the norm are found in double, too.
  static DoubleArrow of(const Arrow& arrow) {
    DoubleArrow out(arrow);
    const long em = out.multiply_border(arrow);
    out.scale(arrow, em, out.norm_exponent(arrow, em));
    return out;
  }

  /// The norm is below 2^exponent.
  [[nodiscard]] long exponent() const { return exponent_; }
  /// Whether all of H is zero, as far as `of` can tell.
  [[nodiscard]] bool is_zero() const { return is_zero_; }

  /// An approximate eigenvector of the eigenvalue that lies just below `lambda`: two passes of
  /// inverse iteration. Returns false where double arithmetic failed.
  [[nodiscard]] bool eigenvector(Vector& y_out, Vector& x_out, double lambda) {
    std::vector<double> pivot(k_), p = border_, y(k_), x(m_), f(m_ * m_);
    for (std::size_t i = 0; i < k_; ++i) {
      pivot[i] = lambda - diagonal_[i] - (i > 0 ? off_[i - 1] * off_[i - 1] / pivot[i - 1] : 0.0);
      if (pivot[i] == 0.0) pivot[i] = 0x1p-52;
    }
    const auto solve = [&](std::vector<double>& r) {
      for (std::size_t i = 1; i < k_; ++i) r[i] += off_[i - 1] / pivot[i - 1] * r[i - 1];
      for (std::size_t i = k_; i-- > 0;) {
        r[i] = (r[i] + (i + 1 < k_ ? off_[i] * r[i + 1] : 0.0)) / pivot[i];
      }
    };
    const auto product = [](const std::vector<double>& a, const std::vector<double>& c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * c[i];
      return sum;
    };
    solve(p);
    const double phi = coupling_ * product(metric_border_, p);
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j < m_; ++j) {
        f[i * m_ + j] = (i == j ? lambda : 0.0) - corner_[i * m_ + j] - phi * w_[i] * w_[j];
      }
    }
    for (std::size_t j = 0; j < m_; ++j) {  // L below the diagonal, D on it
      if (f[j * m_ + j] == 0.0) f[j * m_ + j] = 0x1p-52;
      for (std::size_t i = j + 1; i < m_; ++i) {
        const double ratio = f[i * m_ + j] / f[j * m_ + j];
        for (std::size_t l = j + 1; l < m_; ++l) f[i * m_ + l] -= ratio * f[j * m_ + l];
        f[i * m_ + j] = ratio;
      }
    }
    for (std::size_t i = 0; i < k_; ++i) y[i] = generic(i);
    for (std::size_t i = 0; i < m_; ++i) x[i] = generic(k_ + i);
    for (int pass = 0; pass < 2; ++pass) {
      solve(y);
      const double carried = coupling_ * product(metric_border_, y);
      for (std::size_t i = 0; i < m_; ++i) {
        x[i] += w_[i] * carried;
        for (std::size_t j = 0; j < i; ++j) x[i] -= f[i * m_ + j] * x[j];
      }
      for (std::size_t i = m_; i-- > 0;) {
        for (std::size_t j = i + 1; j < m_; ++j) x[i] -= f[i * m_ + j] * x[j];
        x[i] /= f[i * m_ + i];
      }
      const double back = product(w_, x);
      double largest = 0.0;
      for (std::size_t i = 0; i < k_; ++i)
        largest = std::max(largest, std::abs(y[i] += p[i] * back));
      for (const double value : x) largest = std::max(largest, std::abs(value));
      if (!std::isfinite(largest) || largest == 0.0) return false;
      for (double& value : y) value /= largest;
      for (double& value : x) value /= largest;
    }
    for (std::size_t i = 0; i < k_; ++i) {
      mpfr_set_d(y_out[i], y[i], MPFR_RNDN);
      mpfr_mul_2si(y_out[i], y_out[i], y_exponent_, MPFR_RNDN);
    }
    for (std::size_t i = 0; i < m_; ++i) mpfr_set_d(x_out[i], x[i], MPFR_RNDN);
    return true;
  }

  /// How many eigenvalues lie above `lambda`, but for those within rounding errors of it: negative
  /// pivots of lambda - H in blocks (Sylvester, Haynsworth). Stops counting at `enough`.
  [[nodiscard]] std::size_t count_above(double lambda, std::size_t enough) {
    std::size_t count = 0;
    double phi =
        is_diagonal_ ? count_diagonal(count, lambda) : count_tridiagonal(count, lambda, enough);
    if (count >= enough) return enough;
    phi *= coupling_;
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        f_[i * m_ + j] = (i == j ? lambda : 0.0) - corner_[i * m_ + j] - phi * w_[i] * w_[j];
      }
    }
    for (std::size_t j = 0; j < m_; ++j) {
      double& diagonal = f_[j * m_ + j];
      if (!(diagonal > 0.0)) {
        if (++count == enough) return count;
        if (!(diagonal < 0.0)) diagonal = -0x1p-60;
      }
      for (std::size_t i = j + 1; i < m_; ++i) {
        const double ratio = f_[i * m_ + j] / diagonal;
        for (std::size_t l = i; l < m_; ++l) f_[l * m_ + i] -= ratio * f_[l * m_ + j];
      }
    }
    return count;
  }

  /// Halves [low, high] `times` times, or until nothing lies between: the largest eigenvalue, as an
  /// upper bound.
  double bisect(double low, double high, int times) {
    for (int i = 0; i < times; ++i) {
      const double middle = low + (high - low) / 2;
      if (middle <= low || middle >= high) break;
      (count_above(middle, 1) == 0 ? high : low) = middle;
    }
    return high;
  }

  /// A number that the next eigenvalue lies below `lambda` by at least, where the largest is just
  /// below it; nothing where that is too little for double to tell.
  std::optional<double> gap_below(double lambda) {
    for (double gap = 0.5; gap > 0x1p-24; gap /= 2) {
      if (count_above(lambda - gap, 2) == 1) return gap;
    }
    return std::nullopt;
  }

 private:
  explicit DoubleArrow(const Arrow& arrow)
      : k_(arrow.border.size()),
        m_(arrow.w.size()),
        border_exponent_(largest_exponent(arrow.border)),
        w_exponent_(largest_exponent(arrow.w)),
        diagonal_(k_),
        off_(k_),
        border_(k_),
        metric_border_(k_),
        w_(m_),
        corner_(m_ * m_),
        f_(m_ * m_) {
    for (std::size_t i = 0; i < k_; ++i) border_[i] = scaled(arrow.border[i], border_exponent_);
    for (std::size_t i = 0; i < m_; ++i) w_[i] = scaled(arrow.w[i], w_exponent_);
  }

  /// b'M (lambda - A)^-1 b but for `coupling_`; adds the negative pivots of lambda - A to `count`,
  /// none beyond `enough`.
  double count_tridiagonal(std::size_t& count, double lambda, std::size_t enough) const {
    // It would need a back substitution; y'D^-1 z with z = L^-1 b, y = L^-1 M b needs none.
    double phi = 0.0, pivot = 1.0, carried = 0.0, carried_metric = 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      const double ratio = i > 0 ? off_[i - 1] / pivot : 0.0;
      pivot = lambda - diagonal_[i] - (i > 0 ? off_[i - 1] * ratio : 0.0);
      if (!(pivot > 0.0)) {
        if (++count == enough) return phi;
        if (!(pivot < 0.0)) pivot = -0x1p-60;
      }
      carried = border_[i] + ratio * carried;
      carried_metric = metric_border_[i] + ratio * carried_metric;
      phi += carried * carried_metric / pivot;
    }
    return phi;
  }

  /// The same for diagonal A, counting all; four entries at a time, so that divisions overlap.
  double count_diagonal(std::size_t& count, double lambda) const {
    constexpr std::size_t ways = 4;
    double phi[ways] = {};
    std::size_t below[ways] = {};
    const auto add = [&](std::size_t i, std::size_t way) {
      const double pivot = lambda - diagonal_[i];
      below[way] += pivot > 0.0 ? 0 : 1;
      phi[way] += border_[i] * metric_border_[i] / (pivot == 0.0 ? -0x1p-60 : pivot);
    };
    std::size_t i = 0;
    for (; i + ways <= k_; i += ways) {
      for (std::size_t way = 0; way < ways; ++way) add(i + way, way);
    }
    for (; i < k_; ++i) add(i, 0);
    count += (below[0] + below[1]) + (below[2] + below[3]);
    return (phi[0] + phi[1]) + (phi[2] + phi[3]);
  }

  /// Sets M b but for a power of two, which it returns the exponent of.
  long multiply_border(const Arrow& arrow) {
    metric_border_ = border_;
    if (arrow.metric == nullptr) return border_exponent_;
    const Tridiagonal& metric = *arrow.metric;
    const long size =
        std::max(largest_exponent(metric.diagonal), largest_exponent(metric.off_diagonal));
    double largest = 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      double& sum = metric_border_[i];
      sum = scaled(metric.diagonal[i], size) * border_[i];
      if (i > 0) sum += scaled(metric.off_diagonal[i - 1], size) * border_[i - 1];
      if (i + 1 < k_) sum += scaled(metric.off_diagonal[i], size) * border_[i + 1];
      largest = std::max(largest, std::abs(sum));
    }
    if (!(largest > 0.0)) return MPFR_EMIN_DEFAULT;
    const int up = std::ilogb(largest) + 1;
    for (double& x : metric_border_) x = std::ldexp(x, -up);
    return size + border_exponent_ + up;
  }

  /// Exponent of the sum of the largest row sums of the blocks.
  long norm_exponent(const Arrow& arrow, long metric_exponent) {
    const long none = MPFR_EMIN_DEFAULT;
    const long ea =
        std::max(largest_exponent(arrow.a.diagonal), largest_exponent(arrow.a.off_diagonal));
    const long eg = largest_exponent(arrow.corner.entries());
    double block = 0.0, corner = 0.0, square = 0.0, length = 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      double row = std::abs(scaled(arrow.a.diagonal[i], ea));
      if (i > 0) row += std::abs(scaled(arrow.a.off_diagonal[i - 1], ea));
      if (i + 1 < k_) row += std::abs(scaled(arrow.a.off_diagonal[i], ea));
      block = std::max(block, row);
      const double product = border_[i] * metric_border_[i];
      square += product + 0x1p-40 * std::abs(product);
    }
    for (std::size_t i = 0; i < m_; ++i) {
      double row = 0.0;
      for (std::size_t j = 0; j < m_; ++j) row += std::abs(scaled(arrow.corner(i, j), eg));
      corner = std::max(corner, row);
      length += w_[i] * w_[i];
    }
    const bool coupled = border_exponent_ != none && metric_exponent != none && w_exponent_ != none;
    const long both = border_exponent_ + metric_exponent, half = coupled ? both >> 1 : none;
    const double coupling =
        coupled ? std::sqrt(std::max(0.0, square) * length * (both % 2 != 0 ? 2.0 : 1.0)) : 0.0;
    const long ec = coupled ? half + w_exponent_ : none;
    const long most = std::max({ea, eg, ec});
    is_zero_ = most == none;
    if (is_zero_) return 0;
    const auto at = [most](double x, long exponent) {
      return std::ldexp(x, static_cast<int>(std::max(exponent - most, -5000L)));
    };
    const double sum = at(block, ea) + at(corner, eg) + at(coupling, ec);
    is_zero_ = !(sum > 0.0);
    return is_zero_ ? 0 : most + std::ilogb(sum * (1.0 + 0x1p-40)) + 1;
  }

  /// Everything that depends on the exponents of M b and of the norm.
  void scale(const Arrow& arrow, long metric_exponent, long exponent) {
    exponent_ = exponent;
    for (std::size_t i = 0; i < k_; ++i) {
      diagonal_[i] = scaled(arrow.a.diagonal[i], exponent);
      if (i + 1 < k_) off_[i] = scaled(arrow.a.off_diagonal[i], exponent);
    }
    is_diagonal_ = std::ranges::all_of(off_, [](double x) { return x == 0.0; });
    for (std::size_t i = 0; i < m_ * m_; ++i) {
      corner_[i] = scaled(arrow.corner.entries()[i], exponent);
    }
    // The unknown y is scaled so that the border's column is b w' as it stands.
    const long none = MPFR_EMIN_DEFAULT;
    const bool coupled = border_exponent_ != none && w_exponent_ != none;
    y_exponent_ = coupled ? border_exponent_ + w_exponent_ - exponent : 0;
    const long both = border_exponent_ + metric_exponent + 2 * w_exponent_ - 2 * exponent;
    coupling_ = std::ldexp(1.0, static_cast<int>(std::clamp(both, -5000L, 1000L)));
  }

  std::size_t k_, m_;
  long border_exponent_, w_exponent_;
  std::vector<double> diagonal_, off_, border_, metric_border_, w_, corner_, f_;
  long exponent_ = 0, y_exponent_ = 0;
  bool is_zero_ = false, is_diagonal_ = false;
  double coupling_ = 0.0;
};

}  // namespace mpsharp
