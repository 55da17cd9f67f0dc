#pragma once

#include <optional>

#include "double_arrow.hpp"
#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

/// What double precision knows of an eigenvalue, and what is wanted of it.
struct Refinement {
  long accuracy;  ///< bits of the norm that the result should have
  long exponent;  ///< the norm is below 2^exponent; `DoubleArrow` is scaled by it
  long log2_gap;  ///< no other eigenvalue lies closer than 2^(exponent + log2_gap)
};

/// The eigenpair whose scaled eigenvalue is just below `value`, by inverse iteration with Rayleigh
/// quotients as shifts, each at the precision that its result can have. Nothing where the vector
/// that double precision finds is worse than the gap promises.
std::optional<TopEigenpair> refine_eigenpair(const Arrow& arrow, DoubleArrow& rough, double value,
                                             const Refinement& known, const Poll& poll);

}  // namespace mpsharp
