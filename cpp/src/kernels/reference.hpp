#pragma once

#include <cstddef>
#include <memory>

#include "dense_products.hpp"

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
class ReferenceProducts final : public DenseProducts {
 public:
  ReferenceProducts(std::shared_ptr<const Matrix> matrix, Arithmetic arithmetic);
  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
};

}  // namespace mpsharp
