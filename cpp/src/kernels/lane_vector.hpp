#pragma once

#include <cstddef>
#include <cstdint>

#include "aligned.hpp"
#include "grid.hpp"
#include "lane_kernels.hpp"
#include "mpsharp/array.hpp"

namespace mpsharp {

/// Writes a number in the form of sequential_kernels.hpp: n_limbs limbs and the exponent,
/// consecutive words `stride` apart. @pre zero, or regular with a significand that fits
void write_number(std::uint64_t* out, std::size_t stride, std::size_t n_limbs, mpfr_srcptr x);

/// out <- the number in that form, exactly. @pre the precision of `out` holds it
void read_number(mpfr_ptr out, const std::uint64_t* in, std::size_t stride, std::size_t n_limbs);

/// Numbers of one precision as the kernels take them (lane_kernels.hpp): a vector that stays
/// between the operations of a step without becoming MPFR numbers. No NaN, no infinity; the last
/// group is filled up with zeros.
class LaneVector {
 public:
  static constexpr std::size_t lanes = LaneKernels::lanes;

  LaneVector(std::size_t size, Bits bits);  ///< +0

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Bits bits() const noexcept { return bits_; }
  [[nodiscard]] std::size_t limbs() const noexcept { return limbs_; }
  /// 52 limbs() - bits()
  [[nodiscard]] unsigned unused() const noexcept { return unused_; }
  [[nodiscard]] std::size_t groups() const noexcept { return (size_ + lanes - 1) / lanes; }
  std::uint64_t* group(std::size_t g) noexcept { return words_.data() + g * lanes * (limbs_ + 1); }
  [[nodiscard]] const std::uint64_t* group(std::size_t g) const noexcept {
    return words_.data() + g * lanes * (limbs_ + 1);
  }
  /// The first word of number i; the following ones are `lanes` apart.
  [[nodiscard]] const std::uint64_t* number(std::size_t i) const noexcept {
    return group(i / lanes) + i % lanes;
  }
  [[nodiscard]] bool is_zero(std::size_t i) const noexcept {
    return number(i)[lanes * (limbs_ - 1)] << 1 == 0;
  }
  [[nodiscard]] bool is_negative(std::size_t i) const noexcept {
    return number(i)[lanes * (limbs_ - 1)] >> 63 != 0;
  }

  /// Gives a zero its sign.
  void set_negative_zero(std::size_t i) noexcept {
    group(i / lanes)[i % lanes + lanes * (limbs_ - 1)] = std::uint64_t{1} << 63;
  }

  /// Takes numbers of this precision. Returns false, without a value, if one is not finite or has
  /// an exponent beyond Grid::exponent_limit.
  bool assign(const Vector& x) noexcept;
  /// The numbers again. @pre the same size and precision
  void copy_to(Vector& out) const noexcept;
  /// A grid that holds the numbers; it may reach further down than need be.
  [[nodiscard]] Grid grid(const LaneKernels& kernels) const noexcept;

 private:
  std::size_t size_;
  Bits bits_;
  std::size_t limbs_;
  unsigned unused_;
  AlignedWords words_;
};

}  // namespace mpsharp
