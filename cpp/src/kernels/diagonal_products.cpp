#include "diagonal_products.hpp"

#include <string>
#include <utility>
#include <vector>

#include "mpsharp/error.hpp"
#include "reference.hpp"

namespace mpsharp {

DiagonalProducts::DiagonalProducts(Vector diagonal, Arithmetic arithmetic,
                                   const std::optional<NumberKernels>& numbers)
    : diagonal_(std::move(diagonal)),
      arithmetic_(arithmetic),
      numbers_(numbers),
      lanes_diagonal_(diagonal_.size(), diagonal_.bits()),
      lanes_usable_(numbers_ && lanes_diagonal_.limbs() <= SequentialKernel::max_limbs &&
                    lanes_diagonal_.assign(diagonal_)),
      pool_(1),
      exact_dots_(1) {}

void DiagonalProducts::apply(Vector& out, const Vector& x, const Poll& /*poll*/) const {
  check_length("apply: x", columns(), x.size());
  check_length("apply: out", rows(), out.size());
  for (std::size_t i = 0; i < x.size(); ++i) mpfr_mul(out[i], diagonal_[i], x[i], MPFR_RNDN);
}

void DiagonalProducts::apply_transposed(Vector& out, const Vector& x, const Poll& poll) const {
  apply(out, x, poll);
}

void DiagonalProducts::apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                                  const Poll& /*poll*/) const {
  check_length("apply_rows: x", columns(), x.size());
  check_length("apply_rows: out", rows.size(), out.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    check_row(rows[i]);
    mpfr_mul(out[i], diagonal_[rows[i]], x[rows[i]], MPFR_RNDN);
  }
}

void DiagonalProducts::apply_transposed_rows(Vector& out, const Vector& z,
                                             std::span<const std::size_t> rows,
                                             const Poll& /*poll*/) const {
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
    mpsharp::dot(out[j], left, right, arithmetic_);
  }
}

const LaneKernels* DiagonalProducts::lane_kernels(Bits bits) const {
  if (!lanes_usable_ || bits != diagonal_.bits()) return nullptr;
  return &numbers_->lanes(lanes_diagonal_.limbs());
}

bool DiagonalProducts::apply(LaneVector& out, Vector* /*wide*/, const LaneVector& x,
                             bool /*transposed*/, FunctionRef<void(std::size_t)> finish,
                             const Poll& /*poll*/) const {
  const LaneKernels& kernels = *lane_kernels(x.bits());
  for (std::size_t group = 0; group < x.groups(); ++group) {
    kernels.multiply(out.group(group), lanes_diagonal_.group(group), x.group(group), x.unused());
    finish(group);
  }
  return true;
}

bool DiagonalProducts::dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                           const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  if (arithmetic_ == Arithmetic::exact) {
    return exact_dots_.run(out, a, b, *lane_kernels(b.bits()), pool_, poll);
  }
  sequential_dots_.run(out, a, b, *lane_kernels(b.bits()));
  return true;
}

void DiagonalProducts::check_row(std::size_t row) const {
  if (row >= rows()) {
    throw ShapeError("rows: expected indices below " + std::to_string(rows()) + ", got " +
                     std::to_string(row));
  }
}

std::unique_ptr<const MatrixProducts> make_diagonal_products(Vector diagonal, Arithmetic arithmetic,
                                                             KernelPath path) {
  return std::make_unique<DiagonalProducts>(
      std::move(diagonal), arithmetic,
      path == KernelPath::reference ? std::nullopt : std::optional(number_kernels(path)));
}

std::unique_ptr<const MatrixProducts> make_diagonal_products(Vector diagonal,
                                                             Arithmetic arithmetic) {
  return make_diagonal_products(std::move(diagonal), arithmetic, chosen_path());
}

}  // namespace mpsharp
