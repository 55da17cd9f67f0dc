#pragma once

#include "lines.hpp"
#include "rns_kernels.hpp"
#include "rns_matmul_kernels.hpp"

namespace mpsharp {

/// out(i, j) <- the exact dot product of line i of `a` and line j of `b`, rounded once.
///
/// Each line is put on an integer grid of its own, so lines of any sizes multiply together; the
/// residues of all lines (of some of them at a time, where memory would not hold them) are packed
/// once, multiplied modulo one prime after the other, and every output is rebuilt from its
/// residues. Outputs of a line that is not finite, or whose grid would be absurdly wide for its
/// precision, are computed one by one. Neither changes a bit.
/// @param symmetric  `a` and `b` are the same lines: half of the outputs are copies.
void rns_multiply(Matrix& out, const Lines& a, const Lines& b, bool symmetric,
                  const RnsKernels& kernels, const MatmulKernel& matmul, unsigned threads,
                  const Poll& poll);

}  // namespace mpsharp
