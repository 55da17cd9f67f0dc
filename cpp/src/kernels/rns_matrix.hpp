#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "aligned.hpp"
#include "grid.hpp"
#include "mpsharp/array.hpp"
#include "mpsharp/poll.hpp"
#include "rns_kernels.hpp"
#include "row_choice.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Splits up to eight numbers on a grid into limbs[8 l + i]; returns their signs as bits.
unsigned split_numbers(std::uint64_t* limbs, std::size_t n_limbs, ConstSpan numbers,
                       std::int64_t low) noexcept;

/// A matrix as the kernels of the residue number system read it.
///
/// If its grid is narrow (float64 data: some 75 bits) it is kept as one or two words per entry,
/// from which a kernel gets each residue with one instruction, so it is read from memory once for
/// many primes. Else all residues are stored, for as many primes as calls have needed. Either is
/// made at the first call and serves both products (vector lanes along the sum or along the
/// columns) in one copy.
///
/// Chosen rows are copied, as words, to a matrix of their own, which is kept for the next call: the
/// transposed product of a batch mostly follows the direct one.
class RnsMatrix {
 public:
  struct Packed {
    AlignedWords split;  ///< the integers + 2^width in two words each, in tiles; empty at first
    std::vector<AlignedWords> residues;  ///< per prime: residues of the entries, in tiles
  };

  /// `matrix` and `kernels` are to outlive the object.
  RnsMatrix(const Matrix& matrix, const RnsKernels& kernels);

  [[nodiscard]] const Grid& grid() const noexcept { return grid_; }
  /// Columns, padded to whole vectors of words.
  [[nodiscard]] std::size_t stride() const noexcept { return stride_; }
  /// Whether the two-word form has high words: an integer + 2^width has up to width + 1 bits.
  [[nodiscard]] bool has_high() const noexcept { return grid_.width() + 1 > kernels_.prime_bits; }
  /// Makes the form for these primes. True if it is the two-word one.
  bool prepare(const RnsBasis::View& basis, ThreadPool& pool, const Poll& poll);
  /// These rows in that form. @pre `prepare` returned is_split for as many primes
  const Packed& rows(const RowChoice& rows, bool is_split, std::size_t primes, ThreadPool& pool,
                     const Poll& poll);

 private:
  struct Batch {
    std::vector<std::size_t> rows;
    bool has_split = false;  ///< whether `packed` holds these rows in the two-word form
    std::size_t primes = 0;  ///< for how many primes it holds their residues
    Packed packed;
  };

  [[nodiscard]] bool split_serves(const RnsBasis::View& basis) const noexcept;
  void split(ThreadPool& pool, const Poll& poll);
  /// Makes sure that there are residues for `basis.size` primes.
  void extend(const RnsBasis::View& basis, ThreadPool& pool, const Poll& poll);

  const Matrix& matrix_;
  const RnsKernels& kernels_;
  Grid grid_;
  std::size_t padded_rows_;
  std::size_t stride_;
  Packed all_;
  Batch batch_;  ///< of the last product with some rows
};

}  // namespace mpsharp
