#pragma once

#include <optional>

#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/arrow.hpp"
#include "refine.hpp"

namespace mpsharp {

/// The largest eigenpair, whose scaled value lies below `value` by no more than double can tell, by
/// Newton's method with one factorisation in double for all steps: each gains some 40 bits. The
/// residual is kept in fixed point, where a step only adds to it: products of the arrow's entries
/// with corrections of one limb. The vector of the result is rounded to double.
///
/// Nothing where that does not serve: layers that are all zero, scales that lie too far apart,
/// eigenvalues too close, more bits than it is quick for.
std::optional<TopEigenpair> chord_eigenpair(const Arrow& arrow, double value,
                                            const Refinement& known, const Poll& poll);

}  // namespace mpsharp
