#pragma once

#include <cstddef>

#include "mpsharp/kernels/matmul.hpp"

namespace mpsharp {

/// The rows of the left factor of a product, or the columns of the right one: what dot products are
/// taken of. Number k of line i is data[i * stride + k * step].
struct Lines {
  const __mpfr_struct* data;
  std::size_t count;
  std::size_t length;
  std::size_t stride;
  std::size_t step;
  Bits bits;

  [[nodiscard]] const __mpfr_struct* line(std::size_t i) const noexcept {
    return data + i * stride;
  }
};

inline Lines rows_of(const Operand& a) {
  const std::size_t columns = a.matrix.columns();
  return {a.matrix.entries().span().data(), a.rows(),       a.columns(), a.transposed ? 1 : columns,
          a.transposed ? columns : 1,       a.matrix.bits()};
}

inline Lines columns_of(const Operand& b) { return rows_of(Operand(b.matrix, !b.transposed)); }

}  // namespace mpsharp
