#include <string>
#include <utility>
#include <vector>

#include "mpsharp/error.hpp"
#include "mpsharp/kernels/products.hpp"
#include "reference.hpp"

namespace mpsharp {

namespace {

class DiagonalProducts final : public MatrixProducts {
 public:
  DiagonalProducts(Vector diagonal, Arithmetic arithmetic)
      : diagonal_(std::move(diagonal)), arithmetic_(arithmetic) {}

  [[nodiscard]] std::size_t rows() const override { return diagonal_.size(); }
  [[nodiscard]] std::size_t columns() const override { return diagonal_.size(); }
  [[nodiscard]] Arithmetic arithmetic() const override { return arithmetic_; }
  void apply(Vector& out, const Vector& x, const Poll& /*poll*/) const override {
    check_length("apply: x", columns(), x.size());
    check_length("apply: out", rows(), out.size());
    for (std::size_t i = 0; i < x.size(); ++i) mpfr_mul(out[i], diagonal_[i], x[i], MPFR_RNDN);
  }
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override {
    apply(out, x, poll);
  }
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& /*poll*/) const override {
    check_length("apply_rows: x", columns(), x.size());
    check_length("apply_rows: out", rows.size(), out.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      check_row(rows[i]);
      mpfr_mul(out[i], diagonal_[rows[i]], x[rows[i]], MPFR_RNDN);
    }
  }
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& /*poll*/) const override {
    check_length("apply_transposed_rows: z", rows.size(), z.size());
    check_length("apply_transposed_rows: out", columns(), out.size());
    std::vector<std::vector<std::size_t>> places(columns());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      check_row(rows[i]);
      places[rows[i]].push_back(i);
    }
    for (std::size_t j = 0; j < columns(); ++j) {
      const std::size_t count = places[j].size();
      Vector left(count, diagonal_.bits()), right(count, z.bits());
      for (std::size_t i = 0; i < count; ++i) {
        mpfr_set(left[i], diagonal_[j], MPFR_RNDN);
        mpfr_set(right[i], z[places[j][i]], MPFR_RNDN);
      }
      dot(out[j], left, right, arithmetic_);
    }
  }

 private:
  void check_row(std::size_t row) const {
    if (row >= rows()) {
      throw ShapeError("rows: expected indices below " + std::to_string(rows()) + ", got " +
                       std::to_string(row));
    }
  }

  const Vector diagonal_;
  const Arithmetic arithmetic_;
};

}  // namespace

std::unique_ptr<const MatrixProducts> make_diagonal_products(Vector diagonal,
                                                             Arithmetic arithmetic) {
  return std::make_unique<DiagonalProducts>(std::move(diagonal), arithmetic);
}

}  // namespace mpsharp
