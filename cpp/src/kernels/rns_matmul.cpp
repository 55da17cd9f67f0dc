#include "rns_matmul.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "aligned.hpp"
#include "exact_dot.hpp"
#include "grid.hpp"
#include "thread_pool.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lanes = RnsKernels::lanes;
constexpr std::size_t panel_lines = MatmulKernel::lines;
constexpr std::size_t tile_words = panel_lines * panel_lines;

/// Terms of the sums of one call of the kernel: two panels of this length fit the second cache
/// many times.
constexpr std::size_t depth_block = MatmulKernel::depth;
/// A piece of work is at most this many panels square.
constexpr std::size_t block_panels = 4;
/// Words of packed residues of one factor that are held at once (256 MiB), and as many of the other
/// as are used at once: packed again and again in the same place, they stay in the cache.
constexpr std::size_t most_packed_words = std::size_t{1} << 25;
constexpr std::size_t stripe_words = std::size_t{1} << 19;

std::size_t divide_up(std::size_t n, std::size_t by) { return (n + by - 1) / by; }

/// Where lines lie on the integers: line i is a multiple of 2^low[i], and below 2^(low[i] + width).
struct Scale {
  std::vector<std::int64_t> low;
  std::vector<bool> usable;
  std::uint64_t width = 0;  ///< of the widest usable line

  [[nodiscard]] std::size_t limbs() const noexcept {
    return std::max<std::size_t>(1, static_cast<std::size_t>((width + 51) / 52));
  }
};

Grid grid_of_line(const Lines& lines, std::size_t i) {
  Grid all;
  for (std::size_t k = 0; k < lines.length; ++k) {
    const Grid one = grid_of(ConstSpan(lines.line(i) + k * lines.step, 1));
    if (!one.finite) return one;
    if (one.empty) continue;
    all.low = all.empty ? one.low : std::min(all.low, one.low);
    all.high = all.empty ? one.high : std::max(all.high, one.high);
    all.empty = false;
  }
  return all;
}

/// The widest grid worth using, as for a product with a vector: four times what numbers of one
/// magnitude would need, and some. Beyond, a few numbers of odd magnitude would make all others
/// slow and large.
Scale scale_of(const Lines& lines, ThreadPool& pool, const Poll& poll) {
  const std::uint64_t limit = 1200 + 4 * static_cast<std::uint64_t>(lines.bits.value());
  std::vector<Grid> grids(lines.count);
  pool.run(
      lines.count, [&](std::size_t i, unsigned /*worker*/) { grids[i] = grid_of_line(lines, i); },
      poll);
  Scale scale;
  for (const Grid& grid : grids) {
    const bool usable = grid.finite && grid.width() <= limit;
    scale.low.push_back(usable && !grid.empty ? grid.low : 0);
    scale.usable.push_back(usable);
    if (usable) scale.width = std::max(scale.width, grid.width());
  }
  return scale;
}

/// Residues of some panels of lines: word [((panel * primes + q) * length + k) * panel_lines + i].
class Packed {
 public:
  [[nodiscard]] const std::uint64_t* at(std::size_t panel, std::size_t q, std::size_t k) const {
    return words_.data() + (((panel - first_) * primes_ + q) * length_ + k) * panel_lines;
  }

  void pack(const Lines& lines, const Scale& scale, const RnsBasis::View& basis,
            const RnsKernels& kernels, std::size_t first, std::size_t last, ThreadPool& pool,
            const Poll& poll) {
    first_ = first;
    primes_ = basis.size;
    length_ = lines.length;
    const std::size_t panel_words = basis.size * lines.length * panel_lines;
    if (words_.size() < (last - first) * panel_words) {
      words_ = AlignedWords::unset((last - first) * panel_words);
    }
    constexpr std::size_t terms = 64;  // of one piece
    const std::size_t parts = divide_up(lines.length, terms);
    const std::size_t n_limbs = scale.limbs();
    std::vector<AlignedWords> limbs(pool.threads());
    const auto work = [&](std::size_t piece, unsigned worker) {
      limbs[worker].reserve(n_limbs * lanes);
      const std::size_t panel = piece / parts;
      const std::size_t begin = piece % parts * terms;
      const std::size_t end = std::min(lines.length, begin + terms);
      std::uint64_t* to = words_.data() + panel * panel_words;
      for (std::size_t i = 0; i < panel_lines; i += lanes) {
        const std::size_t line = (first + panel) * panel_lines + i;
        if (line >= lines.count) break;  // never read
        for (std::size_t k = begin; k < end; ++k) {
          const unsigned negative = split(limbs[worker].data(), n_limbs, lines, scale, line, k);
          kernels.residues(to + k * panel_lines + i, lines.length * panel_lines, basis, 0,
                           basis.size, limbs[worker].data(), n_limbs, negative);
        }
      }
    };
    pool.run((last - first) * parts, work, poll);
  }

 private:
  /// Number k of the eight lines from `line` on, as limbs[8 l + i]; returns their signs as bits.
  static unsigned split(std::uint64_t* limbs, std::size_t n_limbs, const Lines& lines,
                        const Scale& scale, std::size_t line, std::size_t k) {
    unsigned negative = 0;
    for (std::size_t i = 0; i < lanes; ++i) {
      if (line + i >= lines.count || !scale.usable[line + i]) {
        for (std::size_t l = 0; l < n_limbs; ++l) limbs[lanes * l + i] = 0;
        continue;
      }
      mpfr_srcptr x = lines.line(line + i) + k * lines.step;
      split52(limbs + i, lanes, n_limbs, x, scale.low[line + i]);
      if (mpfr_signbit(x) && !mpfr_zero_p(x)) negative |= 1U << i;
    }
    return negative;
  }

  std::size_t first_ = 0;
  std::size_t primes_ = 0;
  std::size_t length_ = 0;
  AlignedWords words_;
};

/// What all pieces of one product share.
class Product {
 public:
  Product(Matrix& out, const Lines& a, const Lines& b, bool symmetric, const RnsKernels& kernels,
          const MatmulKernel& matmul, unsigned threads, const Poll& poll)
      : out_(out),
        a_(a),
        b_(b),
        symmetric_(symmetric),
        kernels_(kernels),
        matmul_(matmul),
        pool_(threads),
        poll_(poll),
        workspaces_(pool_.threads()) {}

  void compute() {
    a_scale_ = scale_of(a_, pool_, poll_);
    if (!symmetric_) b_scale_ = scale_of(b_, pool_, poll_);
    // |sum of n products| < n 2^(widths) <= 2^bits.
    const std::size_t size = RnsBasis::size_for(
        a_scale_.width + b_scale().width + static_cast<std::uint64_t>(std::bit_width(a_.length)),
        kernels_.prime_bits);
    if (a_.length == 0 || size > RnsBasis::limit) return compute_one_by_one();
    basis_ = RnsBasis::of_size(size, kernels_.prime_bits).view();

    const std::size_t a_panels = divide_up(a_.count, panel_lines);
    const std::size_t b_panels = divide_up(b_.count, panel_lines);
    const std::size_t panel_words = size * a_.length * panel_lines;
    const auto panels_in = [panel_words](std::size_t words) {
      return std::max<std::size_t>(1, words / (panel_words * block_panels)) * block_panels;
    };
    const std::size_t b_stripe = panels_in(most_packed_words);
    // What is left of b is packed again for every stripe of a, unless it is all there.
    const bool whole = !symmetric_ && b_stripe >= b_panels;
    const std::size_t a_stripe =
        whole ? std::max(panels_in(stripe_words), block_panels * pool_.threads()) : b_stripe;
    for (std::size_t i = 0; i < a_panels; i += a_stripe) {
      const Range rows{i, std::min(i + a_stripe, a_panels)};
      a_packed_.pack(a_, a_scale_, basis_, kernels_, rows.first, rows.last, pool_, poll_);
      for (std::size_t j = 0; j < (symmetric_ ? rows.last : b_panels); j += b_stripe) {
        const Range columns{j, std::min(j + b_stripe, b_panels)};
        const bool same = symmetric_ && i == j;
        if (!same && (i == 0 || !whole)) {
          b_packed_.pack(b_, b_scale(), basis_, kernels_, columns.first, columns.last, pool_,
                         poll_);
        }
        multiply(rows, columns, same ? a_packed_ : b_packed_);
      }
    }
  }

 private:
  struct Range {
    std::size_t first;
    std::size_t last;
  };
  struct Workspace {
    AlignedWords residues;  ///< [prime][tile][output]
    AlignedWords limbs;     ///< of eight reconstructed integers
    AlignedWords gathered;  ///< [prime][8] of those outputs
    std::vector<mp_limb_t> words;
  };

  [[nodiscard]] const Scale& b_scale() const { return symmetric_ ? a_scale_ : b_scale_; }

  void one(std::size_t i, std::size_t j) {
    exact_dot(out_(i, j), a_.line(i), a_.step, b_.line(j), b_.step, a_.length);
    if (symmetric_ && i != j) mpfr_set(out_(j, i), out_(i, j), MPFR_RNDN);
  }

  void compute_one_by_one() {
    const auto row = [&](std::size_t i, unsigned /*worker*/) {
      for (std::size_t j = 0; j < (symmetric_ ? i + 1 : b_.count); ++j) one(i, j);
    };
    pool_.run(a_.count, row, poll_);
  }

  /// The outputs of these panels of lines.
  void multiply(Range rows, Range columns, const Packed& b_packed) {
    // Large blocks read less memory, small ones can be shared.
    std::size_t block = block_panels;
    const auto pieces_of = [&](std::size_t size) {
      return divide_up(rows.last - rows.first, size) *
             divide_up(columns.last - columns.first, size);
    };
    while (block > 1 && pool_.threads() > 1 && pieces_of(block) < 8 * pool_.threads()) --block;
    const std::size_t across = divide_up(columns.last - columns.first, block);
    const auto work = [&](std::size_t piece, unsigned worker) {
      const std::size_t i = rows.first + piece / across * block;
      const std::size_t j = columns.first + piece % across * block;
      if (symmetric_ && j >= i + block) return;
      multiply_block({i, std::min(i + block, rows.last)}, {j, std::min(j + block, columns.last)},
                     b_packed, workspaces_[worker]);
    };
    pool_.run(pieces_of(block), work, poll_);
  }

  void multiply_block(Range rows, Range columns, const Packed& b_packed, Workspace& workspace) {
    const std::size_t width = columns.last - columns.first;
    const std::size_t words = (rows.last - rows.first) * width * tile_words;
    if (workspace.residues.size() < basis_.size * words) {
      workspace.residues = AlignedWords::unset(basis_.size * words);
    }
    workspace.gathered.reserve(basis_.size * lanes);
    workspace.limbs.reserve((basis_.n_limbs + 1) * lanes);
    std::fill_n(workspace.residues.data(), basis_.size * words, 0);
    for (std::size_t q = 0; q < basis_.size; ++q) {
      for (std::size_t k = 0; k < a_.length; k += depth_block) {
        const std::size_t n = std::min(depth_block, a_.length - k);
        for (std::size_t i = rows.first; i < rows.last; ++i) {
          for (std::size_t j = columns.first; j < columns.last; ++j) {
            if (symmetric_ && j > i) break;
            std::uint64_t* to = workspace.residues.data() + q * words +
                                ((i - rows.first) * width + j - columns.first) * tile_words;
            matmul_.tile(to, a_packed_.at(i, q, k), b_packed.at(j, q, k), n,
                         std::min(panel_lines, a_.count - i * panel_lines),
                         std::min(panel_lines, b_.count - j * panel_lines), basis_.c[q]);
          }
        }
      }
    }
    for (std::size_t i = rows.first; i < rows.last; ++i) {
      for (std::size_t j = columns.first; j < columns.last; ++j) {
        if (symmetric_ && j > i) break;
        const std::uint64_t* from =
            workspace.residues.data() + ((i - rows.first) * width + j - columns.first) * tile_words;
        finish_tile(i * panel_lines, j * panel_lines, from, words, workspace);
      }
    }
  }

  /// Rounds the outputs of a tile; the residues of one prime are `stride` after those of the last.
  void finish_tile(std::size_t first_row, std::size_t first_column, const std::uint64_t* residues,
                   std::size_t stride, Workspace& workspace) {
    const std::size_t last_row = std::min(a_.count, first_row + panel_lines);
    const std::size_t last_column = std::min(b_.count, first_column + panel_lines);
    for (std::size_t i = first_row; i < last_row; ++i, residues += panel_lines) {
      const std::size_t end = symmetric_ ? std::min(i + 1, last_column) : last_column;
      for (std::size_t j = first_column; j < end; j += lanes) {
        for (std::size_t q = 0; q < basis_.size; ++q) {
          std::copy_n(residues + q * stride + j - first_column, lanes,
                      workspace.gathered.data() + q * lanes);
        }
        kernels_.reconstruct(workspace.limbs.data(), basis_, workspace.gathered.data());
        for (std::size_t lane = 0; lane < std::min(lanes, end - j); ++lane) {
          round(i, j + lane, lane, workspace);
        }
      }
    }
  }

  void round(std::size_t i, std::size_t j, std::size_t lane, Workspace& workspace) {
    if (!a_scale_.usable[i] || !b_scale().usable[j]) return one(i, j);
    const bool negative =
        join52(workspace.words, workspace.limbs.data() + lane, lanes, basis_.n_limbs + 1);
    mpfr_ptr result = out_(i, j);
    round_limbs(result, workspace.words.data(), workspace.words.size(), negative,
                a_scale_.low[i] + b_scale().low[j]);
    if (mpfr_zero_p(result)) {
      set_zero_sum(result, a_.line(i), a_.step, b_.line(j), b_.step, a_.length);
    }
    if (symmetric_ && i != j) mpfr_set(out_(j, i), result, MPFR_RNDN);
  }

  Matrix& out_;
  const Lines a_;
  const Lines b_;
  const bool symmetric_;
  const RnsKernels& kernels_;
  const MatmulKernel& matmul_;
  ThreadPool pool_;
  const Poll& poll_;
  std::vector<Workspace> workspaces_;
  Scale a_scale_;
  Scale b_scale_;
  RnsBasis::View basis_{};
  Packed a_packed_;
  Packed b_packed_;
};

}  // namespace

void rns_multiply(Matrix& out, const Lines& a, const Lines& b, bool symmetric,
                  const RnsKernels& kernels, const MatmulKernel& matmul, unsigned threads,
                  const Poll& poll) {
  Product(out, a, b, symmetric, kernels, matmul, threads, poll).compute();
}

}  // namespace mpsharp
