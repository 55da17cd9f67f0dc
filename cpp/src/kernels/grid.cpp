#include "grid.hpp"

#include <algorithm>
#include <bit>

namespace mpsharp {

namespace {

constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

std::int64_t limbs_of(mpfr_srcptr x) noexcept { return (mpfr_get_prec(x) + 63) / 64; }

}  // namespace

std::int64_t lowest_bit(mpfr_srcptr x) noexcept {
  const std::int64_t n = limbs_of(x);
  const mp_limb_t* limb = x->_mpfr_d;
  std::int64_t skipped = 0;
  while (limb[skipped] == 0) ++skipped;  // ends: the top limb of a regular number is not zero
  return mpfr_get_exp(x) - 64 * n + 64 * skipped + std::countr_zero(limb[skipped]);
}

Grid grid_of(ConstSpan numbers) noexcept {
  Grid grid;
  for (const __mpfr_struct& x : numbers) {
    if (mpfr_zero_p(&x)) continue;
    if (!mpfr_regular_p(&x)) {
      grid.finite = false;
      return grid;
    }
    const std::int64_t high = mpfr_get_exp(&x);
    if (high > Grid::exponent_limit || high < -Grid::exponent_limit) {
      grid.finite = false;
      return grid;
    }
    const std::int64_t low = lowest_bit(&x);
    grid.low = grid.empty ? low : std::min(grid.low, low);
    grid.high = grid.empty ? high : std::max(grid.high, high);
    grid.empty = false;
  }
  return grid;
}

void split52(std::uint64_t* out, std::size_t stride, std::size_t n_limbs, mpfr_srcptr x,
             std::int64_t low) noexcept {
  if (mpfr_zero_p(x)) {
    for (std::size_t l = 0; l < n_limbs; ++l) out[l * stride] = 0;
    return;
  }
  const std::int64_t n = limbs_of(x);
  const mp_limb_t* limb = x->_mpfr_d;
  // The limbs are the integer m with |x| = m 2^(exp - 64 n); bits of m below `first` are zero.
  const std::int64_t first = low - (mpfr_get_exp(x) - 64 * n);
  for (std::size_t l = 0; l < n_limbs; ++l) {
    const std::int64_t bit = first + 52 * static_cast<std::int64_t>(l);
    const std::int64_t word = bit >> 6;
    const int shift = static_cast<int>(bit & 63);
    std::uint64_t value = 0;
    if (word >= 0 && word < n) value = limb[word] >> shift;
    if (shift > 12 && word + 1 >= 0 && word + 1 < n) value |= limb[word + 1] << (64 - shift);
    out[l * stride] = value & mask52;
  }
}

bool join52(std::vector<mp_limb_t>& out, const std::uint64_t* limbs, std::size_t stride,
            std::size_t n) {
  const std::size_t size = (52 * n + 63) / 64;
  out.resize(size);
  const bool negative = (limbs[stride * (n - 1)] >> 51 & 1U) != 0;
  std::size_t word = 0;
  std::uint64_t value = 0;
  unsigned bits = 0;  // of value, below 64
  for (std::size_t l = 0; l < n; ++l) {
    const std::uint64_t limb = limbs[stride * l];
    value |= limb << bits;
    bits += 52;
    if (bits < 64) continue;
    out[word++] = value;
    bits -= 64;
    value = limb >> (52 - bits);
  }
  if (word < size) out[word] = value;
  if (negative) {
    const std::size_t used = 52 * n - 64 * (size - 1);  // bits of the last word
    if (used < 64) out[size - 1] |= ~std::uint64_t{0} << used;
    mpn_neg(out.data(), out.data(), static_cast<mp_size_t>(size));
  }
  return negative;
}

}  // namespace mpsharp
