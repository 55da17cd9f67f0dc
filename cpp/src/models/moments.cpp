#include "mpsharp/models/moments.hpp"

#include <utility>

#include "mpsharp/models/minimalist.hpp"

namespace mpsharp {

Moments::Moments(Bits bits)
    : uu(bits), ss(bits), sz(bits), zz(bits), gg(bits), rrzz(bits), sszz(bits) {}

MomentForm::MomentForm(std::shared_ptr<const MatrixProducts> X, const Matrix& data, Bits bits,
                       const Poll& poll)
    : X_(std::move(X)), row_squares_(data.rows(), Bits(2 * bits.value() + 64)) {
  for (std::size_t i = 0; i < data.rows(); ++i) {
    dot(row_squares_[i], data.row(i), data.row(i), Arithmetic::exact);
    if (poll) poll();
  }
}

void MomentForm::measure(Moments& out, const Vector& u, const Vector& v, const Vector& y,
                         const Poll& poll) const {
  const Bits wide = row_squares_.bits();
  const std::size_t n = X_->rows();
  Vector s(n, wide), z(n, wide), g(X_->columns(), wide), w(v.size(), wide), layers(v.size(), wide);
  Mpfr c(wide);
  X_->apply(s, u, poll);
  copy(layers, v);
  layer_products(c, w, layers);
  for (std::size_t i = 0; i < n; ++i) {
    mpfr_mul(z[i], c, s[i], MPFR_RNDN);
    mpfr_sub(z[i], z[i], y[i], MPFR_RNDN);
  }
  X_->apply_transposed(g, z, poll);
  dot(out.uu, u, u, Arithmetic::exact);
  dot(out.ss, s, s, Arithmetic::exact);
  dot(out.sz, s, z, Arithmetic::exact);
  dot(out.zz, z, z, Arithmetic::exact);
  dot(out.gg, g, g, Arithmetic::exact);
  for (std::size_t i = 0; i < n; ++i) {
    mpfr_mul(s[i], s[i], z[i], MPFR_RNDN);
    mpfr_sqr(z[i], z[i], MPFR_RNDN);
  }
  dot(out.sszz, s, s, Arithmetic::exact);
  dot(out.rrzz, row_squares_, z, Arithmetic::exact);
}

}  // namespace mpsharp
