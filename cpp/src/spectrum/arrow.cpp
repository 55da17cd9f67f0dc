#include "mpsharp/spectrum/arrow.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "arrow_operator.hpp"
#include "arrow_search.hpp"
#include "chord.hpp"
#include "double_arrow.hpp"
#include "refine.hpp"
#include "shifted.hpp"

namespace mpsharp {

namespace {

/// Bits beyond what is asked for in a solve: conditioning of the triangular factors, sums over k.
constexpr long solve_guard = 24;

/// log2 |x|, rounded up; very negative for zero.
long log2_of(const Mpfr& x) { return exponent_of(x); }

/// An eigenpair from an approximate eigenvector, each step at the precision that its
/// result can have. With the gap g to the next eigenvalue and the residual r of a vector, the
/// vector is good to r / g and its Rayleigh quotient to r^2 / g; a solve with that quotient as the
/// shift multiplies the error of the vector by (r / g)^2.
class Climb {
 public:
  Climb(const Arrow& arrow, long accuracy, long exponent, long log2_gap, const Poll& poll)
      : arrow_(arrow),
        wide_(arrow.border.bits()),
        accuracy_(accuracy),
        exponent_(exponent),
        log2_gap_(log2_gap),
        poll_(poll),
        pair_{Mpfr(wide_), Vector(arrow.border.size(), wide_), Vector(arrow.w.size(), wide_),
              Mpfr(wide_), Mpfr(wide_)} {}

  /// Nothing where the vector turns out to be worse than expected.
  std::optional<TopEigenpair> from(DoubleArrow& rough, double value) {
    if (!rough.eigenvector(pair_.y, pair_.x, value)) return std::nullopt;
    const long needed = (accuracy_ - log2_gap_) / 2 + 4;
    const Bits full = fast_bits(accuracy_ + solve_guard - log2_gap_ / 2, wide_);
    long known = 46;
    for (int pass = 0; pass < 40; ++pass) {
      const std::shared_ptr<const ArrowCopy> at = copy_at(fast_bits(2 * known + 32, wide_));
      const Evaluation seen = evaluate(*at, pair_.y, pair_.x);
      known = right_bits(seen);
      if (known < 8) return std::nullopt;
      const long wanted = std::min(needed, 4 * known);
      factor(seen.value, wanted);
      poll_();
      if (known >= needed && at->arrow().border.bits() >= full) return finish(seen, full);
      if (known < wanted) iterate((wanted - known + 2 * known - 1) / (2 * known));
      if (wanted >= needed) return finish(evaluate(*copy_at(full), pair_.y, pair_.x), full);
      known = std::max(known, wanted);
    }
    return std::nullopt;
  }

 private:
  /// -log2 of the error of the vector.
  [[nodiscard]] long right_bits(const Evaluation& seen) const {
    if (mpfr_number_p(seen.residual) == 0 || mpfr_number_p(seen.value) == 0) return 0;
    return std::min(exponent_ + log2_gap_ - log2_of(seen.residual), 4 * accuracy_);
  }

  std::shared_ptr<const ArrowCopy> copy_at(Bits bits) {
    if (copy_ == nullptr || copy_->arrow().border.bits() != bits) {
      copy_ = std::make_shared<const ArrowCopy>(arrow_, bits);
    }
    return copy_;
  }

  /// Prepares solves at `shift` that can make `wanted` right bits.
  void factor(const Mpfr& shift, long wanted) {
    const Bits bits = fast_bits(wanted - log2_gap_ + solve_guard, wide_);
    factored_ = copy_at(bits);
    shifted_ = std::make_unique<Shifted>(factored_->arrow(), factored_->metric_border());
    Mpfr lambda(bits);
    mpfr_set(lambda, shift, MPFR_RNDN);
    shifted_->factor(lambda);
  }

  /// Makes `times` steps of inverse iteration.
  void iterate(long times) {
    const Bits bits = factored_->arrow().border.bits();
    Vector y(pair_.y.size(), bits), x(pair_.x.size(), bits);
    copy(y, pair_.y);
    copy(x, pair_.x);
    for (long i = 0; i < times; ++i) shifted_->solve(y, x);
    copy(pair_.y, y);
    copy(pair_.x, x);
  }

  /// The result from an evaluation with `full` bits, and the residual of the vector after
  /// corrections by the factors at hand: r + (H - lambda) d, in which only r needs all bits.
  std::optional<TopEigenpair> finish(const Evaluation& seen, Bits full) {
    const long known = right_bits(seen);
    if (2 * known - log2_gap_ < accuracy_ || known < 2) return std::nullopt;
    mpfr_set(pair_.value, seen.value, MPFR_RNDN);
    mpfr_set(pair_.norm, seen.norm, MPFR_RNDN);
    mpfr_set(pair_.residual, seen.residual, MPFR_RNDU);

    const Bits bits = factored_->arrow().border.bits();
    const std::size_t k = pair_.y.size(), m = pair_.x.size();
    Vector ry(k, bits), rx(m, bits), dy(k, bits), dx(m, bits);
    Mpfr value(bits), residual(bits);
    mpfr_set(value, seen.value, MPFR_RNDN);
    copy(ry, seen.ry);
    copy(rx, seen.rx);
    for (int pass = 0; pass < 3; ++pass) {
      if (log2_of(pair_.residual) - exponent_ < -accuracy_) break;
      copy(dy, ry);
      copy(dx, rx);
      shifted_->solve(dy, dx);
      add_shifted_product(ry, rx, *factored_, value, dy, dx);
      mpfr_div(residual, norm_of(factored_->arrow(), ry, rx), seen.norm, MPFR_RNDU);
      if (mpfr_number_p(residual) == 0 || mpfr_cmp(residual, pair_.residual) >= 0) break;
      mpfr_set(pair_.residual, residual, MPFR_RNDU);
      for (std::size_t i = 0; i < k; ++i) mpfr_add(pair_.y[i], pair_.y[i], dy[i], MPFR_RNDN);
      for (std::size_t i = 0; i < m; ++i) mpfr_add(pair_.x[i], pair_.x[i], dx[i], MPFR_RNDN);
    }
    // Rounding errors of the evaluation itself.
    mpfr_set_ui_2exp(residual, k + m, exponent_ - full.value(), MPFR_RNDU);
    mpfr_add(pair_.residual, pair_.residual, residual, MPFR_RNDU);
    return std::move(pair_);
  }

  const Arrow& arrow_;
  Bits wide_;
  long accuracy_, exponent_, log2_gap_;
  const Poll& poll_;
  TopEigenpair pair_;
  std::shared_ptr<const ArrowCopy> copy_;      ///< the last one made
  std::shared_ptr<const ArrowCopy> factored_;  ///< what `shifted_` refers to
  std::unique_ptr<Shifted> shifted_;
};

}  // namespace

std::optional<TopEigenpair> refine_eigenpair(const Arrow& arrow, DoubleArrow& rough, double value,
                                             const Refinement& known, const Poll& poll) {
  Climb climb(arrow, known.accuracy, known.exponent, known.log2_gap, poll);
  return climb.from(rough, value);
}

TopEigenpair top_eigenpair(const Arrow& arrow, long accuracy, const Poll& poll) {
  const Bits bits = arrow.border.bits();
  DoubleArrow rough = DoubleArrow::of(arrow);
  if (rough.is_zero()) {  // H = 0: any vector will do, and 0 is the answer
    TopEigenpair pair{Mpfr(bits), Vector(arrow.border.size(), bits), Vector(arrow.w.size(), bits),
                      Mpfr(1.0, bits), Mpfr(bits)};
    mpfr_set_ui(pair.x[0], 1, MPFR_RNDN);
    return pair;
  }
  const long exponent = rough.exponent();
  constexpr int few = 26;  // enough for two steps of inverse iteration to make an eigenvector
  const double value = rough.bisect(-1.0, 1.5, few);
  // In a graded matrix iterations can end at another eigenvalue.
  const auto is_there = [&](const TopEigenpair& pair) {
    Mpfr distance(value, bits);
    mpfr_mul_2si(distance, distance, exponent, MPFR_RNDN);
    mpfr_sub(distance, pair.value, distance, MPFR_RNDN);
    return mpfr_number_p(distance) != 0 && log2_of(distance) <= exponent - 20;
  };
  if (const std::optional<double> gap = rough.gap_below(value)) {
    const long log2_gap = static_cast<long>(std::lround(std::log2(*gap))) - 1;
    const Refinement known{accuracy, exponent, log2_gap};
    std::optional<TopEigenpair> pair = chord_eigenpair(arrow, value, known, poll);
    if (!pair || !is_there(*pair)) pair = refine_eigenpair(arrow, rough, value, known, poll);
    if (pair && is_there(*pair)) return *std::move(pair);
  }
  Mpfr start(rough.bisect(-1.0, 1.5, 120), bits), bound(bits), tolerance(bits);
  mpfr_mul_2si(start, start, exponent, MPFR_RNDN);
  const Mpfr coarse_bound = norm_bound(ArrowCopy(arrow, coarse_bits));
  mpfr_set(bound, coarse_bound, MPFR_RNDU);
  mpfr_div_2ui(tolerance, bound, static_cast<unsigned long>(accuracy), MPFR_RNDN);
  return search_top_eigenpair(ArrowCopy(arrow, bits), start, bound, tolerance, poll);
}

}  // namespace mpsharp
