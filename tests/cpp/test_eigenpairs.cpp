// Eigenpairs of symmetric matrices: orthonormal, with residuals of rounding alone, and with the
// values of the direct method, also where eigenvalues are equal, close, or of every size.
// Usage: test_eigenpairs [cases] [seed]

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "mpsharp/kernels/matmul.hpp"
#include "random_numbers.hpp"
#include "spectrum/elementary.hpp"
#include "spectrum/symmetric_eigenpairs.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

constexpr const char* kinds[] = {"full",     "equal", "close",    "graded",
                                 "low rank", "zero",  "diagonal", "far"};

Matrix random_matrix(std::size_t rows, std::size_t columns, Bits bits, Generator& generator) {
  Matrix out(rows, columns, bits);
  for (__mpfr_struct& x : out.entries().span()) set_random(&x, generator);
  return out;
}

/// H D H for a random reflection H and a diagonal D of this kind; or B B'.
Matrix random_symmetric(std::size_t kind, std::size_t k, Bits bits, Generator& generator) {
  const Poll poll = [] {};
  Matrix a(k, k, bits);
  const std::string name = kinds[kind];
  if (name == "full" || name == "low rank") {
    const std::size_t rank = name == "full" ? k : 1 + k / 3;
    const Matrix b = random_matrix(k, rank, Bits(53), generator);
    multiply(a, b, transposed(b), 1, poll);
    return a;
  }
  Vector d(k, bits);
  for (std::size_t i = 0; i < k; ++i) {
    set_random(d[i], generator);
    if (name == "equal") mpfr_set_si(d[i], i < k / 3 ? 3 : -1, MPFR_RNDN);
    if (name == "close") {  // some groups, each within 2^-60 or 2^-100
      mpfr_div_2ui(d[i], d[i], i % 2 == 0 ? 60 : 100, MPFR_RNDN);
      mpfr_add_si(d[i], d[i], static_cast<long>(i % 3), MPFR_RNDN);
    }
    if (name == "graded") mpfr_div_2ui(d[i], d[i], 7 * i, MPFR_RNDN);
    if (name == "zero") mpfr_set_zero(d[i], 1);
    if (name == "far") mpfr_mul_2si(d[i], d[i], -1000000, MPFR_RNDN);
  }
  const Matrix h = random_matrix(k, 1, bits, generator);
  Mpfr square(bits), scratch(bits);
  for (std::size_t i = 0; i < k; ++i) add_product(square, scratch, h(i, 0), h(i, 0));
  Matrix reflection(k, k, bits), left(k, k, bits);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      mpfr_mul(scratch, h(i, 0), h(j, 0), MPFR_RNDN);
      mpfr_div(scratch, scratch, square, MPFR_RNDN);
      mpfr_mul_si(scratch, scratch, -2, MPFR_RNDN);
      if (i == j) mpfr_add_ui(scratch, scratch, 1, MPFR_RNDN);
      if (name == "diagonal") mpfr_set_ui(scratch, i == j ? 1 : 0, MPFR_RNDN);
      mpfr_set(reflection(i, j), scratch, MPFR_RNDN);
      mpfr_mul(left(i, j), scratch, d[j], MPFR_RNDN);
    }
  }
  multiply(a, left, transposed(reflection), 1, poll);
  for (std::size_t i = 0; i < k; ++i) {  // its entries are rounded: symmetric all the same
    for (std::size_t j = 0; j < i; ++j) mpfr_set(a(j, i), a(i, j), MPFR_RNDN);
  }
  return a;
}

void check_case(int& failures, std::uint64_t seed) {
  Generator generator(seed);
  const Poll poll = [] {};
  const auto kind = static_cast<std::size_t>(between(generator, 0, std::size(kinds) - 1));
  const auto k = static_cast<std::size_t>(between(generator, 1, 30));
  const Bits bits(between(generator, 53, one_in(generator, 5) ? 1100 : 400));
  const Matrix a = random_symmetric(kind, k, bits, generator);
  const Eigenpairs pairs = symmetric_eigenpairs(a, 1, poll);
  const Eigenpairs direct = symmetric_eigenpairs(a, 1, poll, 0);

  Matrix gram(k, k, bits), image(k, k, bits);
  multiply(gram, transposed(pairs.vectors), pairs.vectors, 1, poll);
  multiply(image, a, pairs.vectors, 1, poll);
  long size = MPFR_EMIN_DEFAULT, worst = -bits.value();
  for (const __mpfr_struct& x : direct.values.span()) size = std::max(size, exponent_of(&x));
  Mpfr scratch(bits);
  const auto see = [&worst](mpfr_srcptr x, long unit) {
    if (!mpfr_zero_p(x)) worst = std::max(worst, mpfr_get_exp(x) - unit);
  };
  bool falling = true;
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      mpfr_sub_ui(scratch, gram(i, j), i == j ? 1 : 0, MPFR_RNDN);
      see(scratch, 0);
      mpfr_mul(scratch, pairs.vectors(i, j), pairs.values[j], MPFR_RNDN);
      mpfr_sub(scratch, image(i, j), scratch, MPFR_RNDN);
      see(scratch, size);
    }
    mpfr_sub(scratch, pairs.values[i], direct.values[i], MPFR_RNDN);
    see(scratch, size + static_cast<long>(std::bit_width(k)) + 3);  // the direct one errs more
    if (i > 0 && mpfr_greater_p(pairs.values[i], pairs.values[i - 1])) falling = false;
  }
  // What the function promises is 2^3 sqrt(k); measuring it adds as much.
  const long allowed = 4 + static_cast<long>(std::bit_width(k)) / 2 - bits.value();
  if (worst <= allowed && falling) return;
  ++failures;
  std::printf("seed %llu, %s, order %zu, %ld bits: error 2^%ld, expected at most 2^%ld%s\n",
              static_cast<unsigned long long>(seed), kinds[kind], k,
              static_cast<long>(bits.value()), worst, allowed, falling ? "" : "; not falling");
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  int failures = 0;
  for (std::uint64_t i = 0; i < cases; ++i) check_case(failures, seed + i);
  std::printf("%llu matrices, %d failures\n", static_cast<unsigned long long>(cases), failures);
  mpfr_free_cache();
  return failures == 0 ? 0 : 1;
}
