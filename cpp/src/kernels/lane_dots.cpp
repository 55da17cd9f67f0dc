#include "lane_dots.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "exact_dot.hpp"
#include "sequential_sums.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lanes = LaneVector::lanes;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

/// Whether every product is -0.
bool all_negative_zeros(const LaneVector& a, const LaneVector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a.is_zero(i) && !b.is_zero(i)) return false;
    if (a.is_negative(i) == b.is_negative(i)) return false;
  }
  return a.size() > 0;
}

/// Whether all integers within `error` of this one, given by its limbs, round to the same number of
/// `bits` bits.
bool decides(std::span<const mp_limb_t> words, std::uint64_t bits, std::uint64_t error) {
  std::size_t size = words.size();
  while (size > 0 && words[size - 1] == 0) --size;
  if (size == 0) return false;
  const std::uint64_t length =
      64 * size - static_cast<std::uint64_t>(std::countl_zero(words[size - 1]));
  if (length <= bits) return false;
  // The upper `width` of the discarded bits; those below count as one unit more.
  const std::uint64_t discarded = length - bits;
  const std::uint64_t width = std::min<std::uint64_t>(discarded, 62);
  const std::uint64_t below = discarded - width;
  const std::size_t word = below / 64;
  const unsigned shift = below % 64;
  std::uint64_t part = words[word] >> shift;
  if (shift != 0 && word + 1 < size) part |= words[word + 1] << (64 - shift);
  part &= (std::uint64_t{1} << width) - 1;
  const std::uint64_t units = (below < 64 ? error >> below : 0) + 2;
  const std::uint64_t half = std::uint64_t{1} << (width - 1);
  // Less than a quarter, too: below a power of two numbers are twice as dense.
  return units < half / 4 && (part > half ? part - half : half - part) > units;
}

}  // namespace

bool ExactLaneDots::run(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                        const LaneKernels& kernels, ThreadPool& pool, const Poll& poll) {
  if (run_upper(out, a, b, kernels)) return true;
  const Grid a_grid = a.grid(kernels);
  const Grid b_grid = b.grid(kernels);
  if (!a_grid.finite || !b_grid.finite || a_grid.empty || b_grid.empty) return false;
  const std::size_t n_a = a_grid.limbs();
  const std::size_t n_b = b_grid.limbs();
  // Beyond, numbers of odd magnitude make all the others slow.
  if (std::max(n_a, n_b) > 4 * b.limbs() + 24) return false;
  for (Workspace& workspace : workspaces_) {
    const std::size_t most = std::max(n_a, n_b);
    workspace.left.reserve((most + 2) * lanes);
    workspace.right.reserve((most + 2) * lanes);
    workspace.columns.reserve(2 * most * lanes);
    workspace.excess.reserve(most * lanes);
    workspace.totals.assign(n_a + n_b + 2, 0);
  }
  // Two for each thread: what a piece has summed has to be collected.
  const std::size_t pieces =
      std::min<std::size_t>(worthwhile_pieces(b.groups(), n_a * n_b), 2 * pool.threads());
  const std::size_t piece_groups = (b.groups() + pieces - 1) / pieces;
  const auto work = [&](std::size_t piece, unsigned worker) {
    const std::size_t first = std::min(piece * piece_groups, b.groups());
    accumulate(workspaces_[worker], a, a_grid, b, b_grid, first,
               std::min(first + piece_groups, b.groups()), kernels);
  };
  pool.run(pieces, work, poll);
  round_to(out, a, a_grid, b, b_grid);
  return true;
}

bool ExactLaneDots::run_upper(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                              const LaneKernels& kernels) {
  std::int64_t sums[SequentialKernel::max_limbs + 3];
  const LaneKernels::UpperSum sum = kernels.upper_dot(sums, a.group(0), b.group(0), b.groups());
  if (!sum.regular) return false;
  const std::size_t n = b.limbs() + 3;
  limbs_.reserve(n);
  std::int64_t carry = 0;
  for (std::size_t k = 0; k < n; ++k) {
    carry += sums[k];
    limbs_.data()[k] = static_cast<std::uint64_t>(carry) & mask52;
    carry >>= 52;
  }
  const bool negative = join52(words_, limbs_.data(), 1, n);
  const std::uint64_t error = (4 * b.limbs() + 8) * b.size();
  if (!decides(words_, static_cast<std::uint64_t>(mpfr_get_prec(out)), error)) return false;
  round_limbs(out, words_.data(), words_.size(), negative,
              sum.exponent - 52 * (static_cast<std::int64_t>(b.limbs()) + 1));
  return true;
}

void ExactLaneDots::accumulate(Workspace& workspace, const LaneVector& a, const Grid& a_grid,
                               const LaneVector& b, const Grid& b_grid, std::size_t first,
                               std::size_t last, const LaneKernels& kernels) {
  const std::size_t n_a = a_grid.limbs();
  const std::size_t n_b = b_grid.limbs();
  // A column grows by less than 2^53 min(n_a, n_b) per group and has room for 2^64.
  const std::size_t most_groups = ((std::size_t{1} << 11) - 1) / std::min(n_a, n_b);
  std::fill_n(workspace.columns.data(), (n_a + n_b) * lanes, 0);
  std::fill_n(workspace.excess.data(), n_a * lanes, 0);
  std::size_t groups = 0;
  for (std::size_t g = first; g < last; ++g) {
    const unsigned a_signs =
        kernels.integers(workspace.left.data(), n_a, a.group(g), a.limbs(), a_grid.low);
    const unsigned b_signs =
        kernels.integers(workspace.right.data(), n_b, b.group(g), b.limbs(), b_grid.low);
    unsigned negative = a_signs ^ b_signs;
    for (std::size_t i = 0; i < lanes; ++i) {
      if ((negative >> i & 1U) != 0 && b.is_zero(lanes * g + i)) negative &= ~(1U << i);
    }
    kernels.multiply_columns(workspace.columns.data(), workspace.excess.data(),
                             workspace.left.data(), n_a, workspace.right.data(), n_b, negative);
    if (++groups == most_groups) {
      collect(workspace, n_a, n_b);
      groups = 0;
    }
  }
  collect(workspace, n_a, n_b);
}

void ExactLaneDots::collect(Workspace& workspace, std::size_t n_a, std::size_t n_b) {
  std::vector<Wide>& totals = workspace.totals;
  for (std::size_t k = 0; k < n_a + n_b; ++k) {
    for (std::size_t i = 0; i < lanes; ++i) totals[k] += workspace.columns.data()[lanes * k + i];
  }
  for (std::size_t l = 0; l < n_a; ++l) {
    for (std::size_t i = 0; i < lanes; ++i) {
      totals[n_b + l] -= workspace.excess.data()[lanes * l + i];
    }
  }
  std::fill_n(workspace.columns.data(), (n_a + n_b) * lanes, 0);
  std::fill_n(workspace.excess.data(), n_a * lanes, 0);
}

void ExactLaneDots::round_to(mpfr_ptr out, const LaneVector& a, const Grid& a_grid,
                             const LaneVector& b, const Grid& b_grid) {
  const std::size_t n = workspaces_[0].totals.size();
  limbs_.reserve(n);
  Wide carry = 0;
  for (std::size_t k = 0; k < n; ++k) {
    for (const Workspace& workspace : workspaces_) carry += workspace.totals[k];
    limbs_.data()[k] = static_cast<std::uint64_t>(carry) & mask52;
    carry >>= 52;
  }
  const bool negative = join52(words_, limbs_.data(), 1, n);
  round_limbs(out, words_.data(), words_.size(), negative, a_grid.low + b_grid.low);
  if (mpfr_zero_p(out) && all_negative_zeros(a, b)) mpfr_set_zero(out, -1);
}

void SequentialLaneDots::run(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                             const LaneKernels& kernels) {
  const std::size_t n_limbs = b.limbs();
  const std::size_t words = lanes * (n_limbs + 1);
  products_.reserve(b.groups() * words);
  for (std::size_t g = 0; g < b.groups(); ++g) {
    kernels.multiply(products_.data() + g * words, a.group(g), b.group(g), b.unused());
  }
  result_.reserve(n_limbs + 1);
  sequential_sum(n_limbs)(result_.data(), products_.data(), b.size(), b.unused());
  read_number(out, result_.data(), 1, n_limbs);
}

}  // namespace mpsharp
