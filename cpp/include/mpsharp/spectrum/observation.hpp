#pragma once

#include <functional>
#include <optional>

#include "mpsharp/array.hpp"
#include "mpsharp/mpfr.hpp"

namespace mpsharp {

/// What is recorded of a state beside its loss.
struct Observation {
  Mpfr sharpness;
  Mpfr residual;     ///< ||H q - S q|| for the unit vector q that belongs to the sharpness S: that
                     ///< of the reduced form, plus a bound for what the reduction changes
  Vector imbalance;  ///< ||Pi u||^2 - v_l^2
};

/// A state to look at.
struct StateView {
  std::function<const Vector&()> u;  ///< asked for only where it is needed
  const Vector& v;
  const Vector* s = nullptr;  ///< X u, where it is known; used if it has the form's bits
};

/// How many bits more an observation needs for a sharpness right to `bits` of its own, about:
/// nothing if it has them, or does not tell, the sharpness being zero or not finite. No Hessian of
/// the model has a negative one, since c^2 X'X / n is a part of it: then the eigenvalue is another,
/// as far as the bits reach.
[[nodiscard]] std::optional<long> lacking_bits(mpfr_srcptr sharpness, mpfr_srcptr residual,
                                               Bits bits);

}  // namespace mpsharp
