#pragma once

#include <memory>
#include <optional>

#include "mpsharp/models/minimalist.hpp"
#include "mpsharp/steppers.hpp"

namespace mpsharp {

/// value * 2^exponent, so that numbers far outside double's range compare.
struct Scaled {
  double value;
  long exponent;
};

/// The Euclidean norm of (u, v), to double's accuracy. Any entry that is not finite makes it NaN.
Scaled norm(const Vector& u, const Vector& v);

/// a / b as a double, 0 or huge where its exponent is beyond 1000. b must not be 0.
double quotient(const Scaled& a, const Scaled& b);

/// Chooses step sizes from error ratios, the error over what is tolerated: a PI controller
/// (Gustafsson 1991) for an error estimate of order 4. Plain double arithmetic, so that the NumPy
/// mirror chooses the same.
class StepControl {
 public:
  /// @param tolerance  of the error estimate of a step, relative to the norm of (u, v)
  /// @param max_step  largest step size, possibly infinite
  StepControl(double tolerance, double max_step) : tolerance_(tolerance), max_step_(max_step) {}

  [[nodiscard]] double tolerance() const { return tolerance_; }
  [[nodiscard]] double step_size() const { return step_size_; }
  /// Sets the next step size, cut to max_step and to 20 significant bits: the last bits of
  /// std::pow, which differ from library to library, do not count.
  void propose(double step_size);
  /// Sets the next step size as it is.
  void hold(double step_size) { step_size_ = step_size; }
  /// Whether a step with this error ratio is accepted (at most 1); chooses the next step size.
  bool accept(double ratio);

 private:
  double tolerance_, max_step_;
  double step_size_ = 0;
  double last_ratio_ = 1;
  bool rejected_ = false;
};

/// Gradient flow in progress: d(u, v)/dt = -gradient by the classical method of Runge and Kutta,
/// four gradients a step. The error estimate is step_size/6 times the difference of the gradients
/// at the fourth stage and at the end, the difference to an embedded method of order 3 (Hairer,
/// Norsett, Wanner, Solving Ordinary Differential Equations I, II.4). A step is accepted if the
/// estimate is at most tolerance * norm(u, v), and at most a tenth of the length of the step.
class GradientFlow {
 public:
  /// Takes the starting point and evaluates loss and gradient there.
  /// @param first_step  the first step size to be tried; 0 to choose it
  /// @throws ShapeError if u or v do not fit the model.
  GradientFlow(std::shared_ptr<const Minimalist> model, Vector u, Vector v, double tolerance,
               double max_step, double first_step, const Poll& poll);

  /// From now on all steps have this size and are accepted.
  void hold(double step_size);
  /// Makes up to `steps` accepted steps. Stationary: a step would be no longer than half a unit in
  /// the last place of norm(u, v), and was not made. Converged and diverged as in GradientDescent.
  /// If `poll` throws, the state is that after the last accepted step.
  Stop advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss, const Poll& poll);

  [[nodiscard]] long step() const { return step_; }
  [[nodiscard]] long rejected() const { return rejected_; }
  [[nodiscard]] double flow_time() const { return time_ + compensation_; }
  [[nodiscard]] double step_size() const { return control_.step_size(); }
  [[nodiscard]] const Mpfr& loss() const { return loss_; }
  [[nodiscard]] const Vector& u() const { return u_; }
  [[nodiscard]] const Vector& v() const { return v_; }

 private:
  /// n times the gradient.
  struct Slopes {
    Slopes(const Vector& like_u, const Vector& like_v) : u(like_u), v(like_v) {}
    Vector u, v;
  };

  void slopes(Slopes& out, const Vector& u, const Vector& v, const Poll& poll);
  void stage(const Mpfr& factor, const Slopes& k);
  void attempt(const Poll& poll);
  [[nodiscard]] double error_ratio();
  void add_time(double step_size);

  std::shared_ptr<const Minimalist> model_;
  Vector u_, v_;
  StepControl control_;
  bool held_ = false;
  Slopes k1_, k2_, k3_, k4_, k5_, sum_;
  Vector next_u_, next_v_;
  Mpfr step_size_, over_n_, half_, sixth_, term_;
  Forward forward_;
  Backward backward_;
  Mpfr loss_;
  Scaled size_, length_;  ///< norms of (u, v), and of six times the mean slope of the last attempt
  long step_ = 0;
  long rejected_ = 0;
  double time_ = 0, compensation_ = 0;
};

}  // namespace mpsharp
