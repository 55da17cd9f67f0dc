#include "rns_products.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "exact_dot.hpp"
#include "reference.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lanes = RnsKernels::lanes;

__extension__ typedef unsigned __int128 Wide;

std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// The most primes worth using: four times what numbers of one magnitude would need, and a little.
/// Beyond, a few entries of odd magnitude would make all the others slow and large.
std::size_t prime_limit(Bits a, Bits b, unsigned prime_bits) {
  const auto bits = static_cast<std::size_t>(a.value() + b.value());
  return std::min(RnsBasis::limit, 48 + 4 * bits / prime_bits);
}

}  // namespace

RnsProducts::RnsProducts(std::shared_ptr<const Matrix> matrix, const RnsKernels& kernels,
                         const NumberKernels& numbers, unsigned threads)
    : DenseProducts(std::move(matrix), Arithmetic::exact),
      kernels_(kernels),
      numbers_(numbers),
      entries_(*matrix_, kernels),
      pool_(threads),
      workspaces_(pool_.threads()),
      dots_(pool_.threads()) {}

void RnsProducts::apply(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply: x", columns(), x.size());
  check_length("apply: out", rows(), out.size());
  product(out, nullptr, x, false, RowChoice::all_of(*matrix_), poll);
}

void RnsProducts::apply_at_both(Vector& out, Vector& wide, const Vector& x,
                                const Poll& poll) const {
  check_length("apply_at_both: x", columns(), x.size());
  check_length("apply_at_both: out", rows(), out.size());
  check_length("apply_at_both: wide", rows(), wide.size());
  product(out, &wide, x, false, RowChoice::all_of(*matrix_), poll);
}

void RnsProducts::apply_transposed(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply_transposed: x", rows(), x.size());
  check_length("apply_transposed: out", columns(), out.size());
  product(out, nullptr, x, true, RowChoice::all_of(*matrix_), poll);
}

void RnsProducts::apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                             const Poll& poll) const {
  check_rows("apply_rows", x.size(), columns(), out.size(), rows.size(), rows);
  product(out, nullptr, x, false, RowChoice::of(rows), poll);
}

void RnsProducts::apply_transposed_rows(Vector& out, const Vector& z,
                                        std::span<const std::size_t> rows, const Poll& poll) const {
  check_rows("apply_transposed_rows", z.size(), rows.size(), out.size(), columns(), rows);
  product(out, nullptr, z, true, RowChoice::of(rows), poll);
}

void RnsProducts::round_sums(Span x, const Sum& sum, unsigned worker) const {
  std::vector<mp_limb_t>& words = workspaces_[worker].words;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool negative = join52(words, sum.limbs + i, lanes, sum.n_limbs);
    round_limbs(&x[i], words.data(), words.size(), negative, sum.exponent);
  }
}

void RnsProducts::product(Vector& out, Vector* wide, const Vector& x, bool transposed,
                          const RowChoice& rows, const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  const Grid grid = grid_of(x);
  const auto read = [&](std::uint64_t* limbs, std::size_t n_limbs, std::size_t group) {
    const std::size_t first = group * lanes;
    return split_numbers(limbs, n_limbs, x.span().subspan(first, std::min(lanes, x.size() - first)),
                         grid.low);
  };
  const auto write = [&](std::size_t group, const Sum& sum, unsigned worker) {
    const std::size_t first = group * lanes;
    const std::size_t count = std::min(lanes, out.size() - first);
    for (Vector* to : {&out, wide}) {
      if (to == nullptr) continue;
      round_sums(to->span().subspan(first, count), sum, worker);
      for (std::size_t i = first; i < first + count; ++i) {
        if (!mpfr_zero_p((*to)[i])) continue;
        const auto set = transposed ? set_zero_sum_of_column : set_zero_sum_of_row;
        set((*to)[i], *matrix_, rows, i, x);
      }
    }
  };
  if (!multiply(grid, x.size(), x.bits(), out.size(), transposed, rows, read, write, poll)) {
    scalar_product(out, x, transposed, rows, poll);
    if (wide != nullptr) scalar_product(*wide, x, transposed, rows, poll);
  }
}

const LaneKernels* RnsProducts::lane_kernels(Bits bits) const {
  const auto limbs = static_cast<std::size_t>((bits.value() + 51) / 52);
  return limbs <= SequentialKernel::max_limbs ? &numbers_.lanes(limbs) : nullptr;
}

bool RnsProducts::apply(LaneVector& out, Vector* wide, const LaneVector& x, bool transposed,
                        FunctionRef<void(std::size_t)> finish, const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  const LaneKernels& numbers = *lane_kernels(x.bits());
  const Grid grid = x.grid(numbers);
  const auto read = [&](std::uint64_t* limbs, std::size_t n_limbs, std::size_t group) {
    return numbers.integers(limbs, n_limbs, x.group(group), x.limbs(), grid.low);
  };
  const auto write = [&](std::size_t group, const Sum& sum, unsigned worker) {
    const std::size_t first = group * lanes;
    const std::size_t count = std::min(lanes, out.size() - first);
    if (wide != nullptr) round_sums(wide->span().subspan(first, count), sum, worker);
    const unsigned zeros = numbers.round_integers(out.group(group), sum.limbs, sum.n_limbs,
                                                  sum.exponent, (1U << count) - 1, out.unused());
    for (std::size_t i = 0; i < count; ++i) {
      if ((zeros >> i & 1U) != 0 && is_negative_zero(first + i, x, transposed)) {
        out.set_negative_zero(first + i);
        if (wide != nullptr) mpfr_set_zero((*wide)[first + i], -1);
      }
    }
    finish(group);
  };
  return multiply(grid, x.size(), x.bits(), out.size(), transposed, RowChoice::all_of(*matrix_),
                  read, write, poll);
}

bool RnsProducts::dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                      const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  return dots_.run(out, a, b, *lane_kernels(b.bits()), pool_, poll);
}

bool RnsProducts::is_negative_zero(std::size_t output, const LaneVector& x, bool transposed) const {
  for (std::size_t i = 0; i < x.size(); ++i) {
    mpfr_srcptr entry = transposed ? (*matrix_)(i, output) : (*matrix_)(output, i);
    if (!mpfr_zero_p(entry) && !x.is_zero(i)) return false;
    if ((mpfr_signbit(entry) != 0) == x.is_negative(i)) return false;
  }
  return x.size() > 0;
}

bool RnsProducts::multiply(const Grid& grid, std::size_t x_size, Bits x_bits, std::size_t out_size,
                           bool transposed, const RowChoice& rows, Read read, Write write,
                           const Poll& poll) const {
  const Grid& matrix_grid = entries_.grid();
  if (!grid.finite || !matrix_grid.finite || grid.empty || matrix_grid.empty) return false;
  // |sum of n products| < n 2^(widths) <= 2^bits.
  const std::uint64_t bits = matrix_grid.width() + grid.width() + std::bit_width(x_size);
  const std::size_t size = RnsBasis::size_for(bits, kernels_.prime_bits);
  if (size > prime_limit(matrix_->bits(), x_bits, kernels_.prime_bits)) return false;
  const RnsBasis::View basis = RnsBasis::of_size(size, kernels_.prime_bits).view();
  const bool is_split = entries_.prepare(basis, pool_, poll);
  const RnsMatrix::Packed& packed = entries_.rows(rows, is_split, size, pool_, poll);
  const std::size_t stride = round_up(x_size, lanes);
  convert(read, grid.limbs(), basis, stride, poll);
  if (is_split) find_starts(basis, stride, poll);

  const std::size_t piece_size = !transposed ? lanes
                                 : is_split  ? RnsKernels::split_max_width
                                             : RnsKernels::max_width;
  for (Workspace& workspace : workspaces_) {
    workspace.residues.reserve(size * piece_size);
    workspace.gathered.reserve(size * lanes);
    workspace.limbs.reserve((basis.n_limbs + 1) * lanes);
  }
  // Pieces of nearly equal size, so that threads end together.
  const std::size_t groups = (out_size + lanes - 1) / lanes;
  const std::size_t pieces = (out_size + piece_size - 1) / piece_size;
  const auto work = [&](std::size_t piece, unsigned worker) {
    Workspace& workspace = workspaces_[worker];
    const std::size_t first = piece * groups / pieces * lanes;
    const std::size_t count = std::min((piece + 1) * groups / pieces * lanes, out_size) - first;
    if (is_split) {
      split_piece(workspace.residues.data(), piece_size, packed, first, count, transposed, basis,
                  stride);
    } else {
      for (std::size_t q = 0; q < size; ++q) {
        std::uint64_t* to = workspace.residues.data() + q * piece_size;
        const std::uint64_t* entries = packed.residues[q].data();
        const std::uint64_t* right = vector_.data() + q * stride;
        if (transposed) {
          kernels_.columns(to, entries + first * kernels_.tile_rows,
                           entries_.stride() * kernels_.tile_rows, round_up(count, lanes), right,
                           stride, basis.c[q]);
        } else {
          for (std::size_t i = 0; i < count; i += kernels_.tile_rows) {
            kernels_.rows(to + i, entries + (first + i) * entries_.stride(), right, stride,
                          basis.c[q]);
          }
        }
      }
    }
    for (std::size_t start = 0; start < count; start += lanes) {
      const std::uint64_t* residues = workspace.residues.data();
      if (transposed) {
        for (std::size_t q = 0; q < size; ++q) {
          std::copy_n(residues + q * piece_size + start, lanes,
                      workspace.gathered.data() + q * lanes);
        }
        residues = workspace.gathered.data();
      }
      kernels_.reconstruct(workspace.limbs.data(), basis, residues);
      write((first + start) / lanes,
            {workspace.limbs.data(), basis.n_limbs + 1, matrix_grid.low + grid.low}, worker);
    }
  };
  pool_.run(pieces, work, poll);
  return true;
}

void RnsProducts::split_piece(std::uint64_t* out, std::size_t out_stride,
                              const RnsMatrix::Packed& packed, std::size_t first, std::size_t count,
                              bool transposed, const RnsBasis::View& basis,
                              std::size_t stride) const {
  const std::size_t tile_rows = kernels_.split_tile_rows;
  const std::size_t row_stride = entries_.stride() * tile_rows * (entries_.has_high() ? 2 : 1);
  for (std::size_t q = 0; q < basis.size; q += RnsKernels::split_primes) {
    const RnsKernels::Primes primes{std::min(RnsKernels::split_primes, basis.size - q), basis.c + q,
                                    start_.data() + q};
    const std::uint64_t* right = vector_.data() + q * stride;
    if (transposed) {
      const RnsKernels::Split entries{
          packed.split.data() + first * (row_stride / entries_.stride()), entries_.has_high()};
      kernels_.split_columns(out + q * out_stride, out_stride, entries, row_stride,
                             round_up(count, lanes), right, stride, stride, primes);
      continue;
    }
    for (std::size_t i = 0; i < count; i += tile_rows) {
      const RnsKernels::Split entries{packed.split.data() + (first + i) / tile_rows * row_stride,
                                      entries_.has_high()};
      kernels_.split_rows(out + q * lanes + i, entries, right, stride, stride, primes);
    }
  }
}

void RnsProducts::scalar_product(Vector& out, const Vector& x, bool transposed,
                                 const RowChoice& rows, const Poll& poll) const {
  const std::optional<Matrix> copied =
      rows.all() ? std::nullopt : std::optional<Matrix>(copy_rows(*matrix_, rows));
  const __mpfr_struct* entries = (copied ? *copied : *matrix_).entries().span().data();
  const auto work = [&](std::size_t i, unsigned /*worker*/) {
    if (transposed) {
      exact_dot(out[i], entries + i, columns(), x.span().data(), 1, rows.size());
    } else {
      exact_dot(out[i], entries + i * columns(), 1, x.span().data(), 1, columns());
    }
  };
  pool_.run(out.size(), work, poll);
}

void RnsProducts::find_starts(const RnsBasis::View& basis, std::size_t stride,
                              const Poll& poll) const {
  start_.resize(basis.size);
  const std::uint64_t width = entries_.grid().width();
  const std::size_t block = std::size_t{1} << (63 - kernels_.prime_bits);  // sums stay below 2^64
  const auto work = [&](std::size_t q, unsigned /*worker*/) {
    const std::uint64_t p = kernels_.prime_span() - basis.c[q];
    const std::uint64_t* residues = vector_.data() + q * stride;
    Wide sum = 0;
    for (std::size_t begin = 0; begin < stride; begin += block) {
      std::uint64_t part = 0;
      const std::size_t end = std::min(stride, begin + block);
      for (std::size_t j = begin; j < end; ++j) part += residues[j];
      sum += part;
    }
    // The primes hold more bits than the matrix is wide, so there is a weight for each of its
    // limbs.
    const Wide shift = static_cast<Wide>(basis.weights[q * basis.n_limbs + width / 52])
                       << (width % 52);
    const auto back = static_cast<std::uint64_t>((sum % p) * (shift % p) % p);
    start_[q] = back == 0 ? 0 : p - back;
  };
  pool_.run(basis.size, work, poll);
}

void RnsProducts::convert(Read read, std::size_t n_limbs, const RnsBasis::View& basis,
                          std::size_t stride, const Poll& poll) const {
  vector_.reserve(basis.size * stride);
  for (Workspace& workspace : workspaces_) workspace.limbs.reserve((n_limbs + 2) * lanes);
  const std::size_t groups = stride / lanes;
  const std::size_t pieces = worthwhile_pieces(groups, n_limbs * basis.size);
  const std::size_t piece_groups = (groups + pieces - 1) / pieces;
  const auto work = [&](std::size_t piece, unsigned worker) {
    std::uint64_t* limbs = workspaces_[worker].limbs.data();
    const std::size_t end = std::min(groups, (piece + 1) * piece_groups);
    for (std::size_t group = piece * piece_groups; group < end; ++group) {
      const unsigned negative = read(limbs, n_limbs, group);
      kernels_.residues(vector_.data() + group * lanes, stride, basis, 0, basis.size, limbs,
                        n_limbs, negative);
    }
  };
  pool_.run(pieces, work, poll);
}

}  // namespace mpsharp
