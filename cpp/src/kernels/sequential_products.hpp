#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "aligned.hpp"
#include "dense_products.hpp"
#include "row_choice.hpp"
#include "sequential_kernels.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Sequential products eight outputs at a time: every product and every sum rounded in index order,
/// as MPFR would. The matrix is packed for apply and for apply_transposed when either is first
/// called; for some rows both are copied, as words, from the latter, and kept for the next call.
/// Calls that the kernel cannot serve (more than 1040 bits, operands with more bits than
/// the result's limbs hold, NaN, infinities, exponents beyond ±2^28) go to the reference.
class SequentialProducts final : public DenseProducts {
 public:
  /// @param vectorised use the IFMA kernel where it can serve; without, only threads are gained.
  SequentialProducts(std::shared_ptr<const Matrix> matrix, bool vectorised, unsigned threads);

  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& poll) const override;
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& poll) const override;

 private:
  struct Workspace {
    AlignedWords limbs;
    AlignedWords exponents;
    std::vector<mp_limb_t> words;
  };
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
  void pack(Packed& packed, std::size_t limbs, bool transposed, const Poll& poll) const;
  /// The same for some rows, out of the packed transpose of all.
  void gather(Packed& packed, const RowChoice& rows, bool transposed, const Poll& poll) const;

  bool usable_;               ///< vectorised, all entries finite, exponents small
  std::size_t matrix_limbs_;  ///< limbs of 52 bits that hold any entry's significand

  mutable std::mutex mutex_;  ///< held during a product: what follows belongs to it
  mutable ThreadPool pool_;
  mutable std::vector<Workspace> workspaces_;  ///< one per thread
  mutable AlignedWords vector_;
  mutable Packed direct_;
  mutable Packed transposed_;
  mutable std::vector<std::size_t> batch_rows_;  ///< of the last product with some rows
  mutable Packed batch_direct_;
  mutable Packed batch_transposed_;
};

}  // namespace mpsharp
