#include "arrow_search.hpp"

#include "double_arrow.hpp"
#include "shifted.hpp"

namespace mpsharp {

TopEigenpair search_top_eigenpair(const ArrowCopy& at, const Mpfr& start, const Mpfr& bound,
                                  const Mpfr& tolerance, const Poll& poll) {
  const Arrow& arrow = at.arrow();
  const std::size_t k = arrow.border.size(), m = arrow.w.size();
  const Bits bits = arrow.border.bits();
  TopEigenpair pair{Mpfr(bits), Vector(k, bits), Vector(m, bits), Mpfr(bits), Mpfr(bits)};
  Shifted shifted(arrow, at.metric_border());
  Mpfr norm(bits), step(bits), above(bits);
  Vector y0(k, bits), x0(m, bits);

  // With (lambda - H) q = q0, the Rayleigh quotient of q is lambda - <q, q0> / <q, q>.
  const auto iterate = [&] {
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

  start_from(start);
  iterate();
  if (!is_largest()) {  // a start between clustered eigenvalues, or below the largest: bisect
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
    iterate();
    mpfr_sub(step, pair.value, high, MPFR_RNDN);
    mpfr_mul_2ui(norm, tolerance, 2, MPFR_RNDN);
    if (mpfr_number_p(pair.value) == 0 || mpfr_cmpabs(step, norm) > 0) {
      mpfr_set(pair.value, high, MPFR_RNDN);
    }
  }
  const Evaluation seen = evaluate(at, pair.y, pair.x);
  mpfr_sub(step, pair.value, seen.value, MPFR_RNDN);
  mpfr_abs(step, step, MPFR_RNDN);
  mpfr_set(pair.norm, seen.norm, MPFR_RNDN);
  mpfr_add(pair.residual, seen.residual, step, MPFR_RNDU);
  return pair;
}

}  // namespace mpsharp
