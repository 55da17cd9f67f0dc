#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// XX' (`rows`) or X'X, each entry rounded once to `bits` from the exact dot product of two rows or
/// columns of X.
Matrix gram_matrix(const Matrix& X, bool rows, Bits bits, unsigned threads, const Poll& poll);

}  // namespace mpsharp
