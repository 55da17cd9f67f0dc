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
#include "rns_matrix.hpp"
#include "row_choice.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Exact products in a residue number system.
///
/// Matrix and vector are put on integer grids that hold every bit of every entry, so a dot product
/// is an integer of known size, which its residues modulo enough primes determine; it is rebuilt
/// and rounded once. How the matrix is kept is said at RnsMatrix.
///
/// Where the grid would be absurdly wide for the precision, the outputs are computed one by one
/// with exact_dot; where something is not finite, by the reference. Neither changes a bit of the
/// result.
class RnsProducts final : public DenseProducts, public ExactSums, public LaneProducts {
 public:
  RnsProducts(std::shared_ptr<const Matrix> matrix, const RnsKernels& kernels,
              const NumberKernels& numbers, unsigned threads);

  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
  [[nodiscard]] const ExactSums* exact_sums() const override { return this; }
  void apply_at_both(Vector& out, Vector& wide, const Vector& x, const Poll& poll) const override;
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& poll) const override;
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& poll) const override;

  [[nodiscard]] const LaneProducts* lanes_form() const override { return this; }
  [[nodiscard]] const LaneKernels* lane_kernels(Bits bits) const override;
  bool apply(LaneVector& out, Vector* wide, const LaneVector& x, bool transposed,
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

  /// @param wide  receives the same sums at its own precision, unless null
  void product(Vector& out, Vector* wide, const Vector& x, bool transposed, const RowChoice& rows,
               const Poll& poll) const;
  void scalar_product(Vector& out, const Vector& x, bool transposed, const RowChoice& rows,
                      const Poll& poll) const;
  /// The product with the vector of x_size numbers that `read` reads from `grid`. Returns false
  /// where residues do not serve.
  bool multiply(const Grid& grid, std::size_t x_size, Bits x_bits, std::size_t out_size,
                bool transposed, const RowChoice& rows, Read read, Write write,
                const Poll& poll) const;
  /// x_i <- the first numbers of `sum`, rounded; zeros are +0.
  void round_sums(Span x, const Sum& sum, unsigned worker) const;
  /// Whether every product of this output is -0.
  [[nodiscard]] bool is_negative_zero(std::size_t output, const LaneVector& x,
                                      bool transposed) const;
  /// start_[q] <- -2^width sum of x mod p_q: takes back what makes the two-word form positive.
  void find_starts(const RnsBasis::View& basis, std::size_t stride, const Poll& poll) const;
  /// Residues of the vector, [prime][stride]; zeros beyond its end.
  void convert(Read read, std::size_t n_limbs, const RnsBasis::View& basis, std::size_t stride,
               const Poll& poll) const;
  /// The residues of `count` outputs from `first` on, [prime][out_stride], by the two-word form.
  void split_piece(std::uint64_t* out, std::size_t out_stride, const RnsMatrix::Packed& packed,
                   std::size_t first, std::size_t count, bool transposed,
                   const RnsBasis::View& basis, std::size_t stride) const;

  const RnsKernels& kernels_;
  const NumberKernels numbers_;

  mutable std::mutex mutex_;  ///< held during a product: what follows belongs to it
  mutable RnsMatrix entries_;
  mutable ThreadPool pool_;
  mutable std::vector<Workspace> workspaces_;  ///< one per thread
  mutable ExactLaneDots dots_;
  mutable AlignedWords vector_;               ///< residues of x
  mutable std::vector<std::uint64_t> start_;  ///< per prime
};

}  // namespace mpsharp
