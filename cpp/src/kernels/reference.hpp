#pragma once

#include <cstddef>
#include <memory>

#include "mpsharp/kernels/products.hpp"

namespace mpsharp {

/// The definition of dot(out, a, b, arithmetic), on strided operands of one precision each.
void reference_exact_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                         const __mpfr_struct* b, std::size_t b_stride, std::size_t n);
void reference_sequential_dot(mpfr_ptr out, const __mpfr_struct* a, std::size_t a_stride,
                              const __mpfr_struct* b, std::size_t b_stride, std::size_t n);

/// @throws ShapeError "WHAT: expected length E, got A" if they differ.
void check_length(const char* what, std::size_t expected, std::size_t actual);

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
