#pragma once

#include "mpsharp/kernels/products.hpp"

namespace mpsharp {

/// The straightforward kernel: one MPFR dot product per output entry. Every other kernel is tested
/// against it bit for bit.
class ReferenceProducts final : public MatrixProducts {
 public:
  ReferenceProducts(std::shared_ptr<const Matrix> matrix, Arithmetic arithmetic);

  [[nodiscard]] std::size_t rows() const override { return matrix_->rows(); }
  [[nodiscard]] std::size_t columns() const override { return matrix_->columns(); }
  [[nodiscard]] Arithmetic arithmetic() const override { return arithmetic_; }
  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;

 private:
  std::shared_ptr<const Matrix> matrix_;
  Arithmetic arithmetic_;
};

}  // namespace mpsharp
