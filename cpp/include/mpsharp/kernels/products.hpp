#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// The two bit-defined meanings of a dot product; nothing else in mpsharp differs between them.
enum class Arithmetic {
  sequential,  ///< acc = +0, then acc = RN(acc + RN(a_i b_i)) in index order
  exact,       ///< RN(sum of a_i b_i), computed as if exactly and rounded once
};

/// out <- dot(a, b) at the precision of `out`, which must alias neither.
/// NaN, infinities and signed zeros behave as the IEEE operations would; an exact sum that is zero
/// has the sign that mpfr_sum gives it. @throws ShapeError if the lengths differ.
void dot(mpfr_ptr out, ConstSpan a, ConstSpan b, Arithmetic arithmetic);

class LaneProducts;

/// Exact products whose dot products are known before they are rounded, so that rounding them to
/// two precisions costs little more than to one.
class ExactSums {
 public:
  virtual ~ExactSums() = default;
  ExactSums(const ExactSums&) = delete;
  ExactSums& operator=(const ExactSums&) = delete;

  /// MatrixProducts::apply(out, x), and the same dot products at the precision of `wide`.
  virtual void apply_at_both(Vector& out, Vector& wide, const Vector& x,
                             const Poll& poll) const = 0;

 protected:
  ExactSums() = default;
};

/// Products of one matrix with vectors, in one arithmetic. Whatever a kernel prepares from the
/// matrix is prepared once, here; the results are the same bits whatever the kernel.
class MatrixProducts {
 public:
  virtual ~MatrixProducts() = default;
  MatrixProducts(const MatrixProducts&) = delete;
  MatrixProducts& operator=(const MatrixProducts&) = delete;

  [[nodiscard]] virtual std::size_t rows() const = 0;
  [[nodiscard]] virtual std::size_t columns() const = 0;
  [[nodiscard]] virtual Arithmetic arithmetic() const = 0;
  /// out_i <- dot(row i, x), each rounded to the precision of `out`; `out` must not alias `x`.
  /// @throws ShapeError if the lengths do not fit.
  virtual void apply(Vector& out, const Vector& x, const Poll& poll) const = 0;
  /// out_j <- dot(column j, x), rows in index order.
  virtual void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const = 0;
  /// The same for the matrix whose rows are those with these indices, in this order; an index may
  /// occur more than once. out_i <- dot(row rows[i], x).
  /// @throws ShapeError if the lengths do not fit or an index is not below rows().
  virtual void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                          const Poll& poll) const = 0;
  /// out_j <- the dot product of column j of these rows, in their order, with z, which has one
  /// entry for each of them.
  virtual void apply_transposed_rows(Vector& out, const Vector& z,
                                     std::span<const std::size_t> rows, const Poll& poll) const = 0;

  /// The same products on vectors in the kernels' own form, for runs that keep them in it between
  /// operations, or null; lives as long as this object.
  [[nodiscard]] virtual const LaneProducts* lanes_form() const { return nullptr; }
  /// Rounding to two precisions, or null; lives as long as this object.
  [[nodiscard]] virtual const ExactSums* exact_sums() const { return nullptr; }

 protected:
  MatrixProducts() = default;
};

/// Chooses the kernel for this matrix, arithmetic and machine, with up to `threads` threads (the
/// caller included) that share the outputs, never a sum: the bits do not depend on their number.
/// Calls on one object may come from several threads; they run one after another.
std::unique_ptr<const MatrixProducts> make_products(std::shared_ptr<const Matrix> matrix,
                                                    Arithmetic arithmetic, unsigned threads = 1);

/// Products with diag(diagonal): one rounded product per entry, in either arithmetic, which only
/// names how `dot` is to be computed elsewhere.
std::unique_ptr<const MatrixProducts> make_diagonal_products(Vector diagonal,
                                                             Arithmetic arithmetic);

}  // namespace mpsharp
