#include "lane_descent.hpp"

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
  ready_ = X_.dots(next_q_, q_, s_, z_, poll);
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

bool LaneDescent::step(mpfr_ptr zz, const Mpfr& factor, const Mpfr& c, const Poll& poll) {
  const std::uint64_t* scalar = scalar_.data();
  const auto update = [&](std::size_t group) {
    kernels_.add_scaled(next_u_.group(group), u_.group(group), false, g_.group(group), scalar, true,
                        u_.unused());
  };
  const auto residual = [&](std::size_t group) {
    kernels_.add_scaled(next_z_.group(group), y_.group(group), true, next_s_.group(group), scalar,
                        false, y_.unused());
  };
  if (!write(scalar_, factor) || !X_.apply(g_, z_, true, update, poll)) return false;
  if (!in_range(g_) || !in_range(next_u_)) return false;
  if (!write(scalar_, c) || !X_.apply(next_s_, next_u_, false, residual, poll)) return false;
  if (!in_range(next_s_) || !in_range(next_z_)) return false;
  if (!X_.dots(zz, next_q_, next_s_, next_z_, poll)) return false;
  std::swap(u_, next_u_);
  std::swap(s_, next_s_);
  std::swap(z_, next_z_);
  std::swap(q_, next_q_);
  return true;
}

}  // namespace mpsharp
