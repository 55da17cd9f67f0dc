#include "sequential_products.hpp"

#include <algorithm>
#include <utility>

#include "exact_dot.hpp"
#include "grid.hpp"
#include "lane_vector.hpp"
#include "reference.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lanes = SequentialKernel::lanes;

/// Limbs of 52 bits that hold any of these significands, at least 1. @pre finite
std::size_t significand_limbs(ConstSpan numbers) {
  std::int64_t bits = 1;
  for (const __mpfr_struct& x : numbers) {
    if (mpfr_regular_p(&x)) bits = std::max(bits, mpfr_get_exp(&x) - lowest_bit(&x));
  }
  return static_cast<std::size_t>((bits + 51) / 52);
}

}  // namespace

SequentialProducts::SequentialProducts(std::shared_ptr<const Matrix> matrix,
                                       const NumberKernels& numbers, unsigned threads)
    : DenseProducts(std::move(matrix), Arithmetic::sequential),
      numbers_(numbers),
      usable_(grid_of(matrix_->entries()).finite),
      matrix_limbs_(usable_ ? significand_limbs(matrix_->entries()) : 0),
      pool_(threads),
      workspaces_(pool_.threads()) {}

void SequentialProducts::apply(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply: x", columns(), x.size());
  check_length("apply: out", rows(), out.size());
  product(out, x, false, RowChoice::all_of(*matrix_), poll);
}

void SequentialProducts::apply_transposed(Vector& out, const Vector& x, const Poll& poll) const {
  check_length("apply_transposed: x", rows(), x.size());
  check_length("apply_transposed: out", columns(), out.size());
  product(out, x, true, RowChoice::all_of(*matrix_), poll);
}

void SequentialProducts::apply_rows(Vector& out, const Vector& x, std::span<const std::size_t> rows,
                                    const Poll& poll) const {
  check_rows("apply_rows", x.size(), columns(), out.size(), rows.size(), rows);
  product(out, x, false, RowChoice::of(rows), poll);
}

void SequentialProducts::apply_transposed_rows(Vector& out, const Vector& z,
                                               std::span<const std::size_t> rows,
                                               const Poll& poll) const {
  check_rows("apply_transposed_rows", z.size(), rows.size(), out.size(), columns(), rows);
  product(out, z, true, RowChoice::of(rows), poll);
}

void SequentialProducts::scalar_product(Vector& out, const Vector& x, bool transposed,
                                        const RowChoice& rows, const Poll& poll) const {
  if (!transposed) {
    const auto row = [&](std::size_t i, unsigned /*worker*/) {
      reference_sequential_dot(out[i], matrix_->row(rows[i]).data(), 1, x.span().data(), 1,
                               x.size());
    };
    pool_.run(out.size(), row, poll);
    return;
  }
  // Some columns at a time, row by row: entries are read in the order in which they lie.
  constexpr std::size_t piece_size = 32;
  const auto some_columns = [&](std::size_t piece, unsigned /*worker*/) {
    const std::size_t end = std::min(columns(), (piece + 1) * piece_size);
    Mpfr product(out.bits());
    for (std::size_t j = piece * piece_size; j < end; ++j) mpfr_set_zero(out[j], 1);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = piece * piece_size; j < end; ++j) {
        mpfr_mul(product, (*matrix_)(rows[i], j), x[i], MPFR_RNDN);
        mpfr_add(out[j], out[j], product, MPFR_RNDN);
      }
    }
  };
  pool_.run((columns() + piece_size - 1) / piece_size, some_columns, poll);
}

void SequentialProducts::product(Vector& out, const Vector& x, bool transposed,
                                 const RowChoice& rows, const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  const auto bits = static_cast<std::size_t>(out.bits().value());
  const std::size_t n_limbs = (bits + 51) / 52;
  if (!usable_ || n_limbs > SequentialKernel::max_limbs || matrix_limbs_ > n_limbs ||
      !grid_of(x).finite || significand_limbs(x) > n_limbs) {
    return scalar_product(out, x, transposed, rows, poll);
  }
  vector_.reserve(x.size() * (n_limbs + 1));
  for (std::size_t j = 0; j < x.size(); ++j) {
    write_number(vector_.data() + j * (n_limbs + 1), 1, n_limbs, x[j]);
  }
  const auto write = [&](std::size_t group, const std::uint64_t* numbers) {
    const std::size_t first = group * lanes;
    for (std::size_t i = 0; i < std::min(lanes, out.size() - first); ++i) {
      read_number(out[first + i], numbers + i, lanes, n_limbs);
    }
  };
  const auto place = [&](std::size_t /*group*/, unsigned worker) {
    workspaces_[worker].reserve((n_limbs + 1) * lanes);
    return workspaces_[worker].data();
  };
  multiply(bits, x.size(), out.size(), transposed, rows, place, write, poll);
}

const LaneKernels* SequentialProducts::lane_kernels(Bits bits) const {
  const auto limbs = static_cast<std::size_t>((bits.value() + 51) / 52);
  if (!usable_ || limbs > SequentialKernel::max_limbs || matrix_limbs_ > limbs) return nullptr;
  return &numbers_.lanes(limbs);
}

bool SequentialProducts::apply(LaneVector& out, Vector* /*wide*/, const LaneVector& x,
                               bool transposed, FunctionRef<void(std::size_t)> finish,
                               const Poll& poll) const {
  const std::lock_guard lock(mutex_);
  vector_.reserve(x.size() * (x.limbs() + 1));
  std::uint64_t* to = vector_.data();
  for (std::size_t j = 0; j < x.size(); ++j) {
    const std::uint64_t* from = x.number(j);
    for (std::size_t l = 0; l <= x.limbs(); ++l) *to++ = from[lanes * l];
  }
  const auto place = [&](std::size_t group, unsigned /*worker*/) { return out.group(group); };
  const auto write = [&](std::size_t group, const std::uint64_t* /*numbers*/) { finish(group); };
  multiply(static_cast<std::size_t>(x.bits().value()), x.size(), out.size(), transposed,
           RowChoice::all_of(*matrix_), place, write, poll);
  return true;
}

bool SequentialProducts::dot(mpfr_ptr out, const LaneVector& a, const LaneVector& b,
                             const Poll& /*poll*/) const {
  const std::lock_guard lock(mutex_);
  dots_.run(out, a, b, *lane_kernels(b.bits()));
  return true;
}

void SequentialProducts::multiply(std::size_t bits, std::size_t x_size, std::size_t out_size,
                                  bool transposed, const RowChoice& rows, Place place, Write write,
                                  const Poll& poll) const {
  const std::size_t n_limbs = (bits + 51) / 52;
  const SequentialKernel kernel = numbers_.sequential(n_limbs, matrix_limbs_);
  const Packed& packed = packed_rows(rows, kernel.matrix_limbs, transposed, poll);
  const auto work = [&](std::size_t block, unsigned worker) {
    std::uint64_t* result = place(block, worker);
    kernel.dot8(result, packed.blocks[block].data(), vector_.data(), x_size,
                static_cast<unsigned>(52 * n_limbs - bits),
                std::min(lanes, out_size - block * lanes));
    write(block, result);
  };
  pool_.run((out_size + lanes - 1) / lanes, work, poll);
}

const SequentialProducts::Packed& SequentialProducts::packed_rows(const RowChoice& rows,
                                                                  std::size_t limbs,
                                                                  bool transposed,
                                                                  const Poll& poll) const {
  if (rows.all()) {
    Packed& all = transposed ? transposed_ : direct_;
    if (all.limbs != limbs) pack(all, limbs, transposed, poll);
    return all;
  }
  if (by_row_.limbs != limbs) pack_rows(limbs, poll);
  if (!rows.same_as(batch_rows_)) {
    batch_direct_.limbs = batch_transposed_.limbs = 0;
    batch_rows_ = rows.indices();
  }
  Packed& batch = transposed ? batch_transposed_ : batch_direct_;
  if (batch.limbs != limbs) gather(batch, rows, transposed, poll);
  return batch;
}

void SequentialProducts::pack_rows(std::size_t limbs, const Poll& poll) const {
  by_row_.limbs = 0;
  by_row_.blocks.resize(rows());
  const std::size_t stride = (columns() + lanes - 1) / lanes * lanes;
  const auto work = [&](std::size_t row, unsigned /*worker*/) {
    AlignedWords words(stride * (limbs + 1));
    for (std::size_t j = 0; j < stride; ++j) {
      std::uint64_t* to = words.data() + j / lanes * lanes * (limbs + 1) + j % lanes;
      if (j < columns()) {
        write_number(to, lanes, limbs, (*matrix_)(row, j));
      } else {
        to[limbs * lanes] = static_cast<std::uint64_t>(SequentialKernel::zero_exponent);
      }
    }
    by_row_.blocks[row] = std::move(words);
  };
  pool_.run(rows(), work, poll);
  by_row_.limbs = limbs;
}

void SequentialProducts::gather(Packed& packed, const RowChoice& rows, bool transposed,
                                const Poll& poll) const {
  packed.limbs = 0;
  const std::size_t words = by_row_.limbs + 1;  // of an entry
  const std::size_t outputs = transposed ? columns() : rows.size();
  const std::size_t terms = transposed ? rows.size() : columns();
  const std::size_t n_blocks = (outputs + lanes - 1) / lanes;
  if (packed.blocks.size() < n_blocks) packed.blocks.resize(n_blocks);
  const auto entries = [&](std::size_t i, std::size_t j) {
    return by_row_.blocks[rows[i]].data() + j * words;
  };
  if (transposed) {
    constexpr std::size_t together = 8;  // blocks, so that a row is read some pages at a time
    const auto copy_blocks = [&](std::size_t piece, unsigned /*worker*/) {
      const std::size_t first = piece * together;
      const std::size_t last = std::min(n_blocks, first + together);
      for (std::size_t block = first; block < last; ++block) {
        packed.blocks[block].reserve(terms * words * lanes);
      }
      for (std::size_t i = 0; i < terms; ++i) {
        for (std::size_t block = first; block < last; ++block) {
          std::copy_n(entries(i, block * lanes), words * lanes,
                      packed.blocks[block].data() + i * words * lanes);
        }
      }
    };
    pool_.run((n_blocks + together - 1) / together, copy_blocks, poll);
  } else {
    // Eight rows by eight columns at a time, each word of their entries is a small matrix to be
    // transposed. Missing rows are zeros.
    const auto interleave = [&](std::size_t block, unsigned /*worker*/) {
      AlignedWords& to = packed.blocks[block];
      to.reserve(terms * words * lanes);
      const std::size_t first = block * lanes;
      const std::size_t count = std::min(lanes, outputs - first);
      for (std::size_t j = 0; j < terms; j += lanes) {
        std::uint64_t* tile = to.data() + j * words * lanes;
        const std::size_t width = std::min(lanes, terms - j);
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint64_t* from = entries(first + i, j);
          for (std::size_t w = 0; w < words; ++w) {
            for (std::size_t k = 0; k < width; ++k) {
              tile[(k * words + w) * lanes + i] = from[w * lanes + k];
            }
          }
        }
        for (std::size_t i = count; i < lanes; ++i) {
          for (std::size_t k = 0; k < width; ++k) {
            std::uint64_t* entry = tile + k * words * lanes + i;
            for (std::size_t w = 0; w + 1 < words; ++w) entry[w * lanes] = 0;
            entry[(words - 1) * lanes] =
                static_cast<std::uint64_t>(SequentialKernel::zero_exponent);
          }
        }
      }
    };
    pool_.run(n_blocks, interleave, poll);
  }
  packed.limbs = by_row_.limbs;
}

void SequentialProducts::pack(Packed& packed, std::size_t limbs, bool transposed,
                              const Poll& poll) const {
  const std::size_t outputs = transposed ? columns() : rows();
  const std::size_t terms = transposed ? rows() : columns();
  std::vector<AlignedWords> blocks((outputs + lanes - 1) / lanes);
  const auto work = [&](std::size_t block, unsigned /*worker*/) {
    AlignedWords words(terms * (limbs + 1) * lanes);
    const std::size_t first = block * lanes;
    const std::size_t count = std::min(lanes, outputs - first);
    for (std::size_t j = 0; j < terms; ++j) {
      for (std::size_t i = 0; i < lanes; ++i) {
        std::uint64_t* to = words.data() + j * (limbs + 1) * lanes + i;
        if (i < count) {
          write_number(to, lanes, limbs,
                       transposed ? (*matrix_)(j, first + i) : (*matrix_)(first + i, j));
        } else {
          to[limbs * lanes] = static_cast<std::uint64_t>(SequentialKernel::zero_exponent);
        }
      }
    }
    blocks[block] = std::move(words);
  };
  pool_.run(blocks.size(), work, poll);
  packed = {limbs, std::move(blocks)};
}

}  // namespace mpsharp
