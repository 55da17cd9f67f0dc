#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aligned.hpp"
#include "dense_products.hpp"
#include "function_ref.hpp"
#include "grid.hpp"
#include "lane_dots.hpp"
#include "lane_products.hpp"
#include "rns_kernels.hpp"
#include "row_choice.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Exact products in a residue number system.
///
/// Matrix and vector are put on integer grids that hold every bit of every entry, so a dot product
/// is an integer of known size, which its residues modulo enough primes determine; it is rebuilt
/// and rounded once.
///
/// A matrix whose grid is narrow (float64 data: some 75 bits) is kept as one or two words per
/// entry, from which a kernel gets each residue with one instruction, so it is read from memory
/// once for many primes. Of a wider one all residues are stored, for as many primes as calls have
/// needed. Either is made at the first call, lives as long as the object and serves apply (vector
/// lanes along the sum) and apply_transposed (lanes along the columns) in one copy.
///
/// For products with some rows these are copied, as words, to a matrix of their own, which is kept
/// for the next call: the transposed product of a batch mostly follows the direct one.
///
/// Where the grid would be absurdly wide for the precision, the outputs are computed one by one
/// with exact_dot; where something is not finite, by the reference. Neither changes a bit of the
/// result.
class RnsProducts final : public DenseProducts, public LaneProducts {
 public:
  RnsProducts(std::shared_ptr<const Matrix> matrix, const RnsKernels& kernels, unsigned threads);

  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& poll) const override;
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& poll) const override;

  [[nodiscard]] const LaneProducts* lanes_form() const override { return this; }
  [[nodiscard]] const LaneKernels* lane_kernels(Bits bits) const override;
  bool apply(LaneVector& out, const LaneVector& x, bool transposed,
             FunctionRef<void(std::size_t)> finish, const Poll& poll) const override;
  bool dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const Poll& poll) const override;

 private:
  struct Workspace {
    AlignedWords residues;  ///< [prime][output of this piece]
    AlignedWords limbs;  ///< of eight reconstructed integers, or of eight numbers to be converted
    AlignedWords gathered;  ///< [prime][8] of those outputs
    std::vector<mp_limb_t> words;
  };
  /// Eight outputs: integers in two's complement, limbs[8 l + i], times 2^exponent.
  struct Sum {
    std::uint64_t* limbs;  ///< may be overwritten
    std::size_t n_limbs;
    std::int64_t exponent;
  };
  /// Writes the magnitudes of eight numbers on the grid to limbs[8 l + i], l < n_limbs, with zeros
  /// beyond the last number, and returns the signs as bits; there is room for n_limbs + 2.
  using Read = FunctionRef<unsigned(std::uint64_t* limbs, std::size_t n_limbs, std::size_t group)>;
  /// Takes eight outputs, or the last ones.
  using Write = FunctionRef<void(std::size_t group, const Sum& sum, unsigned worker)>;

  /// A matrix, or some of its rows, as the kernels read it.
  struct Packed {
    AlignedWords split;  ///< the integers + 2^width in two words each, in tiles; empty at first
    std::vector<AlignedWords> residues;  ///< per prime: residues of the entries, in tiles
  };

  struct Batch {
    std::vector<std::size_t> rows;
    bool has_split = false;  ///< whether `packed` holds these rows in the two-word form
    std::size_t primes = 0;  ///< for how many primes it holds their residues
    Packed packed;
  };

  void product(Vector& out, const Vector& x, bool transposed, const RowChoice& rows,
               const Poll& poll) const;
  void scalar_product(Vector& out, const Vector& x, bool transposed, const RowChoice& rows,
                      const Poll& poll) const;
  /// The product with the vector of x_size numbers that `read` reads from `grid`. Returns false
  /// where residues do not serve.
  bool multiply(const Grid& grid, std::size_t x_size, Bits x_bits, std::size_t out_size,
                bool transposed, const RowChoice& rows, Read read, Write write,
                const Poll& poll) const;
  /// Whether every product of this output is -0.
  [[nodiscard]] bool is_negative_zero(std::size_t output, const LaneVector& x,
                                      bool transposed) const;
  /// Makes sure that the matrix has residues for `size` primes.
  void extend(const RnsBasis::View& basis, const Poll& poll) const;
  /// True if the two-word form serves for these primes; makes it.
  bool split_matrix(const RnsBasis::View& basis, const Poll& poll) const;
  /// The chosen rows of the matrix, in the form for these primes; all rows have that form already.
  const Packed& packed_rows(const RowChoice& rows, bool is_split, std::size_t primes,
                            const Poll& poll) const;
  /// start_[q] <- -2^width sum of x mod p_q: takes back what makes the two-word form positive.
  void find_starts(const RnsBasis::View& basis, std::size_t stride, const Poll& poll) const;
  /// Residues of the vector, [prime][stride]; zeros beyond its end.
  void convert(Read read, std::size_t n_limbs, const RnsBasis::View& basis, std::size_t stride,
               const Poll& poll) const;
  /// The residues of `count` outputs from `first` on, [prime][out_stride], by the two-word form.
  void split_piece(std::uint64_t* out, std::size_t out_stride, const Packed& packed,
                   std::size_t first, std::size_t count, bool transposed,
                   const RnsBasis::View& basis, std::size_t stride) const;
  /// An integer + 2^width has up to width + 1 bits.
  [[nodiscard]] bool has_high() const noexcept { return grid_.width() + 1 > kernels_.prime_bits; }

  const RnsKernels& kernels_;
  Grid grid_;
  std::size_t padded_rows_;
  std::size_t stride_;  ///< columns, padded to whole vectors of words

  mutable std::mutex mutex_;  ///< held during a product: what follows belongs to it
  mutable ThreadPool pool_;
  mutable std::vector<Workspace> workspaces_;  ///< one per thread
  mutable ExactLaneDots dots_;
  mutable AlignedWords vector_;               ///< residues of x
  mutable std::vector<std::uint64_t> start_;  ///< per prime
  mutable Packed all_;
  mutable Batch batch_;  ///< of the last product with some rows
};

}  // namespace mpsharp
