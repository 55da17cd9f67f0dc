#include "mpsharp/steppers.hpp"

#include <string>
#include <utility>

#include "mpsharp/error.hpp"

namespace mpsharp {

GradientDescent::GradientDescent(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                                 const Mpfr& step_size, const Poll& poll)
    : model_(std::move(model)),
      u_(std::move(u)),
      v_(std::move(v)),
      next_u_(u_),
      next_v_(v_),
      h_(model_->bits()),
      factor_(model_->bits()),
      term_(model_->bits()),
      forward_(model_->n_samples(), model_->depth(), model_->bits()),
      next_forward_(forward_),
      backward_(model_->n_features(), model_->bits()) {
  if (u_.size() != model_->n_features() || v_.size() != model_->depth() - 1) {
    throw ShapeError("u, v: expected lengths " + std::to_string(model_->n_features()) + ", " +
                     std::to_string(model_->depth() - 1) + ", got " + std::to_string(u_.size()) +
                     ", " + std::to_string(v_.size()));
  }
  mpfr_div_ui(h_, step_size, model_->n_samples(), MPFR_RNDN);
  model_->forward(forward_, u_, v_, poll);
}

void GradientDescent::update(Vector& u, Vector& v) {
  mpfr_mul(factor_, h_, forward_.c, MPFR_RNDN);
  for (std::size_t j = 0; j < u.size(); ++j) {
    mpfr_mul(term_, factor_, backward_.g[j], MPFR_RNDN);
    mpfr_sub(u[j], u_[j], term_, MPFR_RNDN);
  }
  for (std::size_t l = 0; l < v.size(); ++l) {
    mpfr_mul(factor_, h_, forward_.w[l], MPFR_RNDN);
    mpfr_mul(term_, factor_, backward_.q, MPFR_RNDN);
    mpfr_sub(v[l], v_[l], term_, MPFR_RNDN);
  }
}

Stop GradientDescent::classify(double ceiling, const std::optional<Mpfr>& stop_loss) const {
  if (!mpfr_number_p(loss()) || mpfr_cmp_d(loss(), ceiling) > 0) return Stop::diverged;
  if (stop_loss && mpfr_lessequal_p(loss(), *stop_loss)) return Stop::converged;
  return Stop::none;
}

Stop GradientDescent::advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss,
                              const Poll& poll) {
  for (long i = 0; i < steps; ++i) {
    model_->backward(backward_, forward_, poll);
    update(next_u_, next_v_);
    model_->forward(next_forward_, next_u_, next_v_, poll);
    std::swap(u_, next_u_);
    std::swap(v_, next_v_);
    std::swap(forward_, next_forward_);
    ++step_;
    if (const Stop stop = classify(ceiling, stop_loss); stop != Stop::none) return stop;
    poll();
  }
  return Stop::none;
}

}  // namespace mpsharp
