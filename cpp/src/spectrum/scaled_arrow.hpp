#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <vector>

#include "double_arrow.hpp"
#include "elementary.hpp"
#include "fixed_point.hpp"
#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

using Doubles = std::vector<double>;

/// Scales of the two blocks of an eigenvector further apart than this are left to others.
inline constexpr long most_imbalance = 64;

/// The arrow in scaled variables y' = 2^-e y and x' = T x, in which the border is b' x'_p:
///
///     H' (y', x') = ( A' y' + b' x'_p,  c (m'y') + G' x' ),   m = M b, c = T w,
///
/// with x'_p = w'x for the largest w_p and x'_i = x_i otherwise. All are of size one or less,
/// but for what T adds.
class ScaledArrow {
 public:
  /// @param accuracy  bits of the norm that matter
  ScaledArrow(const Arrow& arrow, long accuracy, long exponent)
      : arrow_(arrow), exponent_(exponent) {
    const std::size_t k = arrow.border.size(), m = arrow.w.size();
    const Bits bits = arrow.border.bits();
    Vector mb(arrow.border);
    Mpfr scratch(bits);
    is_diagonal_ = is_zero(arrow.a.off_diagonal);
    if (arrow.metric != nullptr && is_zero(arrow.metric->off_diagonal)) {
      for (std::size_t i = 0; i < k; ++i) {
        mpfr_mul(mb[i], arrow.metric->diagonal[i], arrow.border[i], MPFR_RNDN);
      }
    } else if (arrow.metric != nullptr) {
      multiply(mb, scratch, *arrow.metric, arrow.border);
    }
    const long none = MPFR_EMIN_DEFAULT;
    const long eb = largest_exponent(arrow.border), em = largest_exponent(mb);
    const long ew = largest_exponent(arrow.w);
    if (eb == none || em == none || ew == none || k > (std::size_t{1} << 15) || m > 64) return;
    y_exponent_ = eb + ew - exponent;
    const long coupling = eb + em + 2 * ew - 2 * exponent;
    const long size = arrow.metric == nullptr ? 0 : largest_exponent(arrow.metric->diagonal);
    imbalance_ = std::abs(y_exponent_ + size / 2) + 1;
    y_length_ =
        std::ldexp(2.0, static_cast<int>(std::clamp(y_exponent_ + (size >> 1) + 1, -999L, 999L)));
    if (imbalance_ > most_imbalance || coupling > 4 || coupling < -accuracy) return;
    if (arrow.metric != nullptr && mpfr_zero_p(arrow.scale.get()) != 0) return;
    y_weight_ = arrow.metric == nullptr ? std::ldexp(1.0, static_cast<int>(2 * y_exponent_))
                                        : 1.0 / scaled(arrow.scale, 2 * y_exponent_ + exponent);
    if (!std::isfinite(y_weight_) || !(y_weight_ > 0.0)) return;

    const long guard = imbalance_ + std::lround(std::log2(static_cast<double>(k + m))) + 24;
    format_ = FixedFormat::of(accuracy + guard);
    diagonal_.emplace(k, format_);
    off_.emplace(k, format_);
    border_.emplace(k, format_);
    metric_border_.emplace(k, format_);
    for (std::size_t i = 0; i < k; ++i) {
      diagonal_->set(i, arrow.a.diagonal[i], exponent);
      if (i + 1 < k) off_->set(i, arrow.a.off_diagonal[i], exponent);
      border_->set(i, arrow.border[i], eb);
      metric_border_->set(i, mb[i], em);
    }
    while (exponent_of(arrow.w[pivot_]) < ew) ++pivot_;
    set_layers(ew, coupling);
  }

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] FixedFormat format() const { return format_; }
  [[nodiscard]] std::size_t k() const { return diagonal_->size(); }
  [[nodiscard]] std::size_t m() const { return w_.size(); }
  [[nodiscard]] std::size_t pivot() const { return pivot_; }
  [[nodiscard]] long imbalance() const { return imbalance_; }
  [[nodiscard]] long y_exponent() const { return y_exponent_; }
  [[nodiscard]] const FixedConstants& diagonal() const { return *diagonal_; }
  [[nodiscard]] const FixedConstants& off() const { return *off_; }
  [[nodiscard]] const FixedConstants& border() const { return *border_; }
  [[nodiscard]] const FixedConstants& metric_border() const { return *metric_border_; }
  [[nodiscard]] const FixedConstants& column() const { return *column_; }
  [[nodiscard]] const FixedConstants& corner() const { return *corner_; }  ///< row by row

  /// x from x' = T x.
  [[nodiscard]] Doubles original(Doubles x) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i != pivot_) x[pivot_] -= w_[i] * x[i];
    }
    x[pivot_] /= w_[pivot_];
    return x;
  }
  /// T^-T x: what makes x'z of original vectors an inner product with T z.
  [[nodiscard]] Doubles dual(Doubles x) const {
    x[pivot_] /= w_[pivot_];
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i != pivot_) x[i] -= w_[i] * x[pivot_];
    }
    return x;
  }
  [[nodiscard]] bool is_diagonal() const { return is_diagonal_; }  ///< whether A' is
  [[nodiscard]] double y_weight() const { return y_weight_; }
  /// A bound for the norm of a y' with ||y'|| <= 1 in the arrow's inner product.
  [[nodiscard]] double y_length() const { return y_length_; }
  [[nodiscard]] bool has_metric() const { return arrow_.metric != nullptr; }

 private:
  static bool is_zero(ConstSpan numbers) {
    return std::ranges::all_of(numbers,
                               [](const __mpfr_struct& x) { return mpfr_zero_p(&x) != 0; });
  }

  /// c and G' = T G T^-1.
  void set_layers(long ew, long coupling) {
    const std::size_t m = arrow_.w.size();
    const Bits bits = arrow_.border.bits();
    Vector w(m, bits);
    Matrix g(m, m, bits);
    Mpfr term(bits), sum(bits);
    w_.resize(m);
    for (std::size_t i = 0; i < m; ++i) {
      mpfr_mul_2si(w[i], arrow_.w[i], -ew, MPFR_RNDN);
      w_[i] = mpfr_get_d(w[i], MPFR_RNDN);
    }
    for (std::size_t i = 0; i < m; ++i) {  // G T^-1
      mpfr_div(g(i, pivot_), arrow_.corner(i, pivot_), w[pivot_], MPFR_RNDN);
      for (std::size_t j = 0; j < m; ++j) {
        if (j == pivot_) continue;
        mpfr_mul(term, g(i, pivot_), w[j], MPFR_RNDN);
        mpfr_sub(g(i, j), arrow_.corner(i, j), term, MPFR_RNDN);
      }
    }
    for (std::size_t j = 0; j < m; ++j) {  // T from the left
      mpfr_set_zero(sum, 1);
      for (std::size_t i = 0; i < m; ++i) add_product(sum, term, w[i], g(i, j));
      mpfr_set(g(pivot_, j), sum, MPFR_RNDN);
    }
    column_.emplace(m, format_);
    corner_.emplace(m * m, format_);
    inner(sum, term, w, w);
    for (std::size_t i = 0; i < m; ++i) {
      column_->set(i, i == pivot_ ? sum.get() : w[i], -coupling);
    }
    for (std::size_t i = 0; i < m * m; ++i) {
      const auto entry = g.entries()[i];
      if (exponent_of(entry) - exponent_ > FixedFormat::headroom / 2) return;
      corner_->set(i, entry, exponent_);
    }
    ready_ = true;
  }

  const Arrow& arrow_;
  long exponent_;
  bool ready_ = false, is_diagonal_ = false;
  std::size_t pivot_ = 0;
  long y_exponent_ = 0, imbalance_ = 0;
  double y_length_ = 0.0;
  double y_weight_ = 0.0;  ///< the inner product of y' is this times y'Ay', or y'y without a metric
  Doubles w_;
  FixedFormat format_{1};
  std::optional<FixedConstants> diagonal_, off_, border_, metric_border_, column_, corner_;
};

}  // namespace mpsharp
