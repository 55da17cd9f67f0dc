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
    static_assert(FixedFormat::headroom == 16);
    constexpr double units[] = {0x1p-48, 0x1p-112, 0x1p-176};  // of the upper limbs
    double sum = 0.0;
    for (std::size_t l = 0; l < std::min<std::size_t>(n_, 3); ++l) {
      sum += static_cast<double>(limbs_[(i + 1) * n_ - 1 - l]) * units[l];
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

  /// x_i <- x_i + t 2^-shift, t being `count` limbs in two's complement, which
  /// is overwritten.
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
    mp_limb_t* x = (*this)[i];
    const std::size_t covered = std::min(count, n_);
    const mp_limb_t carry = mpn_add_n(x, x, t, static_cast<mp_size_t>(covered));
    if (covered == n_ || (carry != 0) == minus) return;
    const auto left = static_cast<mp_size_t>(n_ - covered);
    if (minus) {
      mpn_sub_1(x + covered, x + covered, left, 1);
    } else {
      mpn_add_1(x + covered, x + covered, left, 1);
    }
  }

  /// x_i <- a number of constants of the same format.
  void set(std::size_t i, const FixedConstants& x, std::size_t from) {
    std::copy_n(x.top(from, n_), n_, (*this)[i]);
    if (x.negative(from)) mpn_neg((*this)[i], (*this)[i], static_cast<mp_size_t>(n_));
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
  /// @param most  all |x_i| are below 2^most
  [[nodiscard]] long exponent(long most) const {
    const long highest = std::clamp((most + fraction_) / 64 + 1, 1L, static_cast<long>(n_));
    for (auto l = static_cast<std::size_t>(highest); l-- > 0;) {
      mp_limb_t all = 0;
      for (std::size_t i = 0; i < size_; ++i) {
        const mp_limb_t word = (*this)[i][l];
        all |= negative(i) ? ~word : word;
      }
      if (all != 0) return 64 * static_cast<long>(l + 1) - __builtin_clzll(all) - fraction_;
    }
    return -fraction_;
  }

  /// out_i <- x_i 2^-exponent for |x_i| < 2^exponent, to 2^-60 of one.
  void to_doubles(std::vector<double>& out, long exponent) const {
    // The limb that holds the bit below 2^exponent, and the one below it.
    const long top = std::clamp((exponent + fraction_ - 1) / 64, 0L, static_cast<long>(n_) - 1);
    const double unit = std::ldexp(1.0, static_cast<int>(64 * top - fraction_ - exponent));
    const double below = unit * 0x1p-64, far = unit * 0x1p-128;
    for (std::size_t i = 0; i < size_; ++i) {
      const mp_limb_t* x = (*this)[i] + top;
      const mp_limb_t flip = negative(i) ? ~mp_limb_t{0} : 0;
      double sum = static_cast<double>(x[0] ^ flip) * unit;
      if (top > 0) sum += static_cast<double>(x[-1] ^ flip) * below;
      if (top > 1) sum += static_cast<double>(x[-2] ^ flip) * far;
      out[i] = negative(i) ? -sum : sum;
    }
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

/// A sum of products of numbers of one length and signed integers of less than 2^56, in two's
/// complement, one limb longer than the numbers. At most 64 terms.
template <std::size_t capacity>
class FixedSum {
  static_assert(capacity % 3 == 0);

 public:
  void start() {
    terms_ = 0;
    top_ = 0;
  }
  void add(const mp_limb_t* magnitude, bool negative, std::int64_t d) {
    limbs_[terms_] = magnitude;
    factors_[terms_++] = negative ? -d : d;
  }
  void add(const FixedConstants& x, std::size_t i, std::size_t count, std::int64_t d) {
    add(x.top(i, count), x.negative(i), d);
  }
  /// The upper `count` limbs of a variable, in two's complement.
  void add(const FixedVector& x, std::size_t i, std::size_t count, std::int64_t d) {
    add(x[i] + (x.limbs() - count), false, d);
    if (x.negative(i)) top_ -= d;
  }
  /// out <- the sum, count + 1 limbs.
  void store(mp_limb_t* out, std::size_t count) {
    for (; terms_ % 3 != 0; ++terms_) {
      limbs_[terms_] = limbs_[0];
      factors_[terms_] = 0;
    }
    std::fill_n(out, count + 1, 0);
    for (std::size_t j = 0; j < terms_; j += 3) accumulate(out, count, j);
    out[count] += static_cast<mp_limb_t>(top_);
  }

 private:
  __extension__ typedef unsigned __int128 Wide;

  /// Adds three terms: as many as the processor has registers for. With d = f - 2^64 for negative
  /// d, x d is x f less x in the next limb.
  void accumulate(mp_limb_t* out, std::size_t count, std::size_t j) const {
    const mp_limb_t *x0 = limbs_[j], *x1 = limbs_[j + 1], *x2 = limbs_[j + 2];
    const auto f0 = static_cast<std::uint64_t>(factors_[j]);
    const auto f1 = static_cast<std::uint64_t>(factors_[j + 1]);
    const auto f2 = static_cast<std::uint64_t>(factors_[j + 2]);
    const std::uint64_t mask0 = -(f0 >> 63), mask1 = -(f1 >> 63), mask2 = -(f2 >> 63);
    std::uint64_t carry = 0;  // in two's complement
    for (std::size_t l = 0; l < count; ++l) {
      const std::uint64_t a = x0[l], b = x1[l], c = x2[l];
      const Wide p = static_cast<Wide>(a) * f0, q = static_cast<Wide>(b) * f1,
                 r = static_cast<Wide>(c) * f2;
      const std::uint64_t back = (a & mask0) + (b & mask1) + (c & mask2);
      const std::uint64_t sign = -(carry >> 63);
      const Wide sum = p + q + r + out[l] + (static_cast<Wide>(sign) << 64 | carry);
      out[l] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64) - back;
    }
    out[count] += carry;
  }

  std::size_t terms_ = 0;
  std::int64_t top_ = 0;
  const mp_limb_t* limbs_[capacity];
  std::int64_t factors_[capacity];
};

}  // namespace mpsharp
