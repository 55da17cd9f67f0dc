#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "lane_dots.hpp"
#include "lane_products.hpp"
#include "mpsharp/kernels/products.hpp"
#include "paths.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Products with a diagonal matrix, one rounded product per entry: by MPFR, and in the kernels' own
/// form where the diagonal has the precision of the run.
class DiagonalProducts final : public MatrixProducts, public LaneProducts {
 public:
  /// @param numbers  for the lane form, which is offered if numbers of this precision have one
  DiagonalProducts(Vector diagonal, Arithmetic arithmetic,
                   const std::optional<NumberKernels>& numbers);

  [[nodiscard]] std::size_t rows() const override { return diagonal_.size(); }
  [[nodiscard]] std::size_t columns() const override { return diagonal_.size(); }
  [[nodiscard]] Arithmetic arithmetic() const override { return arithmetic_; }
  void apply(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_transposed(Vector& out, const Vector& x, const Poll& poll) const override;
  void apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                  const Poll& poll) const override;
  void apply_transposed_rows(Vector& out, const Vector& z, std::span<const std::size_t> rows,
                             const Poll& poll) const override;

  [[nodiscard]] const LaneProducts* lanes_form() const override {
    return lanes_usable_ ? this : nullptr;
  }
  [[nodiscard]] const LaneKernels* lane_kernels(Bits bits) const override;
  bool apply(LaneVector& out, Vector* wide, const LaneVector& x, bool transposed,
             FunctionRef<void(std::size_t)> finish, const Poll& poll) const override;
  bool dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const Poll& poll) const override;

 private:
  void check_row(std::size_t row) const;

  const Vector diagonal_;
  const Arithmetic arithmetic_;
  const std::optional<NumberKernels> numbers_;
  LaneVector lanes_diagonal_;
  bool lanes_usable_;  ///< lanes_diagonal_ is the diagonal

  mutable std::mutex mutex_;  ///< held during a dot product: what follows belongs to it
  mutable ThreadPool pool_;
  mutable ExactLaneDots exact_dots_;
  mutable SequentialLaneDots sequential_dots_;
};

/// As the function declared in products.hpp, with a given path, for tests and benchmarks.
/// @pre can_run(path)
std::unique_ptr<const MatrixProducts> make_diagonal_products(Vector diagonal, Arithmetic arithmetic,
                                                             KernelPath path);

}  // namespace mpsharp
