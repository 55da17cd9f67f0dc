#pragma once

#include "arrow_operator.hpp"

namespace mpsharp {

/// The largest eigenvalue where double precision cannot tell it from the next: Rayleigh quotient
/// iteration at full precision, checked by positive definiteness above; bisection where that fails.
/// @param start  close to it, at the arrow's precision; @param bound, tolerance  likewise
TopEigenpair search_top_eigenpair(const ArrowCopy& arrow, const Mpfr& start, const Mpfr& bound,
                                  const Mpfr& tolerance, const Poll& poll);

}  // namespace mpsharp
