// Every kernel against the reference, bit for bit, on random problems biased to corners.
// Usage: test_products [cases] [seed]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "kernels/paths.hpp"
#include "kernels/rns_products.hpp"
#include "mpsharp/kernels/products.hpp"

namespace {

using namespace mpsharp;

using Generator = std::mt19937_64;

std::int64_t between(Generator& generator, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(generator);
}

bool one_in(Generator& generator, std::int64_t n) { return between(generator, 1, n) == 1; }

/// A random significand with all bits of x in play; |x| in [1/2, 1).
void set_random(mpfr_ptr x, Generator& generator) {
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

Style random_style(Generator& generator) {
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

void set_number(mpfr_ptr x, const Style& style, Generator& generator) {
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
void pair_up(Span numbers, Generator& generator) {
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

long random_bits(Generator& generator) {
  constexpr long usual[] = {2, 3, 11, 24, 51, 52, 53, 63, 64, 65, 103, 104, 105, 113, 128, 256};
  constexpr long large[] = {237, 512, 520, 1000, 1024, 1040, 1041, 2048, 4096};
  if (one_in(generator, 10)) return large[static_cast<std::size_t>(between(generator, 0, 8))];
  if (one_in(generator, 2)) return usual[static_cast<std::size_t>(between(generator, 0, 15))];
  return between(generator, 2, 400);
}

std::size_t random_length(Generator& generator, std::int64_t bits) {
  if (one_in(generator, 50)) return 0;
  if (bits < 600 && one_in(generator, 2000)) {
    return static_cast<std::size_t>(between(generator, 4000, 10000));
  }
  if (bits < 600 && one_in(generator, 100)) {
    return static_cast<std::size_t>(between(generator, 50, 500));
  }
  return static_cast<std::size_t>(between(generator, 1, one_in(generator, 4) ? 40 : 9));
}

bool same(mpfr_srcptr a, mpfr_srcptr b) {
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

void compare(Tally& tally, const Vector& expected, const Vector& actual, const std::string& what) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ++tally.outputs;
    if (same(expected[i], actual[i])) continue;
    if (++tally.mismatches > 10) continue;
    mpfr_printf("%s, output %lu: expected %Ra, got %Ra\n", what.c_str(),
                static_cast<unsigned long>(i), expected[i], actual[i]);
  }
}

void check_case(Tally& tally, std::uint64_t seed) {
  Generator generator(seed);
  const long out_bits = random_bits(generator);
  const bool one_precision = !one_in(generator, 4);
  const long matrix_bits = one_precision ? out_bits : random_bits(generator);
  const long vector_bits = one_precision ? out_bits : random_bits(generator);
  const long most_bits = std::max({out_bits, matrix_bits, vector_bits});
  std::size_t rows = random_length(generator, most_bits);
  std::size_t columns = random_length(generator, most_bits);
  if (rows * columns > 20000) (one_in(generator, 2) ? rows : columns) = 1;

  const Style style = random_style(generator);
  const bool constant = style.kind == Style::constant;
  const Style vector_style = constant || one_in(generator, 2) ? style : random_style(generator);
  if (constant && one_in(generator, 20)) {
    rows = static_cast<std::size_t>(between(generator, 1, 3));
    columns = static_cast<std::size_t>(between(generator, 4000, 10000));
    if (one_in(generator, 2)) std::swap(rows, columns);
  }
  auto matrix = std::make_shared<Matrix>(rows, columns, Bits(matrix_bits));
  for (__mpfr_struct& x : matrix->entries().span()) set_number(&x, style, generator);
  if (constant) {
    // 2 times the residue of -1 has the largest low half: 2 (2^51 - c - 1) = 2^52 - 2 c - 2.
    for (__mpfr_struct& x : matrix->entries().span()) mpfr_set_ui(&x, 2, MPFR_RNDN);
    if (rows * columns > 0) mpfr_set_ui((*matrix)(0, 0), 1, MPFR_RNDN);  // so that 1 is the unit
  } else if (style.paired) {
    for (std::size_t i = 0; i < rows; ++i) pair_up(matrix->row(i), generator);
  }
  Vector right(columns, Bits(vector_bits));
  Vector left(rows, Bits(vector_bits));
  for (Vector* vector : {&right, &left}) {
    for (__mpfr_struct& x : vector->span()) set_number(&x, vector_style, generator);
    if (style.paired) {
      for (std::size_t i = 0; i + 1 < vector->size(); i += 2) {
        mpfr_set((*vector)[i + 1], (*vector)[i], MPFR_RNDN);
      }
    }
  }

  const Poll poll = [] {};
  for (const Arithmetic arithmetic : {Arithmetic::exact, Arithmetic::sequential}) {
    const auto reference = make_products(matrix, arithmetic, 1, KernelPath::reference);
    Vector expected(rows, Bits(out_bits));
    Vector expected_transposed(columns, Bits(out_bits));
    reference->apply(expected, right, poll);
    reference->apply_transposed(expected_transposed, left, poll);
    for (const KernelPath path : {KernelPath::portable, KernelPath::ifma}) {
      if (!can_run(path)) continue;
      const unsigned threads = one_in(generator, 50) ? 3 : 1;
      const auto products = make_products(matrix, arithmetic, threads, path);
      const std::string what = "seed " + std::to_string(seed) + ", " + name_of(path) +
                               (arithmetic == Arithmetic::exact ? ", exact, " : ", sequential, ") +
                               std::to_string(rows) + " x " + std::to_string(columns) + ", bits " +
                               std::to_string(matrix_bits) + ", " + std::to_string(vector_bits) +
                               " -> " + std::to_string(out_bits);
      Vector actual(rows, Bits(out_bits));
      products->apply(actual, right, poll);
      compare(tally, expected, actual, what);
      Vector actual_transposed(columns, Bits(out_bits));
      products->apply_transposed(actual_transposed, left, poll);
      compare(tally, expected_transposed, actual_transposed, what + ", transposed");
    }
    if (arithmetic == Arithmetic::exact) {
      // The two forms of a matrix in turn, whichever the sizes would choose.
      std::vector<RnsKernels> instruction_sets = {rns_portable};
#ifdef MPSHARP_HAVE_IFMA
      if (can_run(KernelPath::ifma)) instruction_sets.push_back(rns_ifma);
#endif
      for (RnsKernels& kernels : instruction_sets) {
        kernels.max_stored_words = kernels.max_stored_words == 0 ? 1U << 30 : 0;
        const RnsProducts products(matrix, kernels, 1);
        const std::string what = "seed " + std::to_string(seed) + ", exact, other form";
        Vector actual(rows, Bits(out_bits));
        products.apply(actual, right, poll);
        compare(tally, expected, actual, what);
        Vector actual_transposed(columns, Bits(out_bits));
        products.apply_transposed(actual_transposed, left, poll);
        compare(tally, expected_transposed, actual_transposed, what + ", transposed");
      }
    }
    if (rows > 0) {
      Vector single(1, Bits(out_bits));
      Vector first(1, Bits(out_bits));
      mpfr_set(first[0], expected[0], MPFR_RNDN);
      dot(single[0], matrix->row(0), right, arithmetic);
      compare(tally, first, single, "seed " + std::to_string(seed) + ", dot");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  const auto start = std::chrono::steady_clock::now();
  Tally tally;
  for (std::uint64_t i = 0; i < cases; ++i) check_case(tally, seed + i);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%llu problems, %llu outputs, %llu mismatches, %.1f s\n",
              static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches), seconds);
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
