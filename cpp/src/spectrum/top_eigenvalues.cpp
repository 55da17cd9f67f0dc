#include "top_eigenvalues.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "arrow_operator.hpp"
#include "double_arrow.hpp"
#include "elementary.hpp"
#include "inertia.hpp"
#include "refine.hpp"
#include "shifted.hpp"

namespace mpsharp {

namespace {

/// H in a basis of its corner whose first vector is w / ||w||, by a Householder reflection.
Arrow with_one_coupling(const Arrow& arrow) {
  const std::size_t m = arrow.w.size();
  const Bits bits = arrow.border.bits();
  Arrow out = arrow;
  Mpfr norm(bits), scale(bits), scratch(bits), sum(bits);
  inner(norm, scratch, arrow.w, arrow.w);
  mpfr_sqrt(norm, norm, MPFR_RNDN);
  if (m < 2 || mpfr_zero_p(norm)) return out;
  Vector h = arrow.w;  // h = w -+ ||w|| e_1; G <- G - h p' - p h'
  const bool negative = mpfr_sgn(h[0]) < 0;
  (negative ? mpfr_sub : mpfr_add)(h[0], h[0], norm, MPFR_RNDN);
  mpfr_mul(scale, norm, h[0], MPFR_RNDN);  // h'h / 2 = ||w|| |h_1|
  mpfr_abs(scale, scale, MPFR_RNDN);
  Vector p(m, bits);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) add_product(p[i], scratch, arrow.corner(i, j), h[j]);
    mpfr_div(p[i], p[i], scale, MPFR_RNDN);
  }
  inner(sum, scratch, h, p);
  mpfr_div(sum, sum, scale, MPFR_RNDN);
  mpfr_div_2ui(sum, sum, 1, MPFR_RNDN);
  for (std::size_t i = 0; i < m; ++i) {
    mpfr_mul(scratch, sum, h[i], MPFR_RNDN);
    mpfr_sub(p[i], p[i], scratch, MPFR_RNDN);
  }
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      mpfr_mul(scratch, h[i], p[j], MPFR_RNDN);
      mpfr_sub(out.corner(i, j), out.corner(i, j), scratch, MPFR_RNDN);
      mpfr_mul(scratch, p[i], h[j], MPFR_RNDN);
      mpfr_sub(out.corner(i, j), out.corner(i, j), scratch, MPFR_RNDN);
      mpfr_set(out.corner(j, i), out.corner(i, j), MPFR_RNDN);
    }
    mpfr_set_zero(out.w[i], 1);
  }
  mpfr_set(out.w[0], norm, MPFR_RNDN);  // up to a sign, which changes no eigenvalue
  if (!negative) mpfr_neg(out.w[0], out.w[0], MPFR_RNDN);
  return out;
}

Inertia<DoubleNumbers> double_inertia(const ArrowCopy& coarse, long exponent) {
  const Arrow& arrow = coarse.arrow();
  const std::size_t k = arrow.border.size();
  DoubleNumbers numbers;
  const auto rounded = [exponent](const Vector& x) {
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = scaled(x[i], exponent);
    return out;
  };
  // w_1 b and w_1 M b, by powers of two so that both have the size of the root of their product.
  const Bits bits = coarse_bits;
  Vector border(k, bits), metric(k, bits);
  long first = MPFR_EMIN_DEFAULT, second = MPFR_EMIN_DEFAULT;
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul(border[i], arrow.border[i], arrow.w[0], MPFR_RNDN);
    mpfr_mul(metric[i], coarse.metric_border()[i], arrow.w[0], MPFR_RNDN);
    first = std::max(first, exponent_of(border[i]));
    second = std::max(second, exponent_of(metric[i]));
  }
  const long shift = (first - second) / 2;
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul_2si(border[i], border[i], -shift, MPFR_RNDN);
    mpfr_mul_2si(metric[i], metric[i], shift, MPFR_RNDN);
  }
  return {numbers,
          {rounded(arrow.a.diagonal), rounded(arrow.a.off_diagonal), rounded(border),
           rounded(metric), rounded(arrow.corner.entries()), 0, -60}};
}

/// How far rounding errors of double may move a count, scaled: the border enters by b and by M b,
/// whose product may exceed b'Mb by the root of the condition number of M.
double noise_of(const ArrowCopy& coarse, long exponent) {
  const Arrow& arrow = coarse.arrow();
  const Vector& metric_border = coarse.metric_border();
  Mpfr b(coarse_bits), mb(coarse_bits), scratch(coarse_bits);
  inner(b, scratch, arrow.border, arrow.border);
  inner(mb, scratch, metric_border, metric_border);
  mpfr_mul(b, b, mb, MPFR_RNDN);
  mpfr_sqrt(b, b, MPFR_RNDN);
  mpfr_mul(b, b, arrow.w[0], MPFR_RNDN);
  mpfr_mul(b, b, arrow.w[0], MPFR_RNDN);
  const auto order = static_cast<double>(arrow.border.size() + arrow.w.size());
  return order * 0x1p-46 * (1.0 + scaled(b, 2 * exponent));
}

Inertia<MpfrNumbers> full_inertia(const ArrowCopy& at, long exponent) {
  const Arrow& arrow = at.arrow();
  const std::size_t k = arrow.border.size();
  const Bits bits = arrow.border.bits();
  Vector border(k, bits), metric(k, bits);
  for (std::size_t i = 0; i < k; ++i) {
    mpfr_mul(border[i], arrow.border[i], arrow.w[0], MPFR_RNDN);
    mpfr_mul(metric[i], at.metric_border()[i], arrow.w[0], MPFR_RNDN);
  }
  return {MpfrNumbers{bits},
          {arrow.a.diagonal, arrow.a.off_diagonal, std::move(border), std::move(metric),
           arrow.corner.entries(), exponent, -bits.value()}};
}

/// Where the largest eigenvalues lie as far as double precision can tell, scaled by 2^-exponent.
struct Brackets {
  std::vector<double> low, high;

  /// Halves the bracket of every one of `count` to `width`.
  Brackets(Inertia<DoubleNumbers>& inertia, std::size_t count, double width)
      : low(count, -1.25), high(count, 1.25) {
    for (std::size_t j = 0; j < count; ++j) {
      while (high[j] - low[j] > width) {
        const double middle = low[j] + (high[j] - low[j]) / 2;
        const std::size_t above = inertia.above(middle);
        for (std::size_t i = j; i < count; ++i) {  // one count tells of all
          if (above > i) {
            low[i] = std::max(low[i], middle);
          } else {
            high[i] = std::min(high[i], middle);
          }
        }
      }
    }
  }
};

class Search {
 public:
  Search(const Arrow& arrow, const ArrowCopy& coarse, const Mpfr& bound, std::size_t count,
         long accuracy, const Poll& poll)
      : arrow_(arrow),
        accuracy_(accuracy),
        exponent_(mpfr_get_exp(bound)),
        poll_(poll),
        rough_(coarse.arrow(), coarse.metric_border(), exponent_),
        double_inertia_(double_inertia(coarse, exponent_)),
        least_gap_(std::max(0x1p-22, noise_of(coarse, exponent_))),
        unit_(arrow.border.bits()),
        values_(count, arrow.border.bits()) {
    mpfr_set_ui_2exp(unit_, 1, exponent_ - accuracy_, MPFR_RNDN);
    brackets_.emplace(double_inertia_, count, width);
  }

  Vector run() {
    for (std::size_t j = 0; j < values_.size();) {
      const std::optional<Cluster> cluster = cluster_of(j);
      if (cluster && refined(j, cluster->log2_gap)) {
        if (cluster->size == 1) {
          ++j;
          continue;
        }
        const Mpfr value = value_of(j);
        if (const std::size_t next = equal_to(value, j); next > j) {
          j = next;
          continue;
        }
      }
      j = bisected(j);
    }
    return std::move(values_);
  }

 private:
  static constexpr double width = 0x1p-28;
  inline static const Bits quick_bits{127};  ///< two limbs, for which MPFR has special code

  struct Cluster {
    std::size_t size;
    long log2_gap;  ///< of what separates it from all other eigenvalues, scaled
  };

  /// A bracket at full precision, and how many eigenvalues lie above its ends.
  struct Ends {
    Mpfr low, high;
    std::size_t above_low, above_high;
  };

  /// The eigenvalues that double precision does not tell from eigenvalue j, if j is the first.
  std::optional<Cluster> cluster_of(std::size_t j) {
    const double low = brackets_->low[j], high = brackets_->high[j];
    const std::size_t end = double_inertia_.above(low - least_gap_);
    const auto separates = [&](double gap) {
      return double_inertia_.above(low - gap) == end && double_inertia_.above(high + gap) == j;
    };
    if (!(least_gap_ < 0.25) || end <= j || !separates(least_gap_)) return std::nullopt;
    double gap = 0.5;
    while (gap > least_gap_ && !separates(gap)) gap /= 2;
    return Cluster{end - j, static_cast<long>(std::floor(std::log2(gap))) - 1};
  }

  [[nodiscard]] Mpfr value_of(std::size_t j) const {
    Mpfr value(unit_.bits());
    mpfr_set(value, values_[j], MPFR_RNDN);
    return value;
  }

  /// Sets eigenvalue j to one that inverse iteration finds from double precision, if it does.
  bool refined(std::size_t j, long gap) {
    const std::optional<TopEigenpair> pair =
        refine_eigenpair(arrow_, rough_, brackets_->high[j], {accuracy_, exponent_, gap}, poll_);
    if (!pair) return false;
    mpfr_set(values_[j], pair->value, MPFR_RNDN);
    return true;
  }

  /// Gives `value` to eigenvalue j, if that lies within a unit of it, and to those after it that
  /// do; returns the number of the first that does not.
  std::size_t equal_to(const Mpfr& value, std::size_t j) {
    prepare();
    Mpfr side(unit_.bits());
    mpfr_add(side, value, unit_, MPFR_RNDN);
    if (inertia_->above(side) > j) return j;
    mpfr_sub(side, value, unit_, MPFR_RNDN);
    const std::size_t above = inertia_->above(side);
    poll_();
    if (above <= j) return j;
    const std::size_t end = std::min(above, values_.size());
    for (std::size_t i = j; i < end; ++i) mpfr_set(values_[i], value, MPFR_RNDN);
    return end;
  }

  /// What only clusters need: the matrix as it is, and brackets at full precision.
  void prepare() {
    if (inertia_) return;
    const std::size_t count = values_.size();
    const Bits bits = unit_.bits();
    wide_.emplace(arrow_, bits);
    inertia_.emplace(full_inertia(*wide_, exponent_));
    shifted_.emplace(wide_->arrow(), wide_->metric_border());
    quick_inertia_.emplace(full_inertia(ArrowCopy(arrow_, quick_bits), exponent_));
    ends_.assign(count, Ends{Mpfr(bits), Mpfr(bits), 0, 0});
    for (std::size_t j = 0; j < count; ++j) {
      set_scaled(ends_[j].low, brackets_->low[j] - 0x1p-36);
      set_scaled(ends_[j].high, brackets_->high[j] + 0x1p-36);
    }
  }

  void set_scaled(Mpfr& out, double value) const {
    mpfr_set_d(out, value, MPFR_RNDN);
    mpfr_mul_2si(out, out, exponent_, MPFR_RNDN);
  }

  /// Finds eigenvalue j by halving on the count; returns as `equal_to`, and at least j + 1.
  std::size_t bisected(std::size_t j) {
    prepare();
    halve_quickly(j);
    Ends& at = ends_[j];
    if ((at.above_low = inertia_->above(at.low)) <= j) set_scaled(at.low, -1.25);
    if ((at.above_high = inertia_->above(at.high)) > j) set_scaled(at.high, 1.25);
    Mpfr middle(unit_.bits()), length(unit_.bits());
    for (int halvings = 0; halve(middle, length, at) && mpfr_cmp(length, unit_) > 0; ++halvings) {
      if (halvings % 16 == 0) {  // a shortcut that succeeds where the bracket is narrow enough
        Mpfr value = middle;
        if (iterated(value, at)) {
          if (const std::size_t next = equal_to(value, j); next > j) return next;
        }
      }
      narrow(j, middle, middle, inertia_->above(middle));
      poll_();
    }
    mpfr_set(values_[j], middle, MPFR_RNDN);
    return std::max(j + 1, equal_to(middle, j));
  }

  /// Halves a bracket while few bits are enough for that, but not much further than until no other
  /// eigenvalue is in it. The ends keep a margin for rounding errors.
  void halve_quickly(std::size_t j) {
    Ends& at = ends_[j];
    const Bits bits = unit_.bits();
    Mpfr middle(bits), length(bits), least(bits), margin(bits), below(bits), beyond(bits);
    Mpfr rounded(quick_bits);
    mpfr_set_ui_2exp(least, 1, exponent_ - 80, MPFR_RNDN);
    mpfr_set_ui_2exp(margin, 1, exponent_ - 100, MPFR_RNDN);
    for (int alone = 0; alone < 4 && halve(middle, length, at);) {
      if (mpfr_cmp(length, least) <= 0 || mpfr_cmp(length, unit_) <= 0) break;
      mpfr_set(rounded, middle, MPFR_RNDN);
      mpfr_sub(below, middle, margin, MPFR_RNDN);
      mpfr_add(beyond, middle, margin, MPFR_RNDN);
      narrow(j, below, beyond, quick_inertia_->above(rounded));
      if (at.above_low == j + 1 && at.above_high == j) ++alone;
      poll_();
    }
  }

  /// The middle of a bracket, and half its length, which must be positive.
  static bool halve(Mpfr& middle, Mpfr& length, const Ends& at) {
    mpfr_sub(length, at.high, at.low, MPFR_RNDN);
    mpfr_div_2ui(length, length, 1, MPFR_RNDN);
    mpfr_add(middle, at.low, length, MPFR_RNDN);
    return mpfr_sgn(length.get()) > 0;
  }

  /// One count tells of all eigenvalues from j on: so many lie above `low`, and no more above
  /// `high`.
  void narrow(std::size_t j, const Mpfr& low, const Mpfr& high, std::size_t above) {
    for (std::size_t i = j; i < ends_.size(); ++i) {
      Ends& at = ends_[i];
      if (above > i && mpfr_greater_p(low, at.low)) {
        at.low = low;
        at.above_low = above;
      } else if (above <= i && mpfr_less_p(high, at.high)) {
        at.high = high;
        at.above_high = above;
      }
    }
  }

  /// Rayleigh quotient iteration at full precision from `value`, towards some eigenvalue.
  /// Fails where it leaves the bracket.
  bool iterated(Mpfr& value, const Ends& inside) {
    const std::size_t k = arrow_.border.size(), m = arrow_.w.size();
    const Bits bits = unit_.bits();
    Vector y(k, bits), x(m, bits), y0(k, bits), x0(m, bits);
    for (std::size_t i = 0; i < k; ++i) mpfr_set_d(y[i], generic(i), MPFR_RNDN);
    for (std::size_t i = 0; i < m; ++i) mpfr_set_d(x[i], generic(k + i), MPFR_RNDN);
    Mpfr step(bits), norm(bits);
    for (int pass = 0; pass < 12; ++pass) {
      copy(y0, y);
      copy(x0, x);
      shifted_->factor(value);
      shifted_->solve(y, x);
      shifted_->inner_products(step, y0, x0, norm, y, x);
      mpfr_div(step, step, norm, MPFR_RNDN);
      mpfr_sub(value, value, step, MPFR_RNDN);
      poll_();
      if (mpfr_number_p(value) == 0) return false;
      if (mpfr_less_p(value, inside.low) || mpfr_greater_p(value, inside.high)) return false;
      if (pass > 0 && mpfr_cmpabs(step, unit_) <= 0) return true;
    }
    return false;
  }

  const Arrow& arrow_;
  long accuracy_, exponent_;
  const Poll& poll_;
  DoubleArrow rough_;
  Inertia<DoubleNumbers> double_inertia_;
  double least_gap_;  ///< what double precision tells from zero
  Mpfr unit_;
  Vector values_;
  std::optional<Brackets> brackets_;
  std::optional<ArrowCopy> wide_;
  std::optional<Inertia<MpfrNumbers>> inertia_, quick_inertia_;
  std::optional<Shifted> shifted_;
  std::vector<Ends> ends_;
};

}  // namespace

Vector top_eigenvalues(const Arrow& given, std::size_t count, long accuracy, const Poll& poll) {
  const Arrow arrow = with_one_coupling(given);
  const ArrowCopy coarse(arrow, coarse_bits);
  const Mpfr bound = norm_bound(coarse);
  if (mpfr_zero_p(bound)) return {count, arrow.border.bits()};
  return Search(arrow, coarse, bound, count, accuracy, poll).run();
}

}  // namespace mpsharp
