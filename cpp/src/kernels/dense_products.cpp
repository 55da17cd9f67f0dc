#include "dense_products.hpp"

#include <string>
#include <utility>

#include "mpsharp/error.hpp"
#include "reference.hpp"

namespace mpsharp {

namespace {

std::shared_ptr<const Matrix> gather(const Matrix& matrix, std::span<const std::size_t> rows) {
  auto out = std::make_shared<Matrix>(rows.size(), matrix.columns(), matrix.bits());
  for (std::size_t i = 0; i < rows.size(); ++i) copy(out->row(i), matrix.row(rows[i]));
  return out;
}

}  // namespace

DenseProducts::DenseProducts(std::shared_ptr<const Matrix> matrix, Arithmetic arithmetic)
    : matrix_(std::move(matrix)), arithmetic_(arithmetic) {}

void DenseProducts::check_rows(const char* what, std::size_t in, std::size_t expected_in,
                               std::size_t out, std::size_t expected_out,
                               std::span<const std::size_t> rows) const {
  check_length((std::string(what) + ": vector").c_str(), expected_in, in);
  check_length((std::string(what) + ": out").c_str(), expected_out, out);
  for (const std::size_t row : rows) {
    if (row < matrix_->rows()) continue;
    throw ShapeError(std::string(what) + ": expected row indices below " +
                     std::to_string(matrix_->rows()) + ", got " + std::to_string(row));
  }
}

void DenseProducts::apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                               const Poll& poll) const {
  check_rows("apply_rows", x.size(), columns(), out.size(), rows.size(), rows);
  ReferenceProducts(gather(*matrix_, rows), arithmetic_).apply(out, x, poll);
}

void DenseProducts::apply_transposed_rows(Vector& out, const Vector& z,
                                          std::span<const std::size_t> rows,
                                          const Poll& poll) const {
  check_rows("apply_transposed_rows", z.size(), rows.size(), out.size(), columns(), rows);
  ReferenceProducts(gather(*matrix_, rows), arithmetic_).apply_transposed(out, z, poll);
}

}  // namespace mpsharp
