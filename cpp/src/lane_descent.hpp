#pragma once

#include <memory>

#include "kernels/lane_products.hpp"
#include "kernels/lane_vector.hpp"
#include "mpsharp/kernels/products.hpp"
#include "mpsharp/models/minimalist.hpp"

namespace mpsharp {

/// The vectors of gradient descent of the minimalist model in the kernels' own form, in which they
/// stay from step to step: a step allocates nothing and makes no MPFR numbers but scalars. The same
/// bits as Minimalist::forward and backward with the elementwise update. Where a step leaves the
/// range of the kernels it is not made, and the caller makes it with MPFR numbers.
class LaneDescent {
 public:
  struct Interval {
    double lower;
    double upper;
  };

  /// Null where these products have no such form at the precision of the labels y.
  static std::unique_ptr<LaneDescent> make(const std::shared_ptr<const MatrixProducts>& X,
                                           const Vector& y);

  /// Whether there is a current point.
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  /// Takes u and what belongs to it; not ready afterwards if they do not fit.
  void load(const Vector& u, const Forward& at, const Poll& poll);
  void store_parameters(Vector& u) const noexcept;
  /// Writes u, s and z, if ready, and is not ready any more.
  void leave(Vector& u, Forward& at) noexcept;
  /// dot(s, z) at the current point.
  [[nodiscard]] const Mpfr& q() const noexcept { return q_; }
  /// u <- RN(u - RN(factor g)) with g = X'z, then s = X u and z = RN(RN(c s) - y). Returns false,
  /// with the point unchanged, where the kernels do not serve.
  /// @param wide  unless null, receives X u of the new point at its own precision
  bool step(const Mpfr& factor, const Mpfr& c, Vector* wide, const Poll& poll);
  /// zz <- dot(z, z) at the current point. @pre ready()
  void square(mpfr_ptr zz, const Poll& poll);
  /// Bounds of what square() gives, at a small part of its cost; an upper one of infinity where
  /// they are of no use. @pre ready()
  [[nodiscard]] Interval square_bounds() const noexcept;

 private:
  LaneDescent(std::shared_ptr<const MatrixProducts> owner, const LaneProducts& X,
              const LaneKernels& kernels, LaneVector y);
  /// Writes a scalar in the kernels' form. Returns false if it does not fit.
  [[nodiscard]] bool write(AlignedWords& out, const Mpfr& x) const noexcept;
  [[nodiscard]] bool in_range(const LaneVector& x) const noexcept;
  /// out <- dot(a, b), with MPFR numbers if need be.
  void dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const Poll& poll);

  std::shared_ptr<const MatrixProducts> owner_;  ///< keeps X_ alive
  const LaneProducts& X_;
  const LaneKernels& kernels_;
  LaneVector y_;
  LaneVector u_, s_, z_;
  LaneVector next_u_, next_s_, next_z_, g_;
  AlignedWords scalar_;
  Mpfr q_, next_q_;
  bool ready_ = false;
};

}  // namespace mpsharp
