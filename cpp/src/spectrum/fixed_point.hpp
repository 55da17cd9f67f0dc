#pragma once

#include <gmp.h>
#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mpsharp {

/// How numbers are laid out as integers of `limbs` limbs, least significant first: one unit is
/// 2^-fraction, which leaves `headroom` bits above the fraction.
struct FixedFormat {
  static constexpr long headroom = 16;
  std::size_t limbs;

  /// The least format with this many bits behind the point.
  static FixedFormat of(long bits) {
    return {static_cast<std::size_t>((bits + headroom + 63) / 64)};
  }
  [[nodiscard]] long fraction() const { return 64 * static_cast<long>(limbs) - headroom; }
};

/// Constants: sign and magnitude, |x| < 2^headroom.
class FixedConstants {
 public:
  FixedConstants(std::size_t size, FixedFormat format)
      : n_(format.limbs), fraction_(format.fraction()), limbs_(size * n_), negative_(size) {}

  [[nodiscard]] std::size_t size() const { return negative_.size(); }
  [[nodiscard]] bool negative(std::size_t i) const { return negative_[i] != 0; }
  /// The upper `count` limbs of |x_i|.
  [[nodiscard]] const mp_limb_t* top(std::size_t i, std::size_t count) const {
    return limbs_.data() + (i + 1) * n_ - count;
  }

  /// x_i <- x 2^-exponent, towards zero. @pre finite; the result has room
  void set(std::size_t i, mpfr_srcptr x, long exponent) {
    mp_limb_t* out = limbs_.data() + i * n_;
    std::fill_n(out, n_, 0);
    negative_[i] = mpfr_signbit(x) != 0 ? 1 : 0;
    if (mpfr_zero_p(x) != 0) return;
    const auto size = (mpfr_get_prec(x) + 63) / 64;
    const long shift = mpfr_get_exp(x) - exponent + fraction_ - 64 * size;
    // Limb l of the significand goes to places l + words and, above, l + words + 1.
    const long words = shift >= 0 ? shift / 64 : -((-shift + 63) / 64);
    const auto bits = static_cast<unsigned>(shift - 64 * words);
    const auto* in = static_cast<const mp_limb_t*>(mpfr_custom_get_significand(x));
    const long n = static_cast<long>(n_);
    for (long to = std::max(0L, words); to < std::min(n, size + words + 1); ++to) {
      const long from = to - words;
      mp_limb_t word = from < size ? in[from] << bits : 0;
      if (bits != 0 && from > 0) word |= in[from - 1] >> (64 - bits);
      out[to] = word;
    }
  }

  [[nodiscard]] double to_double(std::size_t i) const {
    double sum = 0.0;
    for (std::size_t l = n_; l-- > 0 && l + 3 >= n_;) {
      sum += std::ldexp(static_cast<double>(limbs_[i * n_ + l]),
                        static_cast<int>(64 * static_cast<long>(l) - fraction_));
    }
    return negative(i) ? -sum : sum;
  }

 private:
  std::size_t n_;
  long fraction_;
  std::vector<mp_limb_t> limbs_;
  std::vector<unsigned char> negative_;
};

/// Variables: two's complement, |x| < 2^headroom.
class FixedVector {
 public:
  FixedVector(std::size_t size, FixedFormat format)
      : n_(format.limbs), fraction_(format.fraction()), size_(size), limbs_(size * n_) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t limbs() const { return n_; }
  [[nodiscard]] bool negative(std::size_t i) const { return limbs_[(i + 1) * n_ - 1] >> 63 != 0; }
  mp_limb_t* operator[](std::size_t i) { return limbs_.data() + i * n_; }
  [[nodiscard]] const mp_limb_t* operator[](std::size_t i) const { return limbs_.data() + i * n_; }

  /// x_i <- x_i + d 2^-scale. @pre scale <= fraction, so that nothing is lost
  void add(std::size_t i, std::int64_t d, long scale) {
    if (d == 0) return;
    const auto place = static_cast<std::size_t>((fraction_ - scale) / 64);
    const auto bits = static_cast<unsigned>((fraction_ - scale) % 64);
    const std::uint64_t magnitude =
        d < 0 ? -static_cast<std::uint64_t>(d) : static_cast<std::uint64_t>(d);
    const mp_limb_t words[2] = {magnitude << bits, bits == 0 ? 0 : magnitude >> (64 - bits)};
    mp_limb_t* x = (*this)[i] + place;
    const std::size_t room = n_ - place;
    for (std::size_t l = 0; l < std::min<std::size_t>(room, 2); ++l) {
      const auto left = static_cast<mp_size_t>(room - l);
      if (d < 0) {
        mpn_sub_1(x + l, x + l, left, words[l]);
      } else {
        mpn_add_1(x + l, x + l, left, words[l]);
      }
    }
  }

  /// x_i <- x_i + t 2^-shift, t being `count` limbs in two's complement, which is overwritten.
  void add_shifted(std::size_t i, mp_limb_t* t, std::size_t count, long shift) {
    const bool minus = t[count - 1] >> 63 != 0;
    const auto skipped = static_cast<std::size_t>(shift / 64);
    const auto bits = static_cast<unsigned>(shift % 64);
    if (skipped >= count) return;
    t += skipped;
    count -= skipped;
    if (bits != 0) {
      mpn_rshift(t, t, static_cast<mp_size_t>(count), bits);
      if (minus) t[count - 1] |= ~mp_limb_t{0} << (64 - bits);
    }
    count = std::min(count, n_);
    mp_limb_t* x = (*this)[i];
    const mp_limb_t carry = mpn_add_n(x, x, t, static_cast<mp_size_t>(count));
    const auto left = static_cast<mp_size_t>(n_ - count);
    if (left == 0 || (carry != 0) == minus) return;
    if (minus) {
      mpn_sub_1(x + count, x + count, left, 1);
    } else {
      mpn_add_1(x + count, x + count, left, 1);
    }
  }

  /// The upper `count` limbs of |x_i| in `out`, to one unit of the last; returns the sign.
  bool magnitude(mp_limb_t* out, std::size_t i, std::size_t count) const {
    const mp_limb_t* from = (*this)[i] + (n_ - count);
    if (!negative(i)) {
      std::copy_n(from, count, out);
      return false;
    }
    mpn_neg(out, from, static_cast<mp_size_t>(count));
    return true;
  }

  /// Exponent e with |x_i| < 2^e and, nearly, |x_i| >= 2^(e - 1), over all i; -fraction for zeros.
  [[nodiscard]] long exponent() const {
    for (std::size_t l = n_; l-- > 0;) {
      mp_limb_t all = 0;
      for (std::size_t i = 0; i < size_; ++i) {
        const mp_limb_t word = (*this)[i][l];
        all |= negative(i) ? ~word : word;
      }
      if (all != 0) return 64 * static_cast<long>(l + 1) - __builtin_clzll(all) - fraction_;
    }
    return -fraction_;
  }

  /// x_i 2^-exponent, to 2^-60 of what the exponent allows.
  [[nodiscard]] double to_double(std::size_t i, long exponent) const {
    const long top = std::min<long>((exponent + fraction_) / 64, static_cast<long>(n_) - 1);
    const mp_limb_t flip = negative(i) ? ~mp_limb_t{0} : 0;
    double sum = 0.0;
    for (long l = top; l >= 0 && l > top - 3; --l) {
      const double word = static_cast<double>((*this)[i][l] ^ flip);
      if (word != 0.0) sum += std::ldexp(word, static_cast<int>(64 * l - fraction_ - exponent));
    }
    return negative(i) ? -sum : sum;
  }

  /// out <- x_i 2^exponent, rounded.
  void to_mpfr(mpfr_ptr out, std::size_t i, long exponent) const {
    std::vector<mp_limb_t> words(n_);
    const bool minus = magnitude(words.data(), i, n_);
    std::size_t count = n_;
    while (count > 0 && words[count - 1] == 0) --count;
    if (count == 0) {
      mpfr_set_zero(out, 1);
      return;
    }
    const auto bits = static_cast<unsigned>(__builtin_clzll(words[count - 1]));
    if (bits != 0) mpn_lshift(words.data(), words.data(), static_cast<mp_size_t>(count), bits);
    mpfr_t exact;
    mpfr_custom_init_set(exact, (minus ? -1 : 1) * MPFR_REGULAR_KIND,
                         64 * static_cast<long>(count) - bits - fraction_ + exponent,
                         static_cast<mpfr_prec_t>(64 * count), words.data());
    mpfr_set(out, exact, MPFR_RNDN);
  }

 private:
  std::size_t n_;
  long fraction_;
  std::size_t size_;
  std::vector<mp_limb_t> limbs_;
};

/// A sum of products of numbers and integers of one limb, in two's complement, one limb longer than
/// the numbers.
class FixedSum {
 public:
  explicit FixedSum(FixedFormat format) : limbs_(format.limbs + 1) {}

  /// Begins a sum of products with the upper `count` limbs of numbers.
  void start(std::size_t count) {
    count_ = count;
    std::fill_n(limbs_.data(), count + 1, 0);
  }
  /// Adds x d, or takes it off, for |x| of `count` limbs.
  void add(const mp_limb_t* x, bool negative, std::int64_t d) {
    const bool minus = negative != (d < 0);
    const std::uint64_t size =
        d < 0 ? -static_cast<std::uint64_t>(d) : static_cast<std::uint64_t>(d);
    const auto n = static_cast<mp_size_t>(count_);
    if (minus) {
      limbs_[count_] -= mpn_submul_1(limbs_.data(), x, n, size);
    } else {
      limbs_[count_] += mpn_addmul_1(limbs_.data(), x, n, size);
    }
  }
  void add(const FixedConstants& x, std::size_t i, std::int64_t d) {
    add(x.top(i, count_), x.negative(i), d);
  }
  mp_limb_t* data() { return limbs_.data(); }
  [[nodiscard]] std::size_t size() const { return count_ + 1; }

 private:
  std::size_t count_ = 0;
  std::vector<mp_limb_t> limbs_;
};

}  // namespace mpsharp
