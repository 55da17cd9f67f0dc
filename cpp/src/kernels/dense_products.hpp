#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "mpsharp/kernels/products.hpp"

namespace mpsharp {

/// Products with a matrix that is there entry by entry, and products with some of its rows by the
/// definition: the rows are copied and multiplied by the reference. Faster kernels override those.
class DenseProducts : public MatrixProducts {
 public:
  [[nodiscard]] std::size_t rows() const final { return matrix_->rows(); }
  [[nodiscard]] std::size_t columns() const final { return matrix_->columns(); }
  [[nodiscard]] Arithmetic arithmetic() const final { return arithmetic_; }
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& poll) const override;
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& poll) const override;

 protected:
  DenseProducts(std::shared_ptr<const Matrix> matrix, Arithmetic arithmetic);
  /// What both begin with. @throws ShapeError
  void check_rows(const char* what, std::size_t in, std::size_t expected_in, std::size_t out,
                  std::size_t expected_out, std::span<const std::size_t> rows) const;

  const std::shared_ptr<const Matrix> matrix_;

 private:
  const Arithmetic arithmetic_;
};

}  // namespace mpsharp
