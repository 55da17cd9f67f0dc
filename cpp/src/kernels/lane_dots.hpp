#pragma once

#include <cstddef>
#include <vector>

#include "aligned.hpp"
#include "lane_vector.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

/// Exact dot products of lane vectors: the numbers become integers on a grid, their products are
/// summed limb by limb, and the sum is rounded once.
class ExactLaneDots {
 public:
  explicit ExactLaneDots(unsigned threads) : workspaces_(threads) {}

  /// zz <- RN(sum z_i z_i), sz <- RN(sum s_i z_i). Returns false where the grids are too wide.
  bool run(mpfr_ptr zz, mpfr_ptr sz, const LaneVector& s, const LaneVector& z,
           const LaneKernels& kernels, ThreadPool& pool, const Poll& poll);

 private:
  __extension__ typedef __int128 Wide;
  struct Workspace {
    AlignedWords left, right;      ///< integers of one group
    AlignedWords columns, excess;  ///< sums that may still grow
    std::size_t groups = 0;        ///< how many products they hold
    std::vector<Wide> totals[2];   ///< of each dot product: columns, summed over the lanes
  };

  void accumulate(Workspace& workspace, std::vector<Wide>& totals, const LaneVector& a,
                  const Grid& a_grid, const LaneVector& b, const Grid& b_grid, std::size_t first,
                  std::size_t last, const LaneKernels& kernels) const;
  static void collect(Workspace& workspace, std::vector<Wide>& totals, std::size_t n_a,
                      std::size_t n_b);
  void round_to(mpfr_ptr out, std::size_t which, const LaneVector& a, const Grid& a_grid,
                const LaneVector& b, const Grid& b_grid);

  std::vector<Workspace> workspaces_;  ///< one per thread
  AlignedWords limbs_;
  std::vector<mp_limb_t> words_;
};

}  // namespace mpsharp
