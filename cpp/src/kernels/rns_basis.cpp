#include "rns_basis.hpp"

#include <gmp.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace mpsharp {

namespace {

__extension__ typedef unsigned __int128 Wide;

constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

/// One GMP integer that frees itself.
class Integer {
 public:
  Integer() { mpz_init(value_); }
  explicit Integer(std::uint64_t value) { mpz_init_set_ui(value_, value); }
  ~Integer() { mpz_clear(value_); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator mpz_ptr() noexcept { return value_; }

 private:
  mpz_t value_;
};

void write_limbs(std::uint64_t* out, std::size_t n_limbs, mpz_ptr value) {
  Integer rest;
  mpz_set(rest, value);
  for (std::size_t l = 0; l < n_limbs; ++l) {
    out[l] = mpz_get_ui(rest) & mask52;
    mpz_tdiv_q_2exp(rest, rest, 52);
  }
}

/// c_0 < c_1 < ... with 2^prime_bits - c prime. Thread-safe.
const std::uint64_t* first_primes(unsigned prime_bits) {
  static std::mutex mutex;
  static std::map<unsigned, std::unique_ptr<std::uint64_t[]>> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<std::uint64_t[]>& c = all[prime_bits];
  if (c != nullptr) return c.get();
  auto found = std::make_unique<std::uint64_t[]>(RnsBasis::limit);
  Integer candidate;
  std::uint64_t next = 1;
  for (std::size_t q = 0; q < RnsBasis::limit; next += 2) {
    mpz_set_ui(candidate, (std::uint64_t{1} << prime_bits) - next);
    if (mpz_probab_prime_p(candidate, 25) != 0) found[q++] = next;  // no error known below 2^64
  }
  c = std::move(found);
  return c.get();
}

}  // namespace

const RnsBasis& RnsBasis::of_size(std::size_t size, unsigned prime_bits) {
  static std::mutex mutex;
  static std::map<std::pair<std::size_t, unsigned>, std::unique_ptr<const RnsBasis>> bases;
  const std::lock_guard lock(mutex);
  std::unique_ptr<const RnsBasis>& basis = bases[{size, prime_bits}];
  if (basis == nullptr) basis = std::make_unique<const RnsBasis>(size, prime_bits);
  return *basis;
}

RnsBasis::RnsBasis(std::size_t size, unsigned prime_bits)
    : size_(size),
      n_limbs_((prime_bits * size + 51) / 52 + 1),
      c_(size),
      weights_(size * n_limbs_),
      inverse_(size),
      cofactors_(size * n_limbs_),
      modulus_(n_limbs_),
      reciprocal_(std::make_unique<double[]>(size)) {
  const std::uint64_t* all_c = first_primes(prime_bits);
  const std::uint64_t span = std::uint64_t{1} << prime_bits;
  Integer modulus(1);
  Integer prime;
  for (std::size_t q = 0; q < size; ++q) {
    c_.data()[q] = all_c[q];
    mpz_mul_ui(modulus, modulus, span - all_c[q]);
  }
  write_limbs(modulus_.data(), n_limbs_, modulus);
  Integer cofactor;
  Integer inverse;
  for (std::size_t q = 0; q < size; ++q) {
    const std::uint64_t p = span - all_c[q];
    mpz_set_ui(prime, p);
    reciprocal_[q] = 1.0 / static_cast<double>(p);
    mpz_divexact(cofactor, modulus, prime);
    mpz_invert(inverse, cofactor, prime);
    inverse_.data()[q] = mpz_get_ui(inverse);
    write_limbs(cofactors_.data() + q * n_limbs_, n_limbs_, cofactor);
    Wide power = 1;
    for (std::size_t l = 0; l < n_limbs_; ++l) {
      weights_.data()[q * n_limbs_ + l] = static_cast<std::uint64_t>(power);
      power = (power << 52) % p;
    }
  }
}

RnsBasis::View RnsBasis::view() const noexcept {
  return {size_,           c_.data(),         n_limbs_,          weights_.data(),
          inverse_.data(), reciprocal_.get(), cofactors_.data(), modulus_.data()};
}

}  // namespace mpsharp
