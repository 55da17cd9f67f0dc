#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "elementary.hpp"
#include "mpsharp/array.hpp"

namespace mpsharp {

/// Arithmetic in double, as `Inertia` asks for it.
struct DoubleNumbers {
  using Scalar = double;
  using Array = std::vector<double>;
  [[nodiscard]] static Scalar zero() { return 0.0; }
  [[nodiscard]] static Array zeros(std::size_t size) { return Array(size, 0.0); }
  static void set(double& out, double a) { out = a; }
  static void multiply(double& out, double a, double b) { out = a * b; }
  static void divide(double& out, double a, double b) { out = a / b; }
  static void add(double& out, double a, double b) { out = a + b; }
  static void subtract(double& out, double a, double b) { out = a - b; }
  static int sign(double a) { return a > 0.0 ? 1 : (a < 0.0 ? -1 : 0); }
  static int compare_abs(double a, double b) {
    return std::abs(a) > std::abs(b) ? 1 : (std::abs(a) < std::abs(b) ? -1 : 0);
  }
  static long exponent(double a) { return a == 0.0 ? -5000L : static_cast<long>(std::ilogb(a)); }
  static void set_power(double& out, long exponent) {
    out = std::ldexp(1.0, static_cast<int>(exponent));
  }
};

/// Arithmetic of MPFR at one precision, as `Inertia` asks for it.
struct MpfrNumbers {
  using Scalar = Mpfr;
  using Array = Vector;
  Bits bits;
  [[nodiscard]] Scalar zero() const { return Mpfr(bits); }
  [[nodiscard]] Array zeros(std::size_t size) const { return {size, bits}; }
  static void set(mpfr_ptr out, mpfr_srcptr a) { mpfr_set(out, a, MPFR_RNDN); }
  static void multiply(mpfr_ptr out, mpfr_srcptr a, mpfr_srcptr b) {
    mpfr_mul(out, a, b, MPFR_RNDN);
  }
  static void divide(mpfr_ptr out, mpfr_srcptr a, mpfr_srcptr b) { mpfr_div(out, a, b, MPFR_RNDN); }
  static void add(mpfr_ptr out, mpfr_srcptr a, mpfr_srcptr b) { mpfr_add(out, a, b, MPFR_RNDN); }
  static void subtract(mpfr_ptr out, mpfr_srcptr a, mpfr_srcptr b) {
    mpfr_sub(out, a, b, MPFR_RNDN);
  }
  static int sign(mpfr_srcptr a) { return mpfr_sgn(a); }
  static int compare_abs(mpfr_srcptr a, mpfr_srcptr b) { return mpfr_cmpabs(a, b); }
  static long exponent(mpfr_srcptr a) { return exponent_of(a); }
  static void set_power(mpfr_ptr out, long exponent) {
    mpfr_set_ui_2exp(out, 1, exponent, MPFR_RNDN);
  }
};

/// Counts eigenvalues of an arrow whose w has one entry, the first, that is not zero: the matrix
///
///     [[A, b, 0], [b'M, G_11, G_1.], [0, G_.1, G_..]],   w_1 taken into b and Mb.
///
/// By the law of inertia the number above lambda is that of the negative pivots of lambda - H. The
/// tridiagonal block is eliminated with Bunch's pivots (1974: one or two rows, no interchanges),
/// what is left of the corner with those of Bunch and Parlett (1971), so no pivot is small beside
/// what it eliminates and the count is that of a matrix which differs by rounding errors of the
/// entries. A border that is large beside a pivot meets the single entry (1, 1) of the corner only:
/// nothing else is touched by its cancellation.
template <class Numbers>
class Inertia {
 public:
  using Scalar = typename Numbers::Scalar;
  using Array = typename Numbers::Array;

  /// The matrix; `exponent` bounds its entries by 2^exponent, and `epsilon` is log2 of what is
  /// negligible beside them.
  struct Parts {
    Array diagonal, off_diagonal;  ///< of A
    Array border, metric_border;   ///< w_1 b and w_1 M b, k entries
    Array corner;                  ///< G, m x m by rows
    long exponent, epsilon;
  };

  Inertia(Numbers numbers, Parts parts)
      : numbers_(numbers),
        at_(std::move(parts)),
        k_(at_.border.size()),
        f_(numbers_.zeros(at_.corner.size())),
        zero_(numbers_.zero()),
        delta_(numbers_.zero()),
        next_(numbers_.zero()),
        b_(numbers_.zero()),
        b_next_(numbers_.zero()),
        g_(numbers_.zero()),
        g_next_(numbers_.zero()),
        phi_(numbers_.zero()),
        scratch_(numbers_.zero()),
        ratio_(numbers_.zero()),
        product_(numbers_.zero()),
        det_(numbers_.zero()) {
    while (m_ * m_ < at_.corner.size()) ++m_;
  }

  /// How many eigenvalues exceed `lambda`; those within rounding errors of it count or do not.
  std::size_t above(const Scalar& lambda) { return eliminate(lambda) + corner(lambda); }

 private:
  void add_product(Scalar& acc, const Scalar& a, const Scalar& b) {
    numbers_.multiply(scratch_, a, b);
    numbers_.add(acc, acc, scratch_);
  }

  /// A zero pivot becomes one that is negligible.
  void guard(Scalar& pivot) {
    if (numbers_.sign(pivot) == 0) numbers_.set_power(pivot, at_.exponent + at_.epsilon);
  }

  /// Negative pivots of lambda - A; phi_ <- w_1^2 b'M (lambda - A)^-1 b.
  std::size_t eliminate(const Scalar& lambda) {
    std::size_t count = 0;
    numbers_.set(phi_, zero_);
    if (k_ == 0) return count;
    load(lambda, 0, delta_, b_, g_);
    for (std::size_t i = 0; i < k_;) {
      const bool last = i + 1 == k_;
      if (!last && is_small(i)) {
        count += pair(lambda, i);
        i += 2;
        continue;
      }
      guard(delta_);
      if (numbers_.sign(delta_) < 0) ++count;
      numbers_.divide(ratio_, g_, delta_);
      add_product(phi_, ratio_, b_);
      if (++i == k_) break;
      load(lambda, i, next_, b_next_, g_next_);
      numbers_.divide(ratio_, at_.off_diagonal[i - 1], delta_);
      numbers_.multiply(scratch_, ratio_, at_.off_diagonal[i - 1]);
      numbers_.subtract(delta_, next_, scratch_);
      numbers_.multiply(scratch_, ratio_, b_);
      numbers_.add(b_, b_next_, scratch_);
      numbers_.multiply(scratch_, ratio_, g_);
      numbers_.add(g_, g_next_, scratch_);
    }
    return count;
  }

  void load(const Scalar& lambda, std::size_t i, Scalar& delta, Scalar& b, Scalar& g) {
    numbers_.subtract(delta, lambda, at_.diagonal[i]);
    numbers_.set(b, at_.border[i]);
    numbers_.set(g, at_.metric_border[i]);
  }

  /// Whether the pivot is below e^2 / 2 over the largest entry, so that two rows go together.
  bool is_small(std::size_t i) const {
    // |lambda| is at most 2^(exponent + 1), so the entries of lambda - A are below 2^(exponent +
    // 2).
    return numbers_.exponent(delta_) + at_.exponent + 2 <=
           2 * numbers_.exponent(at_.off_diagonal[i]) - 4;
  }

  /// Eliminates rows i and i + 1 at once: [[delta, -e], [-e, next]] has one negative eigenvalue.
  std::size_t pair(const Scalar& lambda, std::size_t i) {
    const auto& e = at_.off_diagonal[i];
    load(lambda, i + 1, next_, b_next_, g_next_);
    numbers_.multiply(det_, delta_, next_);
    numbers_.multiply(scratch_, e, e);
    numbers_.subtract(det_, det_, scratch_);
    // (x, y) = D^-1 (b, b_next) det = (next b + e b_next, e b + delta b_next), and likewise for g.
    numbers_.multiply(ratio_, next_, b_);
    numbers_.multiply(scratch_, e, b_next_);
    numbers_.add(ratio_, ratio_, scratch_);
    numbers_.multiply(ratio_, ratio_, g_);
    numbers_.multiply(product_, e, b_);
    numbers_.multiply(scratch_, delta_, b_next_);
    numbers_.add(product_, product_, scratch_);  // y
    numbers_.multiply(scratch_, product_, g_next_);
    numbers_.add(ratio_, ratio_, scratch_);
    numbers_.divide(ratio_, ratio_, det_);
    numbers_.add(phi_, phi_, ratio_);
    if (i + 2 == k_) return 1;
    const auto& e_next = at_.off_diagonal[i + 1];
    numbers_.divide(ratio_, e_next, det_);
    numbers_.multiply(b_, ratio_, product_);
    numbers_.multiply(product_, e, g_);
    numbers_.multiply(scratch_, delta_, g_next_);
    numbers_.add(product_, product_, scratch_);
    numbers_.multiply(g_, ratio_, product_);
    numbers_.multiply(delta_, delta_, ratio_);
    numbers_.multiply(delta_, delta_, e_next);
    load(lambda, i + 2, next_, b_next_, g_next_);
    numbers_.subtract(delta_, next_, delta_);
    numbers_.add(b_, b_, b_next_);
    numbers_.add(g_, g_, g_next_);
    return 1;
  }

  auto entry(std::size_t i, std::size_t j) -> decltype(auto) { return (f_[i * m_ + j]); }

  /// Negative eigenvalues of lambda - G - phi e_1 e_1'.
  std::size_t corner(const Scalar& lambda) {
    for (std::size_t i = 0; i < m_; ++i) {
      for (std::size_t j = 0; j < m_; ++j) {
        numbers_.subtract(entry(i, j), zero_, at_.corner[i * m_ + j]);
      }
      numbers_.add(entry(i, i), lambda, entry(i, i));
    }
    if (m_ > 0) numbers_.subtract(entry(0, 0), entry(0, 0), phi_);
    std::size_t count = 0;
    for (std::size_t done = 0; done < m_;) done += step(done, count);
    return count;
  }

  /// Eliminates one or two rows of the trailing block from `first` on; returns how many.
  std::size_t step(std::size_t first, std::size_t& count) {
    std::size_t p = first, q = first, r = first;
    for (std::size_t i = first; i < m_; ++i) {
      if (numbers_.compare_abs(entry(i, i), entry(p, p)) > 0) p = i;
      for (std::size_t j = first; j < i; ++j) {
        if (q == r || numbers_.compare_abs(entry(i, j), entry(q, r)) > 0) q = i, r = j;
      }
    }
    const bool single =
        q == r || numbers_.exponent(entry(p, p)) >= numbers_.exponent(entry(q, r)) - 1;
    if (single) {
      exchange(first, p);
      guard_corner(first);
      if (numbers_.sign(entry(first, first)) < 0) ++count;
      for (std::size_t i = first + 1; i < m_; ++i) {
        numbers_.divide(ratio_, entry(i, first), entry(first, first));
        for (std::size_t j = first + 1; j < m_; ++j) {
          numbers_.multiply(scratch_, ratio_, entry(first, j));
          numbers_.subtract(entry(i, j), entry(i, j), scratch_);
        }
      }
      return 1;
    }
    ++count;  // |off-diagonal| exceeds both diagonal entries: one eigenvalue of each sign
    exchange(first, r);
    exchange(first + 1, q);
    const std::size_t second = first + 1;
    numbers_.multiply(det_, entry(first, first), entry(second, second));
    numbers_.multiply(scratch_, entry(first, second), entry(first, second));
    numbers_.subtract(det_, det_, scratch_);
    for (std::size_t i = second + 1; i < m_; ++i) {
      // Row i of F_12 D^-1.
      numbers_.multiply(ratio_, entry(i, first), entry(second, second));
      numbers_.multiply(scratch_, entry(i, second), entry(first, second));
      numbers_.subtract(ratio_, ratio_, scratch_);
      numbers_.divide(ratio_, ratio_, det_);
      numbers_.multiply(product_, entry(i, second), entry(first, first));
      numbers_.multiply(scratch_, entry(i, first), entry(first, second));
      numbers_.subtract(product_, product_, scratch_);
      numbers_.divide(product_, product_, det_);
      for (std::size_t j = second + 1; j < m_; ++j) {
        numbers_.multiply(scratch_, ratio_, entry(first, j));
        numbers_.subtract(entry(i, j), entry(i, j), scratch_);
        numbers_.multiply(scratch_, product_, entry(second, j));
        numbers_.subtract(entry(i, j), entry(i, j), scratch_);
      }
    }
    return 2;
  }

  void guard_corner(std::size_t i) {
    if (numbers_.sign(entry(i, i)) == 0) {
      numbers_.set_power(entry(i, i), at_.exponent + at_.epsilon);
    }
  }

  /// Swaps rows and columns i and j.
  void exchange(std::size_t i, std::size_t j) {
    if (i == j) return;
    const auto swap_entries = [&](std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
      numbers_.set(scratch_, entry(a, b));
      numbers_.set(entry(a, b), entry(c, d));
      numbers_.set(entry(c, d), scratch_);
    };
    for (std::size_t l = 0; l < m_; ++l) swap_entries(i, l, j, l);
    for (std::size_t l = 0; l < m_; ++l) swap_entries(l, i, l, j);
  }

  Numbers numbers_;
  Parts at_;
  std::size_t k_, m_ = 0;
  Array f_;
  Scalar zero_, delta_, next_, b_, b_next_, g_, g_next_, phi_, scratch_, ratio_, product_, det_;
};

}  // namespace mpsharp
