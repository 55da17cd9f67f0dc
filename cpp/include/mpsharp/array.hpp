#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "mpsharp/mpfr.hpp"

namespace mpsharp {

/// Numbers that somebody else owns. `&span[i]` is what MPFR's functions take.
using Span = std::span<__mpfr_struct>;
using ConstSpan = std::span<const __mpfr_struct>;

/// MPFR numbers of one precision whose limbs lie one behind the other: element i has its limbs at
/// limbs() + i * bits().limbs(), least significant first, as MPFR lays them out (the top bit of a
/// regular number's top limb is set, unused low bits are zero). MPFR works on the elements in
/// place; mpfr_swap, mpfr_set_prec and mpfr_clear must not be called on them.
class Vector {
 public:
  Vector(std::size_t size, Bits bits);  ///< zeros
  Vector(const Vector& other);
  Vector(Vector&& other) noexcept = default;
  Vector& operator=(const Vector& other);
  Vector& operator=(Vector&& other) noexcept = default;
  ~Vector() = default;

  [[nodiscard]] std::size_t size() const noexcept { return numbers_.size(); }
  [[nodiscard]] Bits bits() const noexcept { return bits_; }
  mpfr_ptr operator[](std::size_t i) noexcept { return &numbers_[i]; }
  mpfr_srcptr operator[](std::size_t i) const noexcept { return &numbers_[i]; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator Span() noexcept { return numbers_; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  operator ConstSpan() const noexcept { return numbers_; }
  Span span() noexcept { return numbers_; }
  [[nodiscard]] ConstSpan span() const noexcept { return numbers_; }
  mp_limb_t* limbs() noexcept { return limbs_.get(); }
  [[nodiscard]] const mp_limb_t* limbs() const noexcept { return limbs_.get(); }

 private:
  Bits bits_;
  std::unique_ptr<mp_limb_t[]> limbs_;
  std::vector<__mpfr_struct> numbers_;
};

/// Copies values, one rounding to nearest each. @throws ShapeError if the lengths differ.
void copy(Span out, ConstSpan in);

/// Whether no entry is NaN or infinite.
[[nodiscard]] bool is_finite(ConstSpan numbers) noexcept;

/// A row-major matrix over a Vector; no arithmetic of its own.
class Matrix {
 public:
  Matrix(std::size_t rows, std::size_t columns, Bits bits);  ///< zeros
  /// @throws ShapeError unless entries.size() == rows * columns.
  Matrix(std::size_t rows, std::size_t columns, Vector entries);

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
  [[nodiscard]] Bits bits() const noexcept { return entries_.bits(); }
  mpfr_ptr operator()(std::size_t i, std::size_t j) noexcept { return entries_[i * columns_ + j]; }
  mpfr_srcptr operator()(std::size_t i, std::size_t j) const noexcept {
    return entries_[i * columns_ + j];
  }
  Span row(std::size_t i) noexcept { return entries_.span().subspan(i * columns_, columns_); }
  [[nodiscard]] ConstSpan row(std::size_t i) const noexcept {
    return entries_.span().subspan(i * columns_, columns_);
  }
  [[nodiscard]] const Vector& entries() const noexcept { return entries_; }
  Vector& entries() noexcept { return entries_; }

 private:
  std::size_t rows_;
  std::size_t columns_;
  Vector entries_;
};

}  // namespace mpsharp
