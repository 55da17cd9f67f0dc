#pragma once

#include <cstddef>

#include "mpsharp/poll.hpp"
#include "mpsharp/spectrum/arrow.hpp"

namespace mpsharp {

/// The `count` largest eigenvalues of the arrow, falling, with multiplicity, each to about
/// `accuracy` bits of the norm; `count` is at most k + m.
///
/// Double precision brackets them by counting (Sylvester's law). One that stands alone there is
/// refined as `top_eigenpair` does it, and the gap tells that it is the right one. Of a cluster any
/// member is refined, and counting at full precision, one unit to each side of it, tells which of
/// the eigenvalues it is equal to; those that it is not are found by bisection on the count.
/// The numbers of `arrow` have the working precision, which should exceed `accuracy` by some tens.
Vector top_eigenvalues(const Arrow& arrow, std::size_t count, long accuracy, const Poll& poll);

}  // namespace mpsharp
