#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "mpsharp/models/minimalist.hpp"

namespace mpsharp {

class LaneDescent;

/// Why a call of a stepper's `advance` came back.
enum class Stop {
  none,        ///< every step asked for was made
  converged,   ///< loss <= stop_loss
  diverged,    ///< loss not finite, or above the ceiling
  stationary,  ///< gradient flow: the parameters no longer change
};

/// The stop that a loss means.
[[nodiscard]] Stop classify(const Mpfr& loss, double ceiling, const std::optional<Mpfr>& stop_loss);

/// (out_u, out_v) <- (u, v) with an independent relative perturbation of every entry:
/// out_j <- RN(x_j + RN(x_j RN(size r_j))), the draws r being those of u, then those of v.
/// @throws ShapeError unless there is a draw for every parameter.
void perturb(Vector& out_u, Vector& out_v, const Vector& u, const Vector& v, const Mpfr& size,
             std::span<const double> draws);

/// One step along a gradient of the minimalist model, in operations of one rounding each.
class Descent {
 public:
  /// h <- RN(step_size / samples). @throws ShapeError if u or v do not fit the model.
  Descent(const Minimalist& model, const Vector& u, const Vector& v, const Mpfr& step_size,
          std::size_t samples);
  /// (next_u, next_v) <- (u, v) - step_size * gradient; the outputs must not alias the inputs.
  void step(Vector& next_u, Vector& next_v, const Vector& u, const Vector& v, const Forward& at,
            const Backward& gradient);
  /// RN(h c), what a gradient is multiplied by; valid until the next call.
  const Mpfr& factor(const Forward& at);
  /// next_v alone, q being dot(s, z).
  void step_layers(Vector& next_v, const Vector& v, const Forward& at, const Mpfr& q);

 private:
  Mpfr h_;
  Mpfr factor_, term_;
};

/// Gradient descent in progress: parameters with their loss evaluated.
class GradientDescent {
 public:
  /// Takes the starting point and evaluates its loss. u, v and step_size have the working
  /// precision.
  /// @throws ShapeError if u or v do not fit the model.
  GradientDescent(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                  const Mpfr& step_size, const Poll& poll);

  ~GradientDescent();

  /// Makes up to `steps` steps; stops behind the first whose loss converged or diverged.
  /// If `poll` throws, the state is that after the last complete step.
  Stop advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss, const Poll& poll);
  /// Perturbs the parameters (see the function of this name) and evaluates the loss there.
  /// If `poll` throws, nothing has changed.
  void perturb(const Mpfr& size, std::span<const double> draws, const Poll& poll);
  /// From now on the last step of each `advance` also keeps X u at `bits`, for whoever looks at the
  /// state next; where that would need a product of its own, nothing is kept.
  void keep_products(Bits bits);
  /// X u at the present step and the bits of `keep_products`, or null.
  [[nodiscard]] const Vector* products() const { return kept_step_ == step_ ? &*kept_ : nullptr; }

  [[nodiscard]] long step() const { return step_; }
  [[nodiscard]] const Mpfr& loss() const { return forward_.loss; }
  /// Converted from the kernels' form when first asked for after a step; not while another thread
  /// uses this object.
  [[nodiscard]] const Vector& u() const;
  [[nodiscard]] const Vector& v() const { return v_; }
  /// Whether every parameter is; needs no conversion.
  [[nodiscard]] bool is_finite() const;

 private:
  /// One step with the vectors in the kernels' own form; false, with nothing changed, where that
  /// does not serve. Leaves next_forward_ without its loss.
  bool lane_step(Vector* wide, const Poll& poll);
  /// Whether the loss at the vectors in the kernels' form, which is not known yet, is for sure not
  /// one at which `advance` stops.
  [[nodiscard]] bool surely_goes_on(double ceiling, const std::optional<Mpfr>& stop_loss) const;
  /// Evaluates the loss, if it is not known.
  void settle_loss(const Poll& poll);
  void leave_lanes();  ///< u, s and z become MPFR numbers

  std::shared_ptr<const Minimalist> model_;
  mutable Vector u_;  ///< of an earlier step while u_is_old_
  mutable bool u_is_old_ = false;
  Vector v_;
  Vector next_u_, next_v_;
  Descent descent_;
  Forward forward_, next_forward_;
  Backward backward_;
  std::unique_ptr<LaneDescent> lanes_;  ///< holds u, s and z from step to step, where it can
  bool loss_known_ = true;              ///< forward_.loss is that of this step
  std::optional<Vector> kept_;          ///< X u of step kept_step_
  long kept_step_ = -1;
  long step_ = 0;
};

/// Stochastic gradient descent in progress. The caller draws the batches.
class StochasticGradientDescent {
 public:
  /// Takes the starting point; u, v and step_size have the working precision.
  /// @param epoch  how many steps lie between two tests of stop_loss, at least 1
  /// @throws ShapeError if u or v do not fit the model, or batch_size or epoch is 0.
  StochasticGradientDescent(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                            const Mpfr& step_size, std::size_t batch_size, long epoch);

  /// Makes up to rows.size() / batch_size steps, each with the next batch_size of `rows`.
  /// Diverged: the loss of the batch before a step, which is not made, is not finite or above the
  /// ceiling. With a stop_loss the loss of all samples is tested, too, at the end of each epoch.
  /// If `poll` throws, the state is that after the last complete step.
  /// @throws ShapeError if rows.size() is no multiple of batch_size.
  Stop advance(std::span<const std::size_t> rows, double ceiling,
               const std::optional<Mpfr>& stop_loss, const Poll& poll);

  /// Perturbs the parameters (see the function of this name).
  void perturb(const Mpfr& size, std::span<const double> draws);
  /// The loss of all samples at the present step; computed when first asked for.
  const Mpfr& loss(const Poll& poll);
  [[nodiscard]] long step() const { return step_; }
  [[nodiscard]] const Vector& u() const { return u_; }
  [[nodiscard]] const Vector& v() const { return v_; }

 private:
  std::shared_ptr<const Minimalist> model_;
  Vector u_, v_;
  Vector next_u_, next_v_;
  Descent descent_;
  std::size_t batch_size_;
  long epoch_;
  Forward batch_;
  Backward backward_;
  std::optional<Forward> all_;  ///< all samples at step all_step_
  long all_step_ = -1;
  long step_ = 0;
};

}  // namespace mpsharp
