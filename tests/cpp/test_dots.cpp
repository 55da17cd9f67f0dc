// Exact dot products of vectors in the kernels' own form where the upper limbs of the products
// hardly decide, or do not, against the reference: sums next to a tie or to a power of two, and
// sums that nearly cancel. Usage: test_dots [cases] [seed]

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/lane_products.hpp"
#include "kernels/paths.hpp"
#include "kernels/reference.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

/// Enough bits for every sum of products here.
constexpr mpfr_prec_t exact_bits = 8192;

/// Half of the lengths are whole limbs: there the fewest bits of a sum are discarded.
long random_dot_bits(Generator& generator) {
  const long limbs = one_in(generator, 8) ? between(generator, 5, 20) : between(generator, 1, 4);
  return 52 * limbs - (one_in(generator, 2) ? 0 : between(generator, 0, 50));
}

/// Limbs whose products have halves of nearly 2^52, so that what is left out is the most.
void set_full(mpfr_ptr x) {
  const auto bits = mpfr_get_prec(x);
  mpfr_set_zero(x, 1);
  for (mpfr_prec_t above = 52; above <= bits; above += 52) {
    mpfr_t limb;
    mpfr_init2(limb, 52);
    mpfr_set_ui_2exp(limb, (1UL << 52) - (1UL << 26) + 1, -above, MPFR_RNDN);
    mpfr_add(x, x, limb, MPFR_RNDN);
    mpfr_clear(limb);
  }
  if (mpfr_zero_p(x)) mpfr_set_ui(x, 1, MPFR_RNDN);
}

void exact_sum(mpfr_ptr sum, const Vector& a, const Vector& b) {
  Mpfr product{Bits(exact_bits)};
  mpfr_set_zero(sum, 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    mpfr_mul(product, a[i], b[i], MPFR_RNDN);
    mpfr_add(sum, sum, product, MPFR_RNDN);
  }
}

/// The exponent of a unit of the lowest limb that the kernels compute of the products.
long lowest_exponent(const Vector& a, const Vector& b) {
  long largest = mpfr_get_exp(a[0]) + mpfr_get_exp(b[0]);
  for (std::size_t i = 1; i < a.size(); ++i) {
    if (mpfr_zero_p(a[i]) || mpfr_zero_p(b[i])) continue;
    largest = std::max<long>(largest, mpfr_get_exp(a[i]) + mpfr_get_exp(b[i]));
  }
  return largest - 52 * ((a.bits().value() + 51) / 52 + 1);
}

/// Where rounding changes: a tie, or a power of two, below which numbers are twice as dense; or 0,
/// or any number. As large as the sum, or so small that few bits of what is computed are discarded.
void set_target(Mpfr& target, const Mpfr& sum, long bits, long lowest, Generator& generator) {
  const auto place = between(generator, 0, 3);
  const long exponent = place < 2    ? static_cast<long>(mpfr_get_exp(sum.get()))
                        : place == 2 ? lowest + bits + between(generator, -3, 14)
                                     : lowest + between(generator, -bits, 2 * bits);
  Mpfr number{Bits(bits + 1)};
  switch (between(generator, 0, 5)) {
    case 0:
      break;
    case 1:
      set_random(number, generator);
      break;
    case 2:
      mpfr_set_ui_2exp(number, 1, -1, MPFR_RNDN);
      break;
    default: {  // the last of the bits + 1 is set
      Mpfr rounded{Bits(bits)};
      set_random(rounded, generator);
      mpfr_set(number, rounded, MPFR_RNDN);
      mpfr_nextabove(number);
    }
  }
  mpfr_mul_2si(target, number, exponent, MPFR_RNDN);
}

/// Sets the last two products so that the sum is such a number, or some units away from it.
void steer(Vector& a, Vector& b, Generator& generator) {
  const std::size_t n = a.size();
  for (std::size_t i = n - 2; i < n; ++i) {
    mpfr_set_ui(a[i], 1, MPFR_RNDN);
    mpfr_set_zero(b[i], 1);
  }
  Mpfr sum{Bits(exact_bits)};
  exact_sum(sum, a, b);
  const long lowest = lowest_exponent(a, b);
  Mpfr target{Bits(exact_bits)};
  set_target(target, sum, a.bits().value(), lowest, generator);
  Mpfr offset{Bits(64)};
  const long most = 1L << between(generator, 0, 13);
  mpfr_set_si_2exp(offset, between(generator, -most, most), lowest - between(generator, 0, 3),
                   MPFR_RNDN);
  mpfr_add(target, target, offset, MPFR_RNDN);
  constexpr mpfr_rnd_t modes[] = {MPFR_RNDN, MPFR_RNDU, MPFR_RNDD};
  for (std::size_t i = n - 2; i < n; ++i) {
    exact_sum(sum, a, b);
    mpfr_sub(sum, target, sum, MPFR_RNDN);
    mpfr_set(b[i], sum, modes[between(generator, 0, 2)]);
  }
}

void check_case(Tally& tally, std::uint64_t seed) {
  Generator generator(seed);
  const Bits bits(random_dot_bits(generator));
  const auto n = static_cast<std::size_t>(between(generator, 3, one_in(generator, 5) ? 200 : 20));
  Vector a(n, bits);
  Vector b(n, bits);
  const bool full = one_in(generator, 3);
  const bool positive = one_in(generator, 2);  // then what is left out adds up
  const long spread = one_in(generator, 2) ? 0 : between(generator, 0, 130);
  for (Vector* vector : {&a, &b}) {
    for (__mpfr_struct& x : vector->span()) {
      full ? set_full(&x) : set_random(&x, generator);
      if (positive) mpfr_abs(&x, &x, MPFR_RNDN);
      mpfr_mul_2si(&x, &x, -between(generator, 0, spread), MPFR_RNDN);
    }
  }
  steer(a, b, generator);

  Vector expected(1, bits);
  reference_exact_dot(expected[0], a.span().data(), 1, b.span().data(), 1, n);
  for (const KernelPath path : all_paths) {
    if (!can_run(path)) continue;
    const auto products =
        make_products(std::make_shared<Matrix>(n, 1, bits), Arithmetic::exact, 1, path);
    const LaneProducts* lanes = products->lanes_form();
    if (lanes == nullptr || lanes->lane_kernels(bits) == nullptr) continue;
    LaneVector left(n, bits);
    LaneVector right(n, bits);
    Vector actual(1, bits);
    if (!left.assign(a) || !right.assign(b)) continue;
    if (!lanes->dot(actual[0], left, right, [] {})) continue;  // grids are too wide
    compare(tally, expected, actual,
            "seed " + std::to_string(seed) + ", " + name_of(path) + ", bits " +
                std::to_string(bits.value()) + ", length " + std::to_string(n) +
                (full ? ", full" : ""));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t cases = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const MpfrScope scope;
  Tally tally;
  for (std::uint64_t i = 0; i < cases; ++i) check_case(tally, seed + i);
  std::printf("%llu dot products, %llu of lanes, %llu mismatches\n",
              static_cast<unsigned long long>(cases),
              static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches));
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
