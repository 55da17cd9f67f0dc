#pragma once

// Random numbers biased to corners, and the comparison of results bit for bit.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

#include "mpsharp/array.hpp"

namespace mpsharp::testing {

using Generator = std::mt19937_64;

inline std::int64_t between(Generator& generator, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
}

inline bool one_in(Generator& generator, std::int64_t n) { return between(generator, 1, n) == 1; }

/// A random significand with all bits of x in play; |x| in [1/2, 1).
inline void set_random(mpfr_ptr x, Generator& generator) {
  const auto bits = mpfr_get_prec(x);
  mpfr_set_ui_2exp(x, 1, -1, MPFR_RNDN);
  for (mpfr_prec_t bit = 0; bit < bits; bit += 32) {
    mpfr_t term;
    mpfr_init2(term, 64);
    mpfr_set_ui_2exp(term, generator() >> 33, -33 - bit, MPFR_RNDN);
    mpfr_add(x, x, term, MPFR_RNDZ);
    mpfr_clear(term);
  }
  if (generator() % 2 == 0) mpfr_neg(x, x, MPFR_RNDN);
}

/// What the numbers of one problem look like.
struct Style {
  enum Kind { full, doubles, integers, ties, sparse, outlier, constant } kind;
  std::int64_t spread;  ///< exponents within ± this
  bool paired;          ///< neighbours nearly cancel
  bool special;         ///< NaN and infinities occur
  bool extreme;         ///< exponents at MPFR's limits occur
};

inline Style random_style(Generator& generator) {
  constexpr std::int64_t spreads[] = {0, 1, 3, 20, 60, 110, 300, 1000, 5000};
  Style style{};
  style.kind = static_cast<Style::Kind>(between(generator, 0, 6));
  style.spread = spreads[static_cast<std::size_t>(one_in(generator, 4) ? between(generator, 6, 8)
                                                                       : between(generator, 0, 5))];
  style.paired = one_in(generator, 3);
  style.special = one_in(generator, 20);
  style.extreme = one_in(generator, 40);
  return style;
}

inline void set_number(mpfr_ptr x, const Style& style, Generator& generator) {
  switch (style.kind) {
    case Style::full:
      set_random(x, generator);
      break;
    case Style::doubles:
      mpfr_set_d(x, std::normal_distribution<double>()(generator), MPFR_RNDN);
      break;
    case Style::integers:
      mpfr_set_si(x, between(generator, -4, 4), MPFR_RNDN);
      if (mpfr_zero_p(x) && one_in(generator, 2)) mpfr_neg(x, x, MPFR_RNDN);
      break;
    case Style::ties: {  // ± 1, or its neighbours, or 1 + half of what an output may hold
      mpfr_set_si(x, one_in(generator, 2) ? 1 : -1, MPFR_RNDN);
      mpfr_t small;
      mpfr_init2(small, 2);
      mpfr_set_si_2exp(small, one_in(generator, 2) ? 1 : -1,
                       -between(generator, 0, 2 * mpfr_get_prec(x)), MPFR_RNDN);
      if (one_in(generator, 2)) mpfr_add(x, x, small, MPFR_RNDN);
      if (one_in(generator, 3)) mpfr_set(x, small, MPFR_RNDN);
      mpfr_clear(small);
      break;
    }
    case Style::sparse:
      set_random(x, generator);
      if (!one_in(generator, 3)) mpfr_set_zero(x, one_in(generator, 2) ? 1 : -1);
      break;
    case Style::constant:
      mpfr_set_si(x, -1, MPFR_RNDN);
      return;
    case Style::outlier:
      set_random(x, generator);
      if (one_in(generator, 30)) mpfr_mul_2si(x, x, between(generator, -5000, 5000), MPFR_RNDN);
      break;
  }
  if (style.spread != 0) {
    mpfr_mul_2si(x, x, between(generator, -style.spread, style.spread), MPFR_RNDN);
  }
  if (style.special && one_in(generator, 30)) {
    if (one_in(generator, 2)) {
      mpfr_set_inf(x, one_in(generator, 2) ? 1 : -1);
    } else {
      mpfr_set_nan(x);
    }
  }
  if (style.extreme && mpfr_regular_p(x) && one_in(generator, 4)) {
    const mpfr_exp_t edge = one_in(generator, 2) ? mpfr_get_emax() : mpfr_get_emax() / 2;
    const mpfr_exp_t near = edge - between(generator, 0, 3);
    mpfr_set_exp(x, one_in(generator, 2) ? near : -near);
  }
}

/// Makes every other number nearly the opposite of the one before.
inline void pair_up(Span numbers, Generator& generator) {
  for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
    mpfr_neg(&numbers[i + 1], &numbers[i], MPFR_RNDN);
    if (!mpfr_regular_p(&numbers[i])) continue;
    switch (between(generator, 0, 5)) {
      case 0:
        mpfr_nextabove(&numbers[i + 1]);
        break;
      case 1:
        mpfr_nextbelow(&numbers[i + 1]);
        break;
      case 2: {
        mpfr_t small;
        mpfr_init2(small, 2);
        mpfr_set_si_2exp(
            small, 1, mpfr_get_exp(&numbers[i]) - between(generator, 0, mpfr_get_prec(&numbers[i])),
            MPFR_RNDN);
        mpfr_add(&numbers[i + 1], &numbers[i + 1], small, MPFR_RNDN);
        mpfr_clear(small);
        break;
      }
      default:
        break;  // exact cancellation
    }
  }
}

inline long random_bits(Generator& generator) {
  constexpr long usual[] = {2, 3, 11, 24, 51, 52, 53, 63, 64, 65, 103, 104, 105, 113, 128, 256};
  constexpr long large[] = {237, 512, 520, 1000, 1024, 1040, 1041, 2048, 4096};
  if (one_in(generator, 10)) return large[static_cast<std::size_t>(between(generator, 0, 8))];
  if (one_in(generator, 2)) return usual[static_cast<std::size_t>(between(generator, 0, 15))];
  return between(generator, 2, 400);
}

inline std::size_t random_length(Generator& generator, std::int64_t bits) {
  if (one_in(generator, 50)) return 0;
  if (bits < 600 && one_in(generator, 2000)) {
    return static_cast<std::size_t>(between(generator, 4000, 10000));
  }
  if (bits < 600 && one_in(generator, 100)) {
    return static_cast<std::size_t>(between(generator, 50, 500));
  }
  return static_cast<std::size_t>(between(generator, 1, one_in(generator, 4) ? 40 : 9));
}

inline bool same(mpfr_srcptr a, mpfr_srcptr b) {
  if (mpfr_nan_p(a) || mpfr_nan_p(b)) return mpfr_nan_p(a) && mpfr_nan_p(b);
  if (mpfr_signbit(a) != mpfr_signbit(b) || !mpfr_equal_p(a, b)) return false;
  // Equal values, but also the representation: unused low bits must be zero.
  return !mpfr_regular_p(a) ||
         std::memcmp(a->_mpfr_d, b->_mpfr_d,
                     sizeof(mp_limb_t) * static_cast<std::size_t>((mpfr_get_prec(a) + 63) / 64)) ==
             0;
}

struct Tally {
  std::uint64_t outputs = 0;
  std::uint64_t mismatches = 0;
};

inline void compare(Tally& tally, const Vector& expected, const Vector& actual,
                    const std::string& what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ++tally.outputs;
    if (same(expected[i], actual[i])) continue;
    if (++tally.mismatches > 10) continue;
    mpfr_printf("%s, output %lu: expected %Ra, got %Ra\n", what.c_str(),
                static_cast<unsigned long>(i), expected[i], actual[i]);
  }
}

}  // namespace mpsharp::testing
