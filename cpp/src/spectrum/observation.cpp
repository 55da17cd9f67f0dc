#include "mpsharp/spectrum/observation.hpp"

namespace mpsharp {

std::optional<long> lacking_bits(mpfr_srcptr sharpness, mpfr_srcptr residual, Bits bits) {
  constexpr long spare = 4;  // of a residual, as rounding errors may leave it
  if (mpfr_regular_p(sharpness) == 0) return std::nullopt;
  if (mpfr_sgn(sharpness) < 0) return bits.value();
  if (mpfr_regular_p(residual) == 0) return std::nullopt;
  const long excess = mpfr_get_exp(residual) - mpfr_get_exp(sharpness) + bits.value();
  return excess > spare ? std::optional(excess + spare) : std::nullopt;
}

}  // namespace mpsharp
