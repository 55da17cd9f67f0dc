#include "mpsharp/models/minimalist.hpp"

#include <span>
#include <string>
#include <utility>

#include "mpsharp/error.hpp"

namespace mpsharp {

Forward::Forward(std::size_t rows, std::size_t depth, Bits bits)
    : c(bits), w(depth - 1, bits), s(rows, bits), z(rows, bits), loss(bits) {}

Backward::Backward(std::size_t n_features, Bits bits) : g(n_features, bits), q(bits) {}

Minimalist::Minimalist(std::shared_ptr<const MatrixProducts> X, Vector y, std::size_t depth,
                       std::size_t n_samples, std::optional<Mpfr> loss_floor)
    : X_(std::move(X)),
      y_(std::move(y)),
      depth_(depth),
      n_samples_(n_samples),
      loss_floor_(std::move(loss_floor)) {
  if (depth_ < 2) {
    throw ShapeError("depth: expected at least 2, got " + std::to_string(depth_));
  }
  if (y_.size() != X_->rows()) {
    throw ShapeError("y: expected length " + std::to_string(X_->rows()) + ", got " +
                     std::to_string(y_.size()));
  }
  if (n_samples_ == 0) throw ShapeError("n_samples: expected at least 1, got 0");
}

void layer_products(mpfr_ptr c, Span w, ConstSpan v) {
  const auto product_without = [&v](mpfr_ptr out, std::size_t skipped) {
    bool first = true;
    for (std::size_t l = 0; l < v.size(); ++l) {
      if (l == skipped) continue;
      if (first) {
        mpfr_set(out, &v[l], MPFR_RNDN);
      } else {
        mpfr_mul(out, out, &v[l], MPFR_RNDN);
      }
      first = false;
    }
    if (first) mpfr_set_ui(out, 1, MPFR_RNDN);
  };
  product_without(c, v.size());
  for (std::size_t l = 0; l < v.size(); ++l) product_without(&w[l], l);
}

void Minimalist::forward(Forward& out, Vector* wide, const Vector& u, const Vector& v,
                         const Poll& poll) const {
  if (wide == nullptr) {
    X_->apply(out.s, u, poll);
  } else {
    X_->exact_sums()->apply_at_both(out.s, *wide, u, poll);
  }
  layer_products(out.c, out.w, v);
  for (std::size_t i = 0; i < rows(); ++i) {
    mpfr_mul(out.z[i], out.c, out.s[i], MPFR_RNDN);
    mpfr_sub(out.z[i], out.z[i], y_[i], MPFR_RNDN);
  }
  dot(out.loss, out.z, out.z, arithmetic());
  loss_of(out.loss, out.loss);
}

void Minimalist::loss_of(mpfr_ptr loss, mpfr_srcptr zz) const {
  mpfr_div_ui(loss, zz, 2 * n_samples(), MPFR_RNDN);
  if (loss_floor_) mpfr_add(loss, loss, *loss_floor_, MPFR_RNDN);
}

void Minimalist::forward(Forward& out, const Vector& u, const Vector& v,
                         std::span<const std::size_t> rows, const Poll& poll) const {
  X_->apply_rows(out.s, u, rows, poll);
  layer_products(out.c, out.w, v);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    mpfr_mul(out.z[i], out.c, out.s[i], MPFR_RNDN);
    mpfr_sub(out.z[i], out.z[i], y_[rows[i]], MPFR_RNDN);
  }
  dot(out.loss, out.z, out.z, arithmetic());
  mpfr_div_ui(out.loss, out.loss, 2 * rows.size(), MPFR_RNDN);
}

void Minimalist::backward(Backward& out, const Forward& at, const Poll& poll) const {
  dot(out.q, at.s, at.z, arithmetic());
  X_->apply_transposed(out.g, at.z, poll);
}

void Minimalist::backward(Backward& out, const Forward& at, std::span<const std::size_t> rows,
                          const Poll& poll) const {
  dot(out.q, at.s, at.z, arithmetic());
  X_->apply_transposed_rows(out.g, at.z, rows, poll);
}

}  // namespace mpsharp
