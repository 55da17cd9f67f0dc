#pragma once

#include <optional>

#include "mpsharp/models/minimalist.hpp"

namespace mpsharp {

/// Why a call of GradientDescent::advance came back.
enum class Stop {
  none,       ///< every step asked for was made
  converged,  ///< loss <= stop_loss
  diverged,   ///< loss not finite, or above the ceiling
};

/// Gradient descent in progress: parameters with their loss evaluated.
class GradientDescent {
 public:
  /// Takes the starting point and evaluates its loss. u, v and step_size have the working
  /// precision.
  /// @throws ShapeError if u or v do not fit the model.
  GradientDescent(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                  const Mpfr& step_size, const Poll& poll);

  /// Makes up to `steps` steps; stops behind the first whose loss converged or diverged.
  /// If `poll` throws, the state is that after the last complete step.
  Stop advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss, const Poll& poll);

  [[nodiscard]] long step() const { return step_; }
  [[nodiscard]] const Mpfr& loss() const { return forward_.loss; }
  [[nodiscard]] const Vector& u() const { return u_; }
  [[nodiscard]] const Vector& v() const { return v_; }
  [[nodiscard]] const Minimalist& model() const { return *model_; }
  /// The stop that the present loss means, for the loss at step 0 and for advance.
  [[nodiscard]] Stop classify(double ceiling, const std::optional<Mpfr>& stop_loss) const;

 private:
  void update(Vector& u, Vector& v);

  std::shared_ptr<const Minimalist> model_;
  Vector u_, v_;
  Vector next_u_, next_v_;
  Mpfr h_;  ///< RN(step_size / n)
  Mpfr factor_, term_;
  Forward forward_, next_forward_;
  Backward backward_;
  long step_ = 0;
};

}  // namespace mpsharp
