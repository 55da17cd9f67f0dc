#pragma once

#include <cstddef>

#include "function_ref.hpp"
#include "lane_vector.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// Products of a matrix with vectors in the kernels' own form, in the arithmetic of the
/// MatrixProducts that they belong to and with the same bits. Each returns false where the kernels
/// do not serve (a result or a grid out of their range): what it writes is then not valid, and the
/// caller takes MatrixProducts instead.
class LaneProducts {
 public:
  virtual ~LaneProducts() = default;
  LaneProducts(const LaneProducts&) = delete;
  LaneProducts& operator=(const LaneProducts&) = delete;

  /// The operations on numbers of this precision, or null if there are none.
  [[nodiscard]] virtual const LaneKernels* lane_kernels(Bits bits) const = 0;
  /// out <- X x, or X'x if `transposed`; finish(g) follows as soon as group g of `out` is known, on
  /// any thread. Unless it is null, `wide` receives the same dot products at its own precision.
  /// @pre wide is null where MatrixProducts::exact_sums() is
  virtual bool apply(LaneVector& out, Vector* wide, const LaneVector& x, bool transposed,
                     FunctionRef<void(std::size_t)> finish, const Poll& poll) const = 0;
  /// out <- dot(a, b) at the precision of all three; a may be b.
  virtual bool dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                   const Poll& poll) const = 0;

 protected:
  LaneProducts() = default;
};

}  // namespace mpsharp
