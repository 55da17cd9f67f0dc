#pragma once

#include <cstddef>
#include <vector>

#include "mpsharp/poll.hpp"

namespace mpsharp {

/// A square matrix of doubles, row-major.
struct DoubleMatrix {
  explicit DoubleMatrix(std::size_t size) : k(size), entries(size * size) {}

  double* row(std::size_t i) noexcept { return entries.data() + i * k; }
  [[nodiscard]] const double* row(std::size_t i) const noexcept { return entries.data() + i * k; }

  std::size_t k;
  std::vector<double> entries;
};

/// Orthonormal vectors in the rows of the result that nearly diagonalize the symmetric matrix a, in
/// no particular order: Householder reduction and the implicit QL iteration, as tridiagonal.hpp
/// does with MPFR numbers. Where the iteration does not end, the vectors are orthonormal still.
/// @pre all entries are finite and at most 1 in magnitude
DoubleMatrix nearly_eigenvectors(DoubleMatrix a, const Poll& poll);

}  // namespace mpsharp
