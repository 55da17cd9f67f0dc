#include "rns_matrix.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace mpsharp {

namespace {

constexpr std::size_t lanes = RnsKernels::lanes;

__extension__ typedef unsigned __int128 Wide;

std::size_t whole_vectors(std::size_t n) { return (n + lanes - 1) / lanes * lanes; }

}  // namespace

unsigned split_numbers(std::uint64_t* limbs, std::size_t n_limbs, ConstSpan numbers,
                       std::int64_t low) noexcept {
  unsigned negative = 0;
  for (std::size_t i = 0; i < lanes; ++i) {
    if (i < numbers.size()) {
      split52(limbs + i, lanes, n_limbs, &numbers[i], low);
      if (mpfr_signbit(&numbers[i]) && !mpfr_zero_p(&numbers[i])) negative |= 1U << i;
    } else {
      for (std::size_t l = 0; l < n_limbs; ++l) limbs[lanes * l + i] = 0;
    }
  }
  return negative;
}

RnsMatrix::RnsMatrix(const Matrix& matrix, const RnsKernels& kernels)
    : matrix_(matrix),
      kernels_(kernels),
      grid_(grid_of(matrix.entries())),
      padded_rows_(whole_vectors(matrix.rows())),
      stride_(whole_vectors(matrix.columns())) {}

bool RnsMatrix::prepare(const RnsBasis::View& basis, ThreadPool& pool, const Poll& poll) {
  const bool is_split = split_serves(basis);
  if (!is_split) {
    extend(basis, pool, poll);
  } else if (all_.split.size() == 0) {
    split(pool, poll);
  }
  return is_split;
}

bool RnsMatrix::split_serves(const RnsBasis::View& basis) const noexcept {
  if (padded_rows_ * stride_ * basis.size <= kernels_.max_stored_words) return false;
  // With primes below 2^k an integer in [0, 2^(width + 1)) has high < 2^(width + 1 - k), so
  // low + c high < 2^(k + 1) if c 2^(width + 1 - k) <= 2^k. The last c is the largest.
  const std::uint64_t width = grid_.width();
  const auto c_bits = static_cast<std::uint64_t>(std::bit_width(basis.c[basis.size - 1]));
  return width <= 104 && width + c_bits + 1 <= 2 * kernels_.prime_bits;
}

void RnsMatrix::split(ThreadPool& pool, const Poll& poll) {
  const std::uint64_t width = grid_.width();
  const std::size_t tile_rows = kernels_.split_tile_rows;
  const std::size_t parts = has_high() ? 2 : 1;
  AlignedWords split(padded_rows_ * stride_ * parts);
  const auto work = [&](std::size_t row, unsigned /*worker*/) {
    for (std::size_t j = 0; j < matrix_.columns(); ++j) {
      mpfr_srcptr entry = matrix_(row, j);
      std::uint64_t limbs[2];
      split52(limbs, 1, 2, entry, grid_.low);
      const Wide magnitude = static_cast<Wide>(limbs[1]) << 52 | limbs[0];
      const Wide shift = static_cast<Wide>(1) << width;
      const Wide value = mpfr_signbit(entry) != 0 ? shift - magnitude : shift + magnitude;
      std::uint64_t* to = split.data() + row / tile_rows * tile_rows * stride_ * parts +
                          j / lanes * tile_rows * lanes * parts + row % tile_rows * lanes +
                          j % lanes;
      to[0] = static_cast<std::uint64_t>(value) & (kernels_.prime_span() - 1);
      if (parts == 2)
        to[tile_rows * lanes] = static_cast<std::uint64_t>(value >> kernels_.prime_bits);
    }
  };
  pool.run(matrix_.rows(), work, poll);
  all_.split = std::move(split);
}

const RnsMatrix::Packed& RnsMatrix::rows(const RowChoice& rows, bool is_split, std::size_t primes,
                                         ThreadPool& pool, const Poll& poll) {
  if (rows.all()) return all_;
  if (!rows.same_as(batch_.rows)) {
    batch_.has_split = false;
    batch_.primes = 0;
    batch_.rows = rows.indices();
  }
  const std::size_t padded = whole_vectors(rows.size());
  Packed& packed = batch_.packed;
  const std::size_t first = is_split ? 0 : batch_.primes;
  const std::size_t last = is_split ? 1 : primes;
  if (is_split ? batch_.has_split : first >= last) return packed;
  const TileLayout layout{is_split ? kernels_.split_tile_rows : kernels_.tile_rows,
                          is_split && has_high() ? 2U : 1U, stride_};
  if (!is_split && packed.residues.size() < last) packed.residues.resize(last);
  const auto words = [is_split](auto& of, std::size_t q) -> auto& {
    return is_split ? of.split : of.residues[q];
  };
  for (std::size_t q = first; q < last; ++q) {
    words(packed, q).reserve(padded * stride_ * layout.parts);
  }
  const auto work = [&](std::size_t row, unsigned /*worker*/) {
    for (std::size_t q = first; q < last; ++q) {
      const bool there = row < rows.size();
      copy_packed_row(words(packed, q).data(), row, there ? words(all_, q).data() : nullptr,
                      there ? rows[row] : 0, layout);
    }
  };
  pool.run(padded, work, poll);
  if (is_split) {
    batch_.has_split = true;
  } else {
    batch_.primes = last;
  }
  return packed;
}

void RnsMatrix::extend(const RnsBasis::View& basis, ThreadPool& pool, const Poll& poll) {
  const std::size_t first = all_.residues.size();
  if (first >= basis.size) return;
  std::vector<AlignedWords> added;
  for (std::size_t q = first; q < basis.size; ++q) added.emplace_back(padded_rows_ * stride_);
  const std::size_t n_limbs = grid_.limbs();
  std::vector<AlignedWords> workspaces;
  for (unsigned i = 0; i < pool.threads(); ++i) workspaces.emplace_back(n_limbs * lanes);
  const auto place = [this](std::size_t i, std::size_t j) {
    const std::size_t tile_rows = kernels_.tile_rows;
    return i / tile_rows * tile_rows * stride_ + j * tile_rows + i % tile_rows * lanes;
  };
  const auto work = [&](std::size_t row, unsigned worker) {
    std::uint64_t* limbs = workspaces[worker].data();
    const ConstSpan numbers = matrix_.row(row);
    for (std::size_t j = 0; j < matrix_.columns(); j += lanes) {
      const unsigned negative = split_numbers(
          limbs, n_limbs, numbers.subspan(j, std::min(lanes, matrix_.columns() - j)), grid_.low);
      for (std::size_t q = first; q < basis.size; ++q) {
        kernels_.residues(added[q - first].data() + place(row, j), 0, basis, q, q + 1, limbs,
                          n_limbs, negative);
      }
    }
  };
  pool.run(matrix_.rows(), work, poll);
  for (AlignedWords& words : added) all_.residues.push_back(std::move(words));
}

}  // namespace mpsharp
