#pragma once

#include <memory>

#include "mpsharp/array.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// Sums over a state of the minimalist model, s = Xu, z = c s - y, g = X'z, of which its gradient
/// and the theory's formulas are made.
struct Moments {
  explicit Moments(Bits bits);

  Mpfr uu;    ///< ||u||^2
  Mpfr ss;    ///< ||s||^2
  Mpfr sz;    ///< s'z
  Mpfr zz;    ///< ||z||^2
  Mpfr gg;    ///< ||g||^2
  Mpfr rrzz;  ///< sum of ||x_i||^2 z_i^2
  Mpfr sszz;  ///< sum of s_i^2 z_i^2
};

/// Computes `Moments`. What does not depend on the state, the norms of the rows, is computed once.
class MomentForm {
 public:
  /// @param X     exact products with `data`
  /// @param bits  precision of the states that are to come
  MomentForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
             const Poll& poll);

  /// At `out`, of any precision: z and g may cancel down to the last of the parameters' bits, so
  /// everything on the way to the sums has 2 bits + 64.
  void measure(Moments& out, const Vector& u, const Vector& v, const Vector& y,
               const Poll& poll) const;

 private:
  std::shared_ptr<const MatrixProducts> X_;
  Vector row_squares_;  ///< ||x_i||^2
};

}  // namespace mpsharp
