#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aligned.hpp"
#include "dense_products.hpp"
#include "function_ref.hpp"
#include "lane_dots.hpp"
#include "lane_products.hpp"
#include "row_choice.hpp"
#include "sequential_kernels.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Sequential products eight outputs at a time: every product and every sum rounded in index order,
/// as MPFR would. The matrix is packed for apply and for apply_transposed when either is first
/// called. For products with some rows each row is packed on its own; those of a batch are then
/// interleaved as the kernel reads them, without converting a number, and kept for the next call.
/// Calls that the kernel cannot serve (more than 1040 bits, operands with more bits than
/// the result's limbs hold, NaN, infinities, exponents beyond ±2^28) go to the reference.
class SequentialProducts final : public DenseProducts, public LaneProducts {
 public:
  SequentialProducts(std::shared_ptr<const Matrix> matrix, const NumberKernels& numbers,
                     unsigned threads);

  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
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
  /// The matrix or its transpose as a kernel reads it, a buffer per eight outputs.
  struct Packed {
    std::size_t limbs = 0;
    std::vector<AlignedWords> blocks;
  };

  void product(Vector& out, const Vector& x, bool transposed, const RowChoice& rows,
               const Poll& poll) const;
  void scalar_product(Vector& out, const Vector& x, bool transposed, const RowChoice& rows,
                      const Poll& poll) const;
  /// The chosen rows of the matrix, or their transpose, with this many limbs an entry.
  const Packed& packed_rows(const RowChoice& rows, std::size_t limbs, bool transposed,
                            const Poll& poll) const;
  /// Where the numbers of a group of outputs are to be written.
  using Place = FunctionRef<std::uint64_t*(std::size_t group, unsigned worker)>;
  using Write = FunctionRef<void(std::size_t group, const std::uint64_t* numbers)>;
  /// The product with the x_size numbers in vector_, all of one precision.
  void multiply(std::size_t bits, std::size_t x_size, std::size_t out_size, bool transposed,
                const RowChoice& rows, Place place, Write write, const Poll& poll) const;
  void pack(Packed& packed, std::size_t limbs, bool transposed, const Poll& poll) const;
  /// Packs every row on its own: blocks[row], word [(j / 8 * (limbs + 1) + l) * 8 + j % 8].
  void pack_rows(std::size_t limbs, const Poll& poll) const;
  /// As pack, for some rows, out of what pack_rows made.
  void gather(Packed& packed, const RowChoice& rows, bool transposed, const Poll& poll) const;

  const NumberKernels numbers_;
  bool usable_;               ///< all entries finite, exponents small
  std::size_t matrix_limbs_;  ///< limbs of 52 bits that hold any entry's significand

  mutable std::mutex mutex_;  ///< held during a product: what follows belongs to it
  mutable ThreadPool pool_;
  mutable std::vector<AlignedWords> workspaces_;  ///< one per thread: a group of results
  mutable AlignedWords vector_;  ///< the numbers of x, limbs and exponent one behind the other
  mutable SequentialLaneDots dots_;
  mutable Packed direct_;
  mutable Packed transposed_;
  mutable Packed by_row_;
  mutable std::vector<std::size_t> batch_rows_;  ///< of the last product with some rows
  mutable Packed batch_direct_;
  mutable Packed batch_transposed_;
};

}  // namespace mpsharp
