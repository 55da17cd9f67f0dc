// Products in fixed point against exact ones, by the bound for their error: digits that are as
// large as they can be, cancellation, numbers far below the others. Usage: test_fixed [cases]
// [seed]

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "mpsharp/kernels/products.hpp"
#include "random_numbers.hpp"
#include "spectrum/double_arrow.hpp"
#include "spectrum/fixed_products.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

/// x <- x rounded to multiples of 2^low.
void to_multiple(mpfr_ptr x, long low, mpfr_rnd_t rounding) {
  mpfr_mul_2si(x, x, -low, MPFR_RNDN);
  mpfr_rint(x, x, rounding);
  mpfr_mul_2si(x, x, low, MPFR_RNDN);
}

void fill(Vector& out, long exponent, Generator& generator) {
  const bool extreme = one_in(generator, 4), one_sign = one_in(generator, 3);
  const long spread = one_in(generator, 2) ? 2 : between(generator, 0, 200);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (extreme) {  // all ones
      mpfr_set_ui_2exp(out[i], 1, exponent, MPFR_RNDN);
      mpfr_nextbelow(out[i]);
      if (!one_sign && one_in(generator, 2)) mpfr_neg(out[i], out[i], MPFR_RNDN);
      continue;
    }
    set_random(out[i], generator);
    mpfr_mul_2si(out[i], out[i], exponent - between(generator, 0, spread), MPFR_RNDN);
    if (one_sign) mpfr_abs(out[i], out[i], MPFR_RNDN);
    if (one_in(generator, 8)) mpfr_set_zero(out[i], 1);
    if (one_in(generator, 8)) mpfr_set_si_2exp(out[i], -1, exponent - 1, MPFR_RNDN);
    if (i > 0 && one_in(generator, 8)) mpfr_neg(out[i], out[i - 1], MPFR_RNDN);
  }
}

bool right(Generator& generator) {
  const Bits bits(between(generator, 60, 183));
  const auto rows = static_cast<std::size_t>(between(generator, 1, 5));
  const auto columns =
      static_cast<std::size_t>(between(generator, 1, one_in(generator, 20) ? 3000 : 40));
  Matrix matrix(rows, columns, bits);
  fill(matrix.entries(), 1, generator);
  const long digits = (bits.value() + 3 + 61) / 62;
  Matrix cut = matrix;
  FixedProducts::cut(cut);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    to_multiple(matrix.entries()[i], 2 - 62 * digits, MPFR_RNDN);
    if (!mpfr_equal_p(matrix.entries()[i], cut.entries()[i])) return false;
  }
  Vector x(columns, Bits(between(generator, 2, 300))), out(rows, bits);
  fill(x, between(generator, -1000, 1000), generator);
  FixedProducts(cut).apply(out, x);
  const long unit = largest_exponent(x) - bits.value();
  Mpfr expected(Bits(400)), bound(Bits(400)), difference(Bits(400));
  for (std::size_t i = 0; i < rows; ++i) {
    dot(expected, cut.row(i), x, Arithmetic::exact);
    mpfr_set_zero(bound, 1);
    if (!mpfr_zero_p(out[i])) {  // its rounding
      mpfr_set_ui_2exp(bound, 1, mpfr_get_exp(out[i]) - bits.value(), MPFR_RNDN);
    }
    mpfr_set_ui_2exp(difference, 3 * columns, unit, MPFR_RNDN);
    mpfr_add(bound, bound, difference, MPFR_RNDN);
    mpfr_sub(difference, expected, out[i], MPFR_RNDN);
    if (mpfr_cmpabs(difference, bound) <= 0) continue;
    mpfr_printf("%ld bits, row %zu of %zu columns: expected %Re, got %Re\n", bits.value(), i,
                columns, static_cast<mpfr_srcptr>(expected), static_cast<mpfr_srcptr>(out[i]));
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const long cases = argc > 1 ? std::atol(argv[1]) : 10000;
  Generator generator(argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 1);
  const MpfrScope scope;
  for (long i = 0; i < cases; ++i) {
    if (!right(generator)) {
      std::printf("case %ld is wrong\n", i);
      return EXIT_FAILURE;
    }
  }
  std::printf("%ld products are right\n", cases);
  return EXIT_SUCCESS;
}
