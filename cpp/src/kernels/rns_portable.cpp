#include <cmath>

#include "portable_words.hpp"
#include "rns_kernels.hpp"

namespace mpsharp {

namespace {

__extension__ typedef __int128 SignedWide;

constexpr std::size_t lanes = RnsKernels::lanes;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;

void residues(std::uint64_t* out, std::size_t stride, const RnsBasis::View& basis,
              std::size_t first, std::size_t last, const std::uint64_t* limbs, std::size_t n_limbs,
              unsigned negative) {
  for (std::size_t q = first; q < last; ++q) {
    const std::uint64_t* weights = basis.weights + q * (basis.size + 1);
    for (std::size_t i = 0; i < lanes; ++i) {
      Wide sum = 0;
      for (std::size_t l = 0; l < n_limbs; ++l) {
        sum += static_cast<Wide>(limbs[lanes * l + i]) * weights[l];
      }
      const std::uint64_t r = reduce(sum, basis.c[q]);
      out[q * stride + i] = (negative >> i & 1U) != 0 ? two51 - basis.c[q] - r : r;
    }
  }
}

// Tiles of one row: eight residues, or eight low words and the high words that belong to them.

void rows(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          std::uint64_t c) {
  std::uint64_t result = 0;
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Wide even = 0;  // two sums, so that an addition need not wait for the one before
    Wide odd = 0;
    for (std::size_t j = begin; j < end; j += 4) {
      even += static_cast<Wide>(x[j]) * u[j];
      odd += static_cast<Wide>(x[j + 1]) * u[j + 1];
      even += static_cast<Wide>(x[j + 2]) * u[j + 2];
      odd += static_cast<Wide>(x[j + 3]) * u[j + 3];
    }
    result = add_mod(result, reduce(even + odd, c), c);
  }
  out[0] = result;
}

/// out[k] <- start + sum_{i < n} x_k(i) z[i] mod p for four columns; `left` reads x_k(i), k < 4.
template <class Left>
inline void four_columns(std::uint64_t* out, std::uint64_t start, const std::uint64_t* z,
                         std::size_t n, std::uint64_t c, const Left& left) {
  std::uint64_t result[4] = {start, start, start, start};
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Wide s0 = 0;
    Wide s1 = 0;
    Wide s2 = 0;
    Wide s3 = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t right = z[i];
      s0 += static_cast<Wide>(left(i, 0)) * right;
      s1 += static_cast<Wide>(left(i, 1)) * right;
      s2 += static_cast<Wide>(left(i, 2)) * right;
      s3 += static_cast<Wide>(left(i, 3)) * right;
    }
    const Wide sums[4] = {s0, s1, s2, s3};
    for (int k = 0; k < 4; ++k) result[k] = add_mod(result[k], reduce(sums[k], c), c);
  }
  for (int k = 0; k < 4; ++k) out[k] = result[k];
}

void columns(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride, std::size_t width,
             const std::uint64_t* z, std::size_t n, std::uint64_t c) {
  for (std::size_t j = 0; j < width; j += 4) {
    four_columns(out + j, 0, z, n, c, [=](std::size_t i, std::size_t k) {
      const std::uint64_t* at = x + i * row_stride + j;
      if (k == 0) __builtin_prefetch(at + lanes);  // for the columns to come; rows are far apart
      return at[k];
    });
  }
}

void split_rows(std::uint64_t* out, const RnsKernels::Split& x, const std::uint64_t* u,
                std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const std::size_t tile = x.has_high ? 2 * lanes : lanes;
  for (std::size_t q = 0; q < primes.count; ++q) {
    const std::uint64_t c = primes.c[q];
    std::uint64_t result = primes.start[q];
    for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
      const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
      Wide even = 0;
      Wide odd = 0;
      for (std::size_t j = begin; j < end; j += lanes) {
        const std::uint64_t* low = x.words + j / lanes * tile;
        const std::uint64_t* high = low + lanes;
        const std::uint64_t* right = u + q * u_stride + j;
        for (std::size_t k = 0; k < lanes; k += 2) {
          even += static_cast<Wide>(x.has_high ? low[k] + c * high[k] : low[k]) * right[k];
          odd += static_cast<Wide>(x.has_high ? low[k + 1] + c * high[k + 1] : low[k + 1]) *
                 right[k + 1];
        }
      }
      result = add_mod(result, reduce(even + odd, c), c);
    }
    out[q * lanes] = result;
  }
}

void split_columns(std::uint64_t* out, std::size_t out_stride, const RnsKernels::Split& x,
                   std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                   std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const std::size_t tile = x.has_high ? 2 * lanes : lanes;
  for (std::size_t q = 0; q < primes.count; ++q) {
    const std::uint64_t c = primes.c[q];
    for (std::size_t j = 0; j < width; j += 4) {
      const std::uint64_t* column = x.words + j / lanes * tile + j % lanes;
      const bool has_high = x.has_high;
      four_columns(
          out + q * out_stride + j, primes.start[q], z + q * z_stride, n, c,
          [=](std::size_t i, std::size_t k) {
            const std::uint64_t* at = column + i * row_stride;
            if (k == 0)
              __builtin_prefetch(at + lanes);  // for the columns to come; rows are far apart
            return has_high ? at[k] + c * at[lanes + k] : at[k];
          });
    }
  }
}

void reconstruct(std::uint64_t* limbs, const RnsBasis::View& basis, const std::uint64_t* residues) {
  const std::size_t n_limbs = basis.size + 1;
  for (std::size_t l = 0; l < lanes * (n_limbs + 1); ++l) limbs[l] = 0;
  for (std::size_t i = 0; i < lanes; ++i) {
    double quotient = 0;
    for (std::size_t q = 0; q < basis.size; ++q) {
      const std::uint64_t y =
          reduce(static_cast<Wide>(residues[lanes * q + i]) * basis.inverse[q], basis.c[q]);
      quotient += static_cast<double>(y) * basis.reciprocal[q];
      const std::uint64_t* cofactor = basis.cofactors + q * n_limbs;
      Wide carry = 0;
      for (std::size_t l = 0; l < n_limbs; ++l) {
        carry += static_cast<Wide>(y) * cofactor[l] + limbs[lanes * l + i];
        limbs[lanes * l + i] = static_cast<std::uint64_t>(carry) & mask52;
        carry >>= 52;
      }
      limbs[lanes * n_limbs + i] += static_cast<std::uint64_t>(carry);
    }
    const auto k = static_cast<std::int64_t>(std::floor(quotient + 0.5));
    SignedWide carry = 0;
    for (std::size_t l = 0; l <= n_limbs; ++l) {
      carry += static_cast<SignedWide>(limbs[lanes * l + i]);
      if (l < n_limbs)
        carry -= static_cast<SignedWide>(k) * static_cast<SignedWide>(basis.modulus[l]);
      limbs[lanes * l + i] = static_cast<std::uint64_t>(carry) & mask52;
      carry >>= 52;
    }
  }
}

}  // namespace

// Making a residue takes as long as using it, so they are stored up to 256 MiB.
const RnsKernels rns_portable = {1,       1,          std::size_t{1} << 25, residues,   rows,
                                 columns, split_rows, split_columns,        reconstruct};

}  // namespace mpsharp
