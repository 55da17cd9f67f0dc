#include "fixed_products.hpp"

#include <algorithm>

#include "../kernels/exact_dot.hpp"
#include "../kernels/reference.hpp"
#include "double_arrow.hpp"

namespace mpsharp {

namespace {

__extension__ typedef __int128 Signed;
__extension__ typedef unsigned __int128 Wide;

constexpr long digit_bits = 62;
constexpr std::uint64_t digit_mask = (std::uint64_t{1} << digit_bits) - 1;
/// Of how many columns sums of products are below 2^127 in magnitude: at most 8 products.
constexpr std::size_t block_of(std::size_t digits) { return 8 / digits; }
constexpr std::size_t padding = 8;
static_assert(padding % block_of(2) == 0 && padding % block_of(3) == 0);
constexpr long guard = 3;  ///< bits of a number beyond its precision

/// Bits behind the point of a matrix entry.
long fraction_of(std::size_t digits) { return digit_bits * static_cast<long>(digits) - 2; }

/// Digits of x in units of 2^low, cut towards zero. @pre finite, |x| < 2^(low + 62 digits - 1)
void split(std::int64_t* out, std::size_t digits, mpfr_srcptr x, long low) {
  std::fill_n(out, digits, 0);
  if (mpfr_zero_p(x) != 0) return;
  const long n = (mpfr_get_prec(x) + 63) / 64;
  const auto* limbs = static_cast<const mp_limb_t*>(mpfr_custom_get_significand(x));
  const auto limb = [&](long i) { return i >= 0 && i < n ? limbs[i] : 0; };
  const long first = low - (mpfr_get_exp(x) - 64 * n);
  for (std::size_t l = 0; l < digits; ++l) {
    const long bit = first + digit_bits * static_cast<long>(l);
    const long word = bit >> 6;
    const auto shift = static_cast<unsigned>(bit & 63);
    std::uint64_t value = limb(word) >> shift;
    if (shift > 0) value |= limb(word + 1) << (64 - shift);
    const auto digit = static_cast<std::int64_t>(value & digit_mask);
    out[l] = mpfr_signbit(x) != 0 ? -digit : digit;
  }
}

/// A sum of products of digits of one weight, in two words that have room for any number of terms.
struct Column {
  Wide low = 0;
  Signed high = 0;
  void add(Signed some) {
    low += static_cast<std::uint64_t>(some);
    high += some >> 64;
  }
};

/// out <- the sum of columns_l 2^(62 l + low).
template <std::size_t count>
void round(mpfr_ptr out, const Column (&columns)[count], long low) {
  constexpr std::size_t size = (digit_bits * (count + 2) + 63) / 64;
  std::uint64_t words[size + 1] = {};
  Signed carry = 0;
  const auto put = [&words](std::size_t l, std::uint64_t digit) {
    const std::size_t bit = digit_bits * l, word = bit / 64, shift = bit % 64;
    words[word] |= digit << shift;
    if (shift > 64 - digit_bits) words[word + 1] |= digit >> (64 - shift);
  };
  for (std::size_t l = 0; l < count; ++l) {
    carry += static_cast<Signed>(columns[l].low);
    put(l, static_cast<std::uint64_t>(carry) & digit_mask);
    carry = (carry >> digit_bits) + (columns[l].high << (64 - digit_bits));
  }
  put(count, static_cast<std::uint64_t>(carry) & digit_mask);
  carry >>= digit_bits;
  put(count + 1, static_cast<std::uint64_t>(carry) & digit_mask);
  const bool negative = carry < 0;
  if (negative) {  // from two's complement of 62 (count + 2) bits
    constexpr std::size_t used = digit_bits * (count + 2) % 64;
    if (used != 0) words[size - 1] |= ~std::uint64_t{0} << used;
    mpn_neg(words, words, static_cast<mp_size_t>(size));
  }
  round_limbs(out, words, size, negative, low);
}

}  // namespace

std::size_t FixedProducts::digits_for(Bits bits) {
  return static_cast<std::size_t>((bits.value() + guard + digit_bits - 1) / digit_bits);
}

void FixedProducts::cut(Matrix& matrix) {
  const long fraction = fraction_of(digits_for(matrix.bits()));
  for (__mpfr_struct& x : matrix.entries().span()) {
    mpfr_mul_2si(&x, &x, fraction, MPFR_RNDN);
    mpfr_rint(&x, &x, MPFR_RNDN);
    mpfr_mul_2si(&x, &x, -fraction, MPFR_RNDN);
  }
}

FixedProducts::FixedProducts(const Matrix& matrix)
    : rows_(matrix.rows()),
      columns_(matrix.columns()),
      digits_(digits_for(matrix.bits())),
      stride_((columns_ + padding - 1) / padding * padding),
      words_(rows_ * stride_ * digits_) {
  for (std::size_t i = 0; i < rows_; ++i) {
    for (std::size_t j = 0; j < columns_; ++j) {
      split(&words_[(i * stride_ + j) * digits_], digits_, matrix(i, j), -fraction_of(digits_));
    }
  }
}

template <std::size_t digits>
void FixedProducts::apply_digits(Vector& out, const Vector& x) const {
  const long low = largest_exponent(x) - fraction_of(digits) - 1;
  std::vector<std::int64_t> right(stride_ * digits);
  for (std::size_t j = 0; j < columns_; ++j) split(&right[j * digits], digits, x[j], low);
  for (std::size_t i = 0; i < rows_; ++i) {
    const std::int64_t* m = &words_[i * stride_ * digits];
    const std::int64_t* r = right.data();
    Column columns[digits];
    for (std::size_t j = 0; j < stride_; j += block_of(digits)) {
      Signed sums[digits] = {};
      for (std::size_t k = 0; k < block_of(digits); ++k, m += digits, r += digits) {
        for (std::size_t l = 0; l < digits; ++l) {
          for (std::size_t a = l; a < digits; ++a) {
            sums[l] += static_cast<Signed>(m[a]) * r[digits - 1 + l - a];
          }
        }
      }
      for (std::size_t l = 0; l < digits; ++l) columns[l].add(sums[l]);
    }
    round(out[i], columns, low - fraction_of(digits) + digit_bits * static_cast<long>(digits - 1));
  }
}

void FixedProducts::apply(Vector& out, const Vector& x) const {
  check_length("FixedProducts: x", columns_, x.size());
  check_length("FixedProducts: out", rows_, out.size());
  switch (digits_) {
    case 1:
      return apply_digits<1>(out, x);
    case 2:
      return apply_digits<2>(out, x);
    default:
      return apply_digits<3>(out, x);
  }
}

}  // namespace mpsharp
