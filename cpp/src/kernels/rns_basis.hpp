#pragma once

#include <cstddef>
#include <cstdint>

#include "aligned.hpp"

namespace mpsharp {

/// Residue number system of the `size` largest primes p_q = 2^k - c_q below 2^k, with what is
/// needed to get into and out of it. k = `prime_bits` is what the multiplication of an instruction
/// set takes: 51 leave one bit for sums that are not reduced yet in the factors of a 52-bit
/// multiplication, 60 leave room for 256 products in 128 bits.
///
/// The product M of the primes is above 2^(k size - 1): every c_q is below 2^18 (see limit), so
/// log2 M > k size - size * 2^18 / 2^k * 1.5.
class RnsBasis {
 public:
  /// Largest size. It keeps the sums of the reconstruction below 2^63 (2 limit 2^52 < 2^63), the
  /// error of its quotient below 1/4 (rns_kernels.hpp) and every c below 2^18: primes near 2^60 lie
  /// about 42 apart on average.
  static constexpr std::size_t limit = 960;

  /// The basis with `size` primes, made once per process. Thread-safe. @pre 1 <= size <= limit,
  /// 51 <= prime_bits <= 60
  static const RnsBasis& of_size(std::size_t size, unsigned prime_bits);
  /// The smallest size whose M exceeds 4 * 2^bits, so that |integer| <= 2^bits is below M / 4.
  static std::size_t size_for(std::uint64_t bits, unsigned prime_bits) noexcept {
    return static_cast<std::size_t>((bits + 3 + prime_bits - 1) / prime_bits);
  }

  RnsBasis(std::size_t size, unsigned prime_bits);

  /// Plain pointers for kernels compiled with other target flags.
  struct View {
    std::size_t size;
    const std::uint64_t* c;          ///< [q]
    std::size_t n_limbs;             ///< one more than M has limbs of 52 bits
    const std::uint64_t* weights;    ///< [q * n_limbs + l]: 2^(52 l) mod p_q
    const std::uint64_t* inverse;    ///< [q]: (M / p_q)^-1 mod p_q
    const double* reciprocal;        ///< [q]: 1 / p_q
    const std::uint64_t* cofactors;  ///< [q * n_limbs + l]: limb l of M / p_q
    const std::uint64_t* modulus;    ///< [l], n_limbs limbs of M
  };
  [[nodiscard]] View view() const noexcept;

 private:
  std::size_t size_;
  std::size_t n_limbs_;
  AlignedWords c_;
  AlignedWords weights_;
  AlignedWords inverse_;
  AlignedWords cofactors_;
  AlignedWords modulus_;
  std::unique_ptr<double[]> reciprocal_;
};

}  // namespace mpsharp
