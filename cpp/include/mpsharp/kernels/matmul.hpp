#pragma once

#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"

namespace mpsharp {

/// A factor of a product: a matrix as it is, or its transpose without a copy.
struct Operand {
  // NOLINTNEXTLINE(google-explicit-constructor): a matrix is its own operand
  Operand(const Matrix& of) noexcept : matrix(of) {}
  Operand(const Matrix& of, bool is_transposed) noexcept : matrix(of), transposed(is_transposed) {}
  Operand(const Matrix&& of) = delete;

  [[nodiscard]] std::size_t rows() const noexcept {
    return transposed ? matrix.columns() : matrix.rows();
  }
  [[nodiscard]] std::size_t columns() const noexcept {
    return transposed ? matrix.rows() : matrix.columns();
  }

  const Matrix& matrix;
  bool transposed = false;
};

/// The transpose of `matrix`, which must outlive it.
inline Operand transposed(const Matrix& matrix) noexcept { return {matrix, true}; }

/// out <- a b, every entry the exact dot product of a row of `a` and a column of `b`, rounded once
/// to the precision of `out`: entry by entry the same bits as dot(..., Arithmetic::exact).
///
/// multiply(out, X, transposed(X), ...) and multiply(out, transposed(X), X, ...) take half the
/// work: the result is symmetric. `threads` share the outputs, so their number changes no bit.
/// @throws ShapeError if the shapes do not fit or `out` is one of the factors.
void multiply(Matrix& out, const Operand& a, const Operand& b, unsigned threads, const Poll& poll);

}  // namespace mpsharp
