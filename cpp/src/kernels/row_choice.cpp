#include "row_choice.hpp"

#include "exact_dot.hpp"

namespace mpsharp {

Matrix copy_rows(const Matrix& matrix, const RowChoice& rows) {
  Matrix out(rows.size(), matrix.columns(), matrix.bits());
  for (std::size_t i = 0; i < rows.size(); ++i) copy(out.row(i), matrix.row(rows[i]));
  return out;
}

void set_zero_sum_of_row(mpfr_ptr out, const Matrix& matrix, const RowChoice& rows, std::size_t i,
                         const Vector& x) {
  set_zero_sum(out, matrix.row(rows[i]).data(), 1, x.span().data(), 1, x.size());
}

void set_zero_sum_of_column(mpfr_ptr out, const Matrix& matrix, const RowChoice& rows,
                            std::size_t j, const Vector& x) {
  if (rows.all()) {
    set_zero_sum(out, matrix.entries().span().data() + j, matrix.columns(), x.span().data(), 1,
                 x.size());
    return;
  }
  std::vector<__mpfr_struct> column;  // the numbers' heads: their limbs stay where they are
  column.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) column.push_back(*matrix(rows[i], j));
  set_zero_sum(out, column.data(), 1, x.span().data(), 1, x.size());
}

void copy_packed_row(std::uint64_t* to, std::size_t to_row, const std::uint64_t* from,
                     std::size_t from_row, const TileLayout& layout) noexcept {
  constexpr std::size_t lanes = 8;
  constexpr std::size_t ahead = 24;  // lines; 12 and 48 are slower
  const std::size_t rows = layout.tile_rows;
  const auto first = [&](std::size_t row) {
    return row / rows * rows * layout.stride * layout.parts + row % rows * lanes;
  };
  to += first(to_row);
  if (from != nullptr) from += first(from_row);
  // Parts of a tile, and tiles of the same rows, follow each other.
  const std::size_t lines = layout.stride / lanes * layout.parts;
  for (std::size_t line = 0; line < lines; ++line) {
    if (from != nullptr) {
      // Lines of a row lie apart, which the processor does not foresee.
      if (line + ahead < lines) __builtin_prefetch(from + (line + ahead) * rows * lanes);
      std::copy_n(from + line * rows * lanes, lanes, to + line * rows * lanes);
    } else {
      std::fill_n(to + line * rows * lanes, lanes, std::uint64_t{0});
    }
  }
}

}  // namespace mpsharp
