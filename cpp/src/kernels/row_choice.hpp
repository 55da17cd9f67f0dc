#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mpsharp/array.hpp"

namespace mpsharp {

/// Which rows of a matrix take part in a product: all, or some in a given order.
class RowChoice {
 public:
  static RowChoice all_of(const Matrix& matrix) noexcept { return {true, matrix.rows(), {}}; }
  static RowChoice of(std::span<const std::size_t> rows) noexcept {
    return {false, rows.size(), rows};
  }

  [[nodiscard]] bool all() const noexcept { return all_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  std::size_t operator[](std::size_t i) const noexcept { return all_ ? i : rows_[i]; }
  [[nodiscard]] bool same_as(const std::vector<std::size_t>& rows) const noexcept {
    return !all_ && std::equal(rows_.begin(), rows_.end(), rows.begin(), rows.end());
  }
  [[nodiscard]] std::vector<std::size_t> indices() const { return {rows_.begin(), rows_.end()}; }

 private:
  RowChoice(bool all, std::size_t size, std::span<const std::size_t> rows) noexcept
      : all_(all), size_(size), rows_(rows) {}

  bool all_;
  std::size_t size_;
  std::span<const std::size_t> rows_;
};

/// A copy of these rows.
Matrix copy_rows(const Matrix& matrix, const RowChoice& rows);

/// set_zero_sum for the dot product of row `i` of the choice, or of a column over it, with x.
void set_zero_sum_of_row(mpfr_ptr out, const Matrix& matrix, const RowChoice& rows, std::size_t i,
                         const Vector& x);
void set_zero_sum_of_column(mpfr_ptr out, const Matrix& matrix, const RowChoice& rows,
                            std::size_t j, const Vector& x);

/// How a packed matrix lies in memory (RnsKernels): tiles of `tile_rows` rows by 8 columns, which
/// hold `parts` words of every entry, part by part; `stride` is the number of columns.
struct TileLayout {
  std::size_t tile_rows;
  std::size_t parts;
  std::size_t stride;
};

/// Row `to_row` of one packed matrix <- row `from_row` of another, or zeros if `from` is null.
void copy_packed_row(std::uint64_t* to, std::size_t to_row, const std::uint64_t* from,
                     std::size_t from_row, const TileLayout& layout) noexcept;

}  // namespace mpsharp
