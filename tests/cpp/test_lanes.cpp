// Operations on numbers in the kernels' own form against MPFR, bit for bit, where rounding is
// hardest: products that are nearly ties, however far below the last bit that is decided.
// Usage: test_lanes [groups] [seed]

#include <gmp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/lane_vector.hpp"
#include "kernels/paths.hpp"
#include "random_numbers.hpp"

namespace {

using namespace mpsharp;
using namespace mpsharp::testing;

constexpr std::size_t lanes = LaneVector::lanes;

/// An integer of GMP that owns its limbs.
class Integer {
 public:
  Integer() { mpz_init(value_); }
  ~Integer() { mpz_clear(value_); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  operator mpz_ptr() { return value_; }  // NOLINT(google-explicit-constructor)

 private:
  mpz_t value_;
};

/// An odd number of exactly `bits` bits.
void set_odd(mpz_ptr out, long bits, Generator& generator) {
  mpz_set_ui(out, 1);
  for (long bit = 0; bit < bits; bit += 32) {
    mpz_mul_2exp(out, out, 32);
    mpz_add_ui(out, out, generator() >> 32);
  }
  mpz_fdiv_r_2exp(out, out, static_cast<mp_bitcnt_t>(bits));
  mpz_setbit(out, static_cast<mp_bitcnt_t>(bits - 1));
  mpz_setbit(out, 0);
}

/// x of `bits` bits such that the discarded bits of x factor are those of half a unit in the last
/// place, and `more` in units of the last of them. Returns false if there is none.
bool near_tie(mpz_ptr x, mpz_srcptr factor, long bits, long more) {
  Integer modulus;
  Integer inverse;
  Integer product;
  for (const long discarded : {bits, bits - 1}) {
    mpz_set_ui(modulus, 1);
    mpz_mul_2exp(modulus, modulus, static_cast<mp_bitcnt_t>(discarded));
    mpz_set_ui(x, 1);
    mpz_mul_2exp(x, x, static_cast<mp_bitcnt_t>(discarded - 1));
    if (more < 0) {
      mpz_sub_ui(x, x, static_cast<unsigned long>(-more));
    } else {
      mpz_add_ui(x, x, static_cast<unsigned long>(more));
    }
    if (discarded == 1 || mpz_invert(inverse, factor, modulus) == 0) continue;
    mpz_mul(x, x, inverse);
    mpz_fdiv_r(x, x, modulus);
    if (discarded < bits) mpz_setbit(x, static_cast<mp_bitcnt_t>(discarded));
    mpz_mul(product, x, factor);
    if (static_cast<long>(mpz_sizeinbase(x, 2)) == bits &&
        static_cast<long>(mpz_sizeinbase(product, 2)) == bits + discarded) {
      return true;
    }
  }
  return false;
}

void check_precision(Tally& tally, long bits, std::size_t n_groups, Generator& generator) {
  const Bits precision(bits);
  Vector x(lanes, precision), y(lanes, precision), b(lanes, precision), actual(lanes, precision);
  Vector product(lanes, precision), sum(lanes, precision);
  Integer factor;
  Integer integer;
  for (std::size_t g = 0; g < n_groups; ++g) {
    set_odd(factor, bits, generator);
    for (std::size_t i = 0; i < lanes; ++i) {
      const long most = one_in(generator, 2) ? 1 : 100;
      if (!near_tie(integer, factor, bits, between(generator, -most, most))) {
        set_odd(integer, bits, generator);
      }
      mpfr_set_z(x[i], integer, MPFR_RNDN);
      mpfr_set_z(y[i], factor, MPFR_RNDN);
      if (one_in(generator, 2)) mpfr_neg(x[i], x[i], MPFR_RNDN);
      set_random(b[i], generator);
      mpfr_mul_2si(b[i], b[i], 2 * bits + between(generator, -60, 60), MPFR_RNDN);
      if (one_in(generator, 4)) mpfr_set_zero(b[i], one_in(generator, 2) ? 1 : -1);
      mpfr_mul(product[i], x[i], y[i], MPFR_RNDN);
      mpfr_sub(sum[i], b[i], product[i], MPFR_RNDN);
    }
    LaneVector left(lanes, precision), right(lanes, precision), terms(lanes, precision);
    LaneVector out(lanes, precision);
    if (!left.assign(x) || !right.assign(y) || !terms.assign(b)) ++tally.mismatches;
    std::uint64_t scalar[SequentialKernel::max_limbs + 1];
    write_number(scalar, 1, out.limbs(), y[0]);
    for (const KernelPath path : all_paths) {
      if (path == KernelPath::reference || !can_run(path)) continue;
      const LaneKernels& kernels = number_kernels(path).lanes(out.limbs());
      const std::string what = std::string(name_of(path)) + ", bits " + std::to_string(bits);
      kernels.multiply(out.group(0), left.group(0), right.group(0), out.unused());
      out.copy_to(actual);
      compare(tally, product, actual, what + ", product");
      kernels.add_scaled(out.group(0), terms.group(0), false, left.group(0), scalar, true,
                         out.unused());
      out.copy_to(actual);
      compare(tally, sum, actual, what + ", sum");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t n_groups = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 40;
  Generator generator(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  const MpfrScope scope;
  Tally tally;
  for (long limbs = 1; limbs <= static_cast<long>(SequentialKernel::max_limbs); ++limbs) {
    // Around 14 unused bits of the last limb products take another way.
    for (const long unused : {0L, 1L, 7L, 13L, 14L, 15L, 30L, 50L}) {
      check_precision(tally, 52 * limbs - unused, n_groups, generator);
    }
  }
  std::printf("%llu outputs, %llu mismatches\n", static_cast<unsigned long long>(tally.outputs),
              static_cast<unsigned long long>(tally.mismatches));
  mpfr_free_cache();
  return tally.mismatches == 0 ? 0 : 1;
}
