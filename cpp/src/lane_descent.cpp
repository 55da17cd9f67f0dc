#include "lane_descent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace mpsharp {

std::unique_ptr<LaneDescent> LaneDescent::make(const std::shared_ptr<const MatrixProducts>& X,
                                               const Vector& y) {
  const LaneProducts* products = X->lanes_form();
  if (products == nullptr) return nullptr;
  const LaneKernels* kernels = products->lane_kernels(y.bits());
  LaneVector labels(y.size(), y.bits());
  if (kernels == nullptr || !labels.assign(y)) return nullptr;
  return std::unique_ptr<LaneDescent>(new LaneDescent(X, *products, *kernels, std::move(labels)));
}

LaneDescent::LaneDescent(std::shared_ptr<const MatrixProducts> owner, const LaneProducts& X,
                         const LaneKernels& kernels, LaneVector y)
    : owner_(std::move(owner)),
      X_(X),
      kernels_(kernels),
      y_(std::move(y)),
      u_(owner_->columns(), y_.bits()),
      s_(owner_->rows(), y_.bits()),
      z_(owner_->rows(), y_.bits()),
      next_u_(owner_->columns(), y_.bits()),
      next_s_(owner_->rows(), y_.bits()),
      next_z_(owner_->rows(), y_.bits()),
      g_(owner_->columns(), y_.bits()),
      scalar_(y_.limbs() + 1),
      q_(y_.bits()),
      next_q_(y_.bits()) {}

void LaneDescent::load(const Vector& u, const Forward& at, const Poll& poll) {
  ready_ = false;
  if (!u_.assign(u) || !s_.assign(at.s) || !z_.assign(at.z)) return;
  dot(q_, s_, z_, poll);
  ready_ = true;
}

void LaneDescent::store_parameters(Vector& u) const noexcept { u_.copy_to(u); }

void LaneDescent::leave(Vector& u, Forward& at) noexcept {
  if (!ready_) return;
  ready_ = false;
  u_.copy_to(u);
  s_.copy_to(at.s);
  z_.copy_to(at.z);
}

bool LaneDescent::write(AlignedWords& out, const Mpfr& x) const noexcept {
  const bool fits = mpfr_zero_p(x.get()) != 0 || (mpfr_regular_p(x.get()) != 0 &&
                                                  mpfr_get_exp(x.get()) <= Grid::exponent_limit &&
                                                  mpfr_get_exp(x.get()) >= -Grid::exponent_limit);
  if (fits) write_number(out.data(), 1, y_.limbs(), x);
  return fits;
}

bool LaneDescent::in_range(const LaneVector& x) const noexcept { return x.grid(kernels_).finite; }

void LaneDescent::dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const Poll& poll) {
  if (X_.dot(out, a, b, poll)) return;
  Vector left(a.size(), a.bits());
  Vector right(b.size(), b.bits());
  a.copy_to(left);
  b.copy_to(right);
  mpsharp::dot(out, left, right, owner_->arithmetic());
}

bool LaneDescent::step(const Mpfr& factor, const Mpfr& c, Vector* wide, const Poll& poll) {
  const std::uint64_t* scalar = scalar_.data();
  const auto update = [&](std::size_t group) {
    kernels_.add_scaled(next_u_.group(group), u_.group(group), false, g_.group(group), scalar, true,
                        u_.unused());
  };
  const auto residual = [&](std::size_t group) {
    kernels_.add_scaled(next_z_.group(group), y_.group(group), true, next_s_.group(group), scalar,
                        false, y_.unused());
  };
  if (!write(scalar_, factor) || !X_.apply(g_, nullptr, z_, true, update, poll)) return false;
  if (!in_range(g_) || !in_range(next_u_)) return false;
  if (!write(scalar_, c) || !X_.apply(next_s_, wide, next_u_, false, residual, poll)) return false;
  if (!in_range(next_s_) || !in_range(next_z_)) return false;
  dot(next_q_, next_s_, next_z_, poll);
  std::swap(u_, next_u_);
  std::swap(s_, next_s_);
  std::swap(z_, next_z_);
  std::swap(q_, next_q_);
  return true;
}

void LaneDescent::square(mpfr_ptr zz, const Poll& poll) { dot(zz, z_, z_, poll); }

LaneDescent::Interval LaneDescent::square_bounds() const noexcept {
  constexpr Interval unknown{0, std::numeric_limits<double>::infinity()};
  const Grid grid = z_.grid(kernels_);
  if (grid.empty) return {0, 0};
  if (grid.high > 500) return unknown;
  if (grid.high < -400) return {0, std::ldexp(static_cast<double>(z_.size()), -790)};
  const double sum =
      std::ldexp(kernels_.approximate_squares(z_.group(0), z_.groups(), z_.limbs(), grid.high),
                 static_cast<int>(2 * grid.high));
  // Of the sum: 2^-50 from cutting off the significands and a rounding per term; of the square that
  // is asked for: at most a rounding per product and per sum.
  const double slack =
      (static_cast<double>(z_.size()) + 16) *
      (std::ldexp(1.0, -48) +
       std::ldexp(1.0, static_cast<int>(std::max<long>(-1000, 3 - z_.bits().value()))));
  if (slack > 0.25) return unknown;
  return {sum * (1 - slack), sum * (1 + slack)};
}

}  // namespace mpsharp
