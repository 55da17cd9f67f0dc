#include "mpsharp/flow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "mpsharp/error.hpp"

namespace mpsharp {

namespace {

constexpr long kFarExponent = 1000;
constexpr double kShareOfLength = 0.1;  // of a step, that its error may be
constexpr double kFirstShare = 0.01;    // of norm(u, v), that the first step tried moves
constexpr double kSafety = 0.9;
constexpr double kSmallestFactor = 0.2;
constexpr double kLargestFactor = 2.0;
constexpr double kSmallestRatio = 1e-4;  // remembered by the controller

double scale(double x, long exponent) {
  return std::ldexp(x, static_cast<int>(std::clamp(exponent, -kFarExponent, kFarExponent)));
}

void subtract(Vector& out, const Vector& a, const Mpfr& factor, const Vector& b, Mpfr& term) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    mpfr_mul(term, factor, b[i], MPFR_RNDN);
    mpfr_sub(out[i], a[i], term, MPFR_RNDN);
  }
}

void weigh(Vector& out, const Vector& k1, const Vector& k2, const Vector& k3, const Vector& k4) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    mpfr_add(out[i], k2[i], k3[i], MPFR_RNDN);
    mpfr_mul_2ui(out[i], out[i], 1, MPFR_RNDN);
    mpfr_add(out[i], out[i], k1[i], MPFR_RNDN);
    mpfr_add(out[i], out[i], k4[i], MPFR_RNDN);
  }
}

}  // namespace

Scaled norm(const Vector& u, const Vector& v) {
  long top = std::numeric_limits<long>::min();
  for (const Vector* part : {&u, &v}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      if (!mpfr_number_p((*part)[i])) return {std::numeric_limits<double>::quiet_NaN(), 0};
      if (!mpfr_zero_p((*part)[i])) top = std::max<long>(top, mpfr_get_exp((*part)[i]));
    }
  }
  double sum = 0;
  if (top == std::numeric_limits<long>::min()) return {0, 0};
  for (const Vector* part : {&u, &v}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      long exponent = 0;
      const double significand = mpfr_get_d_2exp(&exponent, (*part)[i], MPFR_RNDN);
      const double x = scale(significand, exponent - top);
      sum += x * x;
    }
  }
  return {std::sqrt(sum), top};
}

double quotient(const Scaled& a, const Scaled& b) {
  return scale(a.value / b.value, a.exponent - b.exponent);
}

void StepControl::propose(double step_size) {
  int exponent = 0;
  const double significand = std::frexp(std::min(step_size, max_step_), &exponent);
  step_size_ = std::ldexp(std::floor(std::ldexp(significand, 20)), exponent - 20);
}

bool StepControl::accept(double ratio) {
  if (!(ratio <= 1)) {  // also NaN
    const double factor = std::isfinite(ratio) ? kSafety * std::pow(ratio, -0.25) : 0;
    propose(step_size_ * std::max(factor, kSmallestFactor));
    rejected_ = true;
    return false;
  }
  const double bounded = std::max(ratio, kSmallestRatio);
  const double factor = kSafety * std::pow(bounded, -0.175) * std::pow(last_ratio_, 0.1);
  propose(step_size_ * std::clamp(factor, kSmallestFactor, rejected_ ? 1.0 : kLargestFactor));
  last_ratio_ = bounded;
  rejected_ = false;
  return true;
}

GradientFlow::GradientFlow(std::shared_ptr<const Minimalist> model, Vector u, Vector v,
                           double tolerance, double max_step, double first_step, const Poll& poll)
    : model_(std::move(model)),
      u_(std::move(u)),
      v_(std::move(v)),
      control_(tolerance, max_step),
      k1_(u_, v_),
      k2_(u_, v_),
      k3_(u_, v_),
      k4_(u_, v_),
      k5_(u_, v_),
      sum_(u_, v_),
      next_u_(u_),
      next_v_(v_),
      step_size_(model_->bits()),
      over_n_(model_->bits()),
      half_(model_->bits()),
      sixth_(model_->bits()),
      term_(model_->bits()),
      forward_(model_->rows(), model_->depth(), model_->bits()),
      backward_(model_->n_features(), model_->bits()),
      loss_(model_->bits()),
      size_{0, 0},
      length_{0, 0} {
  if (u_.size() != model_->n_features() || v_.size() != model_->depth() - 1) {
    throw ShapeError("u, v: expected lengths " + std::to_string(model_->n_features()) + ", " +
                     std::to_string(model_->depth() - 1) + ", got " + std::to_string(u_.size()) +
                     ", " + std::to_string(v_.size()));
  }
  slopes(k1_, u_, v_, poll);
  std::swap(loss_, forward_.loss);
  size_ = norm(u_, v_);
  const Scaled slope = norm(k1_.u, k1_.v);
  // 1 where there is no slope, or none that is finite: advance then stops at once.
  const bool usable = slope.value > 0;
  const double moving = kFirstShare * static_cast<double>(model_->n_samples()) *
                        (usable ? quotient(size_, slope) : 1);
  control_.propose(first_step > 0 ? first_step : moving);
}

void GradientFlow::hold(double step_size) {
  control_.hold(step_size);
  held_ = true;
}

void GradientFlow::slopes(Slopes& out, const Vector& u, const Vector& v, const Poll& poll) {
  model_->forward(forward_, u, v, poll);
  model_->backward(backward_, forward_, poll);
  for (std::size_t j = 0; j < u.size(); ++j) {
    mpfr_mul(out.u[j], forward_.c, backward_.g[j], MPFR_RNDN);
  }
  for (std::size_t l = 0; l < v.size(); ++l) {
    mpfr_mul(out.v[l], forward_.w[l], backward_.q, MPFR_RNDN);
  }
}

void GradientFlow::stage(const Mpfr& factor, const Slopes& k) {
  subtract(next_u_, u_, factor, k.u, term_);
  subtract(next_v_, v_, factor, k.v, term_);
}

void GradientFlow::attempt(const Poll& poll) {
  mpfr_set_d(step_size_, control_.step_size(), MPFR_RNDN);
  mpfr_div_ui(over_n_, step_size_, model_->n_samples(), MPFR_RNDN);
  mpfr_div_2ui(half_, over_n_, 1, MPFR_RNDN);
  mpfr_div_ui(sixth_, over_n_, 6, MPFR_RNDN);
  stage(half_, k1_);
  slopes(k2_, next_u_, next_v_, poll);
  stage(half_, k2_);
  slopes(k3_, next_u_, next_v_, poll);
  stage(over_n_, k3_);
  slopes(k4_, next_u_, next_v_, poll);
  weigh(sum_.u, k1_.u, k2_.u, k3_.u, k4_.u);
  weigh(sum_.v, k1_.v, k2_.v, k3_.v, k4_.v);
  length_ = norm(sum_.u, sum_.v);
  stage(sixth_, sum_);
  slopes(k5_, next_u_, next_v_, poll);
}

double GradientFlow::error_ratio() {
  for (std::size_t j = 0; j < u_.size(); ++j) {
    mpfr_sub(k4_.u[j], k4_.u[j], k5_.u[j], MPFR_RNDN);
  }
  for (std::size_t l = 0; l < v_.size(); ++l) {
    mpfr_sub(k4_.v[l], k4_.v[l], k5_.v[l], MPFR_RNDN);
  }
  const Scaled difference = norm(k4_.u, k4_.v);
  const double weight = control_.step_size() / (6.0 * static_cast<double>(model_->n_samples()));
  const double of_size = quotient(difference, size_) * weight / control_.tolerance();
  const double of_length = quotient(difference, length_) / kShareOfLength;
  return of_size > of_length ? of_size : of_length;
}

void GradientFlow::add_time(double step_size) {  // Neumaier's sum
  const double total = time_ + step_size;
  compensation_ += time_ >= step_size ? (time_ - total) + step_size : (step_size - total) + time_;
  time_ = total;
}

Stop GradientFlow::advance(long steps, double ceiling, const std::optional<Mpfr>& stop_loss,
                           const Poll& poll) {
  if (!std::isfinite(norm(k1_.u, k1_.v).value)) return Stop::diverged;
  for (long made = 0; made < steps;) {
    attempt(poll);
    const double weight = control_.step_size() / (6.0 * static_cast<double>(model_->n_samples()));
    const long last_place = model_->bits().value() + 1;
    if (length_.value == 0 || size_.value == 0 ||
        scale(length_.value / size_.value * weight,
              length_.exponent - size_.exponent + last_place) <= 1) {
      return Stop::stationary;
    }
    const double step_size = control_.step_size();
    if (!held_ && !control_.accept(error_ratio())) {
      ++rejected_;
      poll();
      continue;
    }
    std::swap(u_, next_u_);
    std::swap(v_, next_v_);
    std::swap(k1_, k5_);
    std::swap(loss_, forward_.loss);
    size_ = norm(u_, v_);
    add_time(step_size);
    ++step_;
    ++made;
    if (const Stop stop = classify(loss_, ceiling, stop_loss); stop != Stop::none) return stop;
    poll();
  }
  return Stop::none;
}

}  // namespace mpsharp
