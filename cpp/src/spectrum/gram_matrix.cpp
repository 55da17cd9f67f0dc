#include "gram_matrix.hpp"

#include "mpsharp/kernels/matmul.hpp"

namespace mpsharp {

Matrix gram_matrix(const Matrix& X, bool rows, Bits bits, unsigned threads, const Poll& poll) {
  const std::size_t k = rows ? X.rows() : X.columns();
  Matrix a(k, k, bits);
  multiply(a, Operand(X, !rows), Operand(X, rows), threads, poll);
  return a;
}

}  // namespace mpsharp
