#include "exact_dot.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "grid.hpp"
#include "reference.hpp"

namespace mpsharp {

namespace {

std::int64_t limbs_of(mpfr_srcptr x) noexcept { return (mpfr_get_prec(x) + 63) / 64; }

/// The exponents that the products of a dot product span.
struct Span64 {
  bool usable = true;  ///< all finite, exponents within Grid::exponent_limit
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t high = std::numeric_limits<std::int64_t>::min();
};

Span64 span_of_products(const __mpfr_struct* a, std::size_t a_stride, const __mpfr_struct* b,
                        std::size_t b_stride, std::size_t n) noexcept {
  Span64 span;
  const auto usable = [](mpfr_srcptr x) {
    return mpfr_zero_p(x) || (mpfr_regular_p(x) && mpfr_get_exp(x) <= Grid::exponent_limit &&
                              mpfr_get_exp(x) >= -Grid::exponent_limit);
  };
  for (std::size_t i = 0; i < n; ++i) {
    mpfr_srcptr left = a + i * a_stride;
    mpfr_srcptr right = b + i * b_stride;
    if (!usable(left) || !usable(right)) {
      span.usable = false;
      return span;
    }
    if (mpfr_zero_p(left) || mpfr_zero_p(right)) continue;
    const std::int64_t exponent = mpfr_get_exp(left) + mpfr_get_exp(right);
    span.high = std::max(span.high, exponent);
    span.low = std::min(span.low, exponent - 64 * (limbs_of(left) + limbs_of(right)));
  }
  return span;
}

/// A two's complement integer of fixed width to which shifted products are added.
class Accumulator {
 public:
  /// Room for products with |.| < 2^bits in number up to 2^64.
  explicit Accumulator(std::uint64_t bits) : limbs_(bits / 64 + 3, 0) {}

  /// Adds ± left * right * 2^shift; the product must fit.
  void add(mpfr_srcptr left, mpfr_srcptr right, std::uint64_t shift) {
    if (limbs_of(left) < limbs_of(right)) std::swap(left, right);
    const std::int64_t n = limbs_of(left) + limbs_of(right);
    product_.resize(static_cast<std::size_t>(n) + 1);
    mpn_mul(product_.data(), left->_mpfr_d, limbs_of(left), right->_mpfr_d, limbs_of(right));
    const std::size_t offset = shift / 64;
    product_[static_cast<std::size_t>(n)] =
        shift % 64 == 0
            ? 0
            : mpn_lshift(product_.data(), product_.data(), n, static_cast<unsigned>(shift % 64));
    // The part above the width is zero, because the product fits.
    const auto room = static_cast<std::int64_t>(limbs_.size() - offset);
    const std::int64_t length = std::min(n + 1, room);
    mp_limb_t* to = limbs_.data() + offset;
    const bool negative = mpfr_signbit(left) != mpfr_signbit(right);
    const mp_limb_t carry = negative ? mpn_sub_n(to, to, product_.data(), length)
                                     : mpn_add_n(to, to, product_.data(), length);
    if (carry == 0 || length == room) return;
    if (negative) {
      mpn_sub_1(to + length, to + length, room - length, 1);
    } else {
      mpn_add_1(to + length, to + length, room - length, 1);
    }
  }

  /// out <- RN(sum * 2^exponent), +0 for zero; ends the accumulator's life.
  void round_to(mpfr_ptr out, std::int64_t exponent) {
    const bool negative = (limbs_.back() >> 63) != 0;
    const auto n = static_cast<mp_size_t>(limbs_.size());
    if (negative) mpn_neg(limbs_.data(), limbs_.data(), n);
    round_limbs(out, limbs_.data(), limbs_.size(), negative, exponent);
  }

 private:
  std::vector<mp_limb_t> limbs_;
  std::vector<mp_limb_t> product_;
};

}  // namespace

void round_limbs(mpfr_ptr out, mp_limb_t* limbs, std::size_t n, bool negative,
                 std::int64_t exponent) noexcept {
  while (n > 0 && limbs[n - 1] == 0) --n;
  if (n == 0) {
    mpfr_set_zero(out, 1);
    return;
  }
  const auto size = static_cast<mp_size_t>(n);
  const int shift = std::countl_zero(limbs[n - 1]);
  if (shift != 0) mpn_lshift(limbs, limbs, size, static_cast<unsigned>(shift));
  mpfr_t value;
  mpfr_custom_init_set(value, negative ? -MPFR_REGULAR_KIND : MPFR_REGULAR_KIND,
                       64 * size - shift + exponent, 64 * size, limbs);
  mpfr_set(out, value, MPFR_RNDN);
}

void set_zero_sum(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                  const __mpfr_struct* b, std::size_t b_stride, std::size_t n) noexcept {
  bool negative = n > 0;
  for (std::size_t i = 0; i < n && negative; ++i) {
    mpfr_srcptr left = a + i * a_stride;
    mpfr_srcptr right = b + i * b_stride;
    negative = (mpfr_zero_p(left) || mpfr_zero_p(right)) &&
               (mpfr_signbit(left) != 0) != (mpfr_signbit(right) != 0);
  }
  mpfr_set_zero(out, negative ? -1 : 1);
}

void exact_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride, const __mpfr_struct* b,
               std::size_t b_stride, std::size_t n) {
  constexpr std::int64_t max_width = std::int64_t{1} << 18;
  const Span64 span = span_of_products(a, a_stride, b, b_stride, n);
  if (span.usable && span.low > span.high) {  // every product is zero
    set_zero_sum(out, a, a_stride, b, b_stride, n);
    return;
  }
  if (!span.usable || span.high - span.low > max_width) {
    reference_exact_dot(out, a, a_stride, b, b_stride, n);
    return;
  }
  // Every product is an integer multiple of 2^low below 2^high in magnitude.
  Accumulator sum(static_cast<std::uint64_t>(span.high - span.low));
  for (std::size_t i = 0; i < n; ++i) {
    mpfr_srcptr left = a + i * a_stride;
    mpfr_srcptr right = b + i * b_stride;
    if (mpfr_zero_p(left) || mpfr_zero_p(right)) continue;
    const std::int64_t lowest =
        mpfr_get_exp(left) + mpfr_get_exp(right) - 64 * (limbs_of(left) + limbs_of(right));
    sum.add(left, right, static_cast<std::uint64_t>(lowest - span.low));
  }
  sum.round_to(out, span.low);  // a sum of zero is +0: some product is not zero
}

}  // namespace mpsharp
