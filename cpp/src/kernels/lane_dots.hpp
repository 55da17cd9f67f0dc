#pragma once

#include <cstddef>
#include <vector>

#include "aligned.hpp"
#include "lane_vector.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Exact dot products of lane vectors. The upper limbs of all products are summed on the grid of
/// the largest; they decide the rounding unless the sum nearly cancels or is nearly a tie. Else the
/// numbers become integers on a grid, their products are summed limb by limb, and the sum is
/// rounded once.
class ExactLaneDots {
 public:
  explicit ExactLaneDots(unsigned threads) : workspaces_(threads) {}

  /// out <- RN(sum a_i b_i). Returns false where the grids are too wide.
  /// @pre no exponent is beyond Grid::exponent_limit
  bool run(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const LaneKernels& kernels,
           ThreadPool& pool, const Poll& poll);

 private:
  __extension__ typedef __int128 Wide;
  /// The same from the upper limbs. Returns false where they do not decide.
  bool run_upper(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                 const LaneKernels& kernels);
  struct Workspace {
    AlignedWords left, right;      ///< integers of one group
    AlignedWords columns, excess;  ///< sums that may still grow
    std::size_t groups = 0;        ///< how many products they hold
    std::vector<Wide> totals;      ///< columns, summed over the lanes
  };

  static void accumulate(Workspace& workspace, const LaneVector& a, const Grid& a_grid,
                         const LaneVector& b, const Grid& b_grid, std::size_t first,
                         std::size_t last, const LaneKernels& kernels);
  static void collect(Workspace& workspace, std::size_t n_a, std::size_t n_b);
  void round_to(mpfr_ptr out, const LaneVector& a, const Grid& a_grid, const LaneVector& b,
                const Grid& b_grid);

  std::vector<Workspace> workspaces_;  ///< one per thread
  AlignedWords limbs_;
  std::vector<mp_limb_t> words_;
};

/// Sequential dot products of lane vectors, one number after another, for numbers of at most
/// SequentialKernel::max_limbs limbs.
class SequentialLaneDots {
 public:
  /// out <- acc after acc = +0, acc = RN(acc + RN(a_i b_i)).
  void run(mpfr_ptr out, const LaneVector& a, const LaneVector& b, const LaneKernels& kernels);

 private:
  AlignedWords products_;  ///< groups of rounded products
  AlignedWords result_;
};

}  // namespace mpsharp
