#include "mpsharp/steppers.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "lane_descent.hpp"
#include "mpsharp/error.hpp"

namespace mpsharp {

Stop classify(const Mpfr& loss, double ceiling, const std::optional<Mpfr>& stop_loss) {
  if (!mpfr_number_p(loss) || mpfr_cmp_d(loss, ceiling) > 0) return Stop::diverged;
  if (stop_loss && mpfr_lessequal_p(loss, *stop_loss)) return Stop::converged;
  return Stop::none;
}

void perturb(Vector& out_u, Vector& out_v, const Vector& u, const Vector& v, const Mpfr& size,
             std::span<const double> draws) {
  if (draws.size() != u.size() + v.size()) {
    throw ShapeError("draws: expected " + std::to_string(u.size() + v.size()) + ", got " +
                     std::to_string(draws.size()));
  }
  Mpfr term(size.bits());
  const auto move = [&](Vector& out, const Vector& x, std::span<const double> some) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      mpfr_mul_d(term, size, some[j], MPFR_RNDN);
      mpfr_mul(term, x[j], term, MPFR_RNDN);
      mpfr_add(out[j], x[j], term, MPFR_RNDN);
    }
  };
  move(out_u, u, draws.first(u.size()));
  move(out_v, v, draws.subspan(u.size()));
}

Descent::Descent(const Minimalist& model, const Vector& u, const Vector& v, const Mpfr& step_size,
                 std::size_t samples)
    : h_(model.bits()), factor_(model.bits()), term_(model.bits()) {
  if (u.size() != model.n_features() || v.size() != model.depth() - 1) {
    throw ShapeError("u, v: expected lengths " + std::to_string(model.n_features()) + ", " +
                     std::to_string(model.depth() - 1) + ", got " + std::to_string(u.size()) +
                     ", " + std::to_string(v.size()));
  }
  mpfr_div_ui(h_, step_size, samples, MPFR_RNDN);
}

void Descent::step(Vector& next_u, Vector& next_v, const Vector& u, const Vector& v,
                   const Forward& at, const Backward& gradient) {
  factor(at);
  for (std::size_t j = 0; j < u.size(); ++j) {
    mpfr_mul(term_, factor_, gradient.g[j], MPFR_RNDN);
    mpfr_sub(next_u[j], u[j], term_, MPFR_RNDN);
  }
  step_layers(next_v, v, at, gradient.q);
}

const Mpfr& Descent::factor(const Forward& at) {
  mpfr_mul(factor_, h_, at.c, MPFR_RNDN);
  return factor_;
}

void Descent::step_layers(Vector& next_v, const Vector& v, const Forward& at, const Mpfr& q) {
  for (std::size_t l = 0; l < v.size(); ++l) {
    mpfr_mul(factor_, h_, at.w[l], MPFR_RNDN);
    mpfr_mul(term_, factor_, q, MPFR_RNDN);
    mpfr_sub(next_v[l], v[l], term_, MPFR_RNDN);
  }
}

GradientDescent::GradientDescent(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                                 const Mpfr& step_size, const Poll& poll)
    : model_(std::move(model)),
      u_(std::move(u)),
      v_(std::move(v)),
      next_u_(u_),
      next_v_(v_),
      descent_(*model_, u_, v_, step_size, model_->n_samples()),
      forward_(model_->rows(), model_->depth(), model_->bits()),
      next_forward_(forward_),
      backward_(model_->n_features(), model_->bits()) {
  model_->forward(forward_, u_, v_, poll);
  lanes_ = LaneDescent::make(model_->products(), model_->labels());
}

GradientDescent::~GradientDescent() = default;

void GradientDescent::keep_products(Bits bits) {
  if (model_->products()->exact_sums() == nullptr) return;
  if (kept_ && kept_->bits() == bits) return;
  kept_.emplace(model_->rows(), bits);
  kept_step_ = -1;
}

bool GradientDescent::lane_step(Vector* wide, const Poll& poll) {
  descent_.step_layers(next_v_, v_, forward_, lanes_->q());
  layer_products(next_forward_.c, next_forward_.w, next_v_);
  return lanes_->step(descent_.factor(forward_), next_forward_.c, wide, poll);
}

bool GradientDescent::surely_goes_on(double ceiling, const std::optional<Mpfr>& stop_loss) const {
  const LaneDescent::Interval square = lanes_->square_bounds();
  const auto two_n = 2 * static_cast<double>(model_->n_samples());
  const std::optional<Mpfr>& floor = model_->loss_floor();
  // Far more room than the roundings of the quotient and of the sum need, here and in loss_of.
  const double slack =
      1e-12 + std::ldexp(1.0, static_cast<int>(std::max<long>(-1000, 4 - model_->bits().value())));
  const double above = floor ? mpfr_get_d(*floor, MPFR_RNDU) : 0;
  if (!((square.upper / two_n + above) * (1 + slack) <= ceiling)) return false;
  if (!stop_loss) return true;
  const double below = floor ? mpfr_get_d(*floor, MPFR_RNDD) : 0;
  return (square.lower / two_n + below) * (1 - slack) > mpfr_get_d(*stop_loss, MPFR_RNDU);
}

void GradientDescent::settle_loss(const Poll& poll) {
  if (loss_known_) return;
  lanes_->square(forward_.loss, poll);
  model_->loss_of(forward_.loss, forward_.loss);
  loss_known_ = true;
}

Stop GradientDescent::advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss,
                              const Poll& poll) {
  /// Brings the loss up to date, also if `poll` throws.
  struct Current {
    GradientDescent& run;
    ~Current() {
      if (run.lanes_ != nullptr && run.lanes_->ready()) run.settle_loss([] {});
    }
  } const current{*this};
  for (long i = 0; i < steps; ++i) {
    Vector* const wide = kept_ && i + 1 == steps ? &*kept_ : nullptr;
    if (wide != nullptr) kept_step_ = -1;
    if (lanes_ != nullptr && !lanes_->ready()) lanes_->load(u_, forward_, poll);
    if (lanes_ != nullptr && lanes_->ready() && lane_step(wide, poll)) {
      u_is_old_ = true;
      loss_known_ = false;
    } else {
      settle_loss(poll);
      leave_lanes();
      model_->backward(backward_, forward_, poll);
      descent_.step(next_u_, next_v_, u_, v_, forward_, backward_);
      model_->forward(next_forward_, wide, next_u_, next_v_, poll);
      std::swap(u_, next_u_);
    }
    std::swap(v_, next_v_);
    std::swap(forward_, next_forward_);
    ++step_;
    if (wide != nullptr) kept_step_ = step_;
    if (loss_known_ || !surely_goes_on(ceiling, stop_loss)) {
      settle_loss(poll);
      if (const Stop stop = classify(loss(), ceiling, stop_loss); stop != Stop::none) return stop;
    }
    poll();
  }
  return Stop::none;
}

const Vector& GradientDescent::u() const {
  if (u_is_old_) lanes_->store_parameters(u_);
  u_is_old_ = false;
  return u_;
}

bool GradientDescent::is_finite() const {
  return (u_is_old_ || mpsharp::is_finite(u_)) && mpsharp::is_finite(v_);  // lanes hold finite ones
}

void GradientDescent::leave_lanes() {
  if (lanes_ != nullptr) lanes_->leave(u_, forward_);
  u_is_old_ = false;
}

void GradientDescent::perturb(const Mpfr& size, std::span<const double> draws, const Poll& poll) {
  leave_lanes();
  kept_step_ = -1;
  mpsharp::perturb(next_u_, next_v_, u_, v_, size, draws);
  model_->forward(next_forward_, next_u_, next_v_, poll);
  std::swap(u_, next_u_);
  std::swap(v_, next_v_);
  std::swap(forward_, next_forward_);
}

StochasticGradientDescent::StochasticGradientDescent(std::shared_ptr<const Minimalist> model,
                                                     Vector u, Vector v, const Mpfr& step_size,
                                                     std::size_t batch_size, long epoch)
    : model_(std::move(model)),
      u_(std::move(u)),
      v_(std::move(v)),
      next_u_(u_),
      next_v_(v_),
      descent_(*model_, u_, v_, step_size, batch_size),
      batch_size_(batch_size),
      epoch_(epoch),
      batch_(batch_size, model_->depth(), model_->bits()),
      backward_(model_->n_features(), model_->bits()) {
  if (batch_size_ == 0 || epoch_ < 1) {
    throw ShapeError("batch_size, epoch: expected at least 1, got " + std::to_string(batch_size_) +
                     ", " + std::to_string(epoch_));
  }
}

Stop StochasticGradientDescent::advance(std::span<const std::size_t> rows, double ceiling,
                                        const std::optional<Mpfr>& stop_loss, const Poll& poll) {
  if (rows.size() % batch_size_ != 0) {
    throw ShapeError("rows: expected a multiple of " + std::to_string(batch_size_) + ", got " +
                     std::to_string(rows.size()));
  }
  for (std::size_t at = 0; at < rows.size(); at += batch_size_) {
    const std::span<const std::size_t> batch = rows.subspan(at, batch_size_);
    model_->forward(batch_, u_, v_, batch, poll);
    if (classify(batch_.loss, ceiling, std::nullopt) != Stop::none) return Stop::diverged;
    model_->backward(backward_, batch_, batch, poll);
    descent_.step(next_u_, next_v_, u_, v_, batch_, backward_);
    std::swap(u_, next_u_);
    std::swap(v_, next_v_);
    ++step_;
    if (stop_loss && step_ % epoch_ == 0) {
      const Stop stop = classify(loss(poll), ceiling, stop_loss);
      if (stop != Stop::none) return stop;
    }
    poll();
  }
  return Stop::none;
}

void StochasticGradientDescent::perturb(const Mpfr& size, std::span<const double> draws) {
  mpsharp::perturb(next_u_, next_v_, u_, v_, size, draws);
  std::swap(u_, next_u_);
  std::swap(v_, next_v_);
  all_step_ = -1;
}

const Mpfr& StochasticGradientDescent::loss(const Poll& poll) {
  if (all_step_ != step_) {
    if (!all_) all_.emplace(model_->rows(), model_->depth(), model_->bits());
    all_step_ = -1;
    model_->forward(*all_, u_, v_, poll);
    all_step_ = step_;
  }
  return all_->loss;
}

}  // namespace mpsharp
