#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpsharp/array.hpp"

namespace mpsharp {

/// Products with a matrix of numbers below 2 in fixed point, for precisions of few words. An entry
/// takes 62 bits a word, a third of the memory that residues for exact products take: those hold
/// the bits of both factors.
///
/// A number is the sum of digits d_l 2^(62 l), |d_l| < 2^62, all of its sign. Products of digits
/// are summed exactly, but those are left out that weigh less than the lowest digit of the result.
/// With k columns and 2^(e - 1) <= max |x_j| < 2^e the sums are off by less than 3 k 2^(e - bits),
/// and are rounded once.
class FixedProducts {
 public:
  static constexpr std::size_t most_digits = 3;

  /// Whether numbers of this precision are few words.
  [[nodiscard]] static bool serves(Bits bits) { return digits_for(bits) <= most_digits; }
  /// Rounds the entries to what products with the matrix read of them.
  static void cut(Matrix& matrix);

  /// @param matrix  entries that `cut` has rounded; @pre `serves` its precision
  explicit FixedProducts(const Matrix& matrix);

  /// out <- M x. @pre x is finite
  void apply(Vector& out, const Vector& x) const;

 private:
  static std::size_t digits_for(Bits bits);
  template <std::size_t digits>
  void apply_digits(Vector& out, const Vector& x) const;

  std::size_t rows_, columns_, digits_;
  std::size_t stride_;               ///< columns, padded to whole blocks
  std::vector<std::int64_t> words_;  ///< [row][column][digit]
};

}  // namespace mpsharp
