#include "lane_vector.hpp"

namespace mpsharp {

namespace {

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

}  // namespace

void write_number(std::uint64_t* out, std::size_t stride, std::size_t n_limbs, mpfr_srcptr x) {
  const bool zero = mpfr_zero_p(x) != 0;
  const std::int64_t exponent = zero ? SequentialKernel::zero_exponent : mpfr_get_exp(x);
  split52(out, stride, n_limbs, x, exponent - 52 * static_cast<std::int64_t>(n_limbs));
  if (mpfr_signbit(x) != 0) out[(n_limbs - 1) * stride] |= sign_bit;
  out[n_limbs * stride] = static_cast<std::uint64_t>(exponent);
}

void read_number(mpfr_ptr out, const std::uint64_t* in, std::size_t stride, std::size_t n_limbs) {
  constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;
  const std::uint64_t top = in[stride * (n_limbs - 1)];
  const int sign = (top & sign_bit) != 0 ? -1 : 1;
  if ((top & mask52) == 0) {
    mpfr_set_zero(out, sign);
    return;
  }
  // Both forms have the leading bit on top; words of 64 are cut out of words of 52 from there.
  const auto limb = [&](std::size_t from_top) {
    return from_top < n_limbs ? in[stride * (n_limbs - 1 - from_top)] & mask52 : 0;
  };
  const auto size = static_cast<std::size_t>((mpfr_get_prec(out) + 63) / 64);
  for (std::size_t word = 0; word < size; ++word) {
    const std::size_t i = 64 * word / 52;
    const std::size_t skipped = 64 * word % 52;  // bits of limb i that are used already
    std::uint64_t value = limb(i) << (12 + skipped);
    if (skipped <= 40) {
      value |= limb(i + 1) >> (40 - skipped);
    } else {
      value |= limb(i + 1) << (skipped - 40) | limb(i + 2) >> (92 - skipped);
    }
    out->_mpfr_d[size - 1 - word] = value;
  }
  mpfr_custom_init_set(out, sign * MPFR_REGULAR_KIND, static_cast<mpfr_exp_t>(in[stride * n_limbs]),
                       mpfr_get_prec(out), out->_mpfr_d);
}

LaneVector::LaneVector(std::size_t size, Bits bits)
    : size_(size),
      bits_(bits),
      limbs_((static_cast<std::size_t>(bits.value()) + 51) / 52),
      unused_(static_cast<unsigned>(52 * limbs_ - static_cast<std::size_t>(bits.value()))),
      words_(groups() * lanes * (limbs_ + 1)) {
  for (std::size_t g = 0; g < groups(); ++g) {
    std::uint64_t* exponents = group(g) + lanes * limbs_;
    for (std::size_t i = 0; i < lanes; ++i) {
      exponents[i] = static_cast<std::uint64_t>(SequentialKernel::zero_exponent);
    }
  }
}

bool LaneVector::assign(const Vector& x) noexcept {
  for (std::size_t i = 0; i < size_; ++i) {
    const bool usable =
        mpfr_zero_p(x[i]) || (mpfr_regular_p(x[i]) && mpfr_get_exp(x[i]) <= Grid::exponent_limit &&
                              mpfr_get_exp(x[i]) >= -Grid::exponent_limit);
    if (!usable) return false;
  }
  for (std::size_t i = 0; i < size_; ++i) {
    write_number(group(i / lanes) + i % lanes, lanes, limbs_, x[i]);
  }
  return true;
}

void LaneVector::copy_to(Vector& out) const noexcept {
  for (std::size_t i = 0; i < size_; ++i) read_number(out[i], number(i), lanes, limbs_);
}

Grid LaneVector::grid(const LaneKernels& kernels) const noexcept {
  const LaneKernels::Range range = kernels.range(words_.data(), groups(), limbs_);
  Grid grid;
  grid.empty = range.low > range.high;
  if (grid.empty) return grid;
  grid.finite = range.low >= -Grid::exponent_limit && range.high <= Grid::exponent_limit;
  grid.low = range.low - bits_.value();
  grid.high = range.high;
  return grid;
}

}  // namespace mpsharp
