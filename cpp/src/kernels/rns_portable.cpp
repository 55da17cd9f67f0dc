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
    const std::uint64_t* weights = basis.weights + q * basis.n_limbs;
    const std::uint64_t c = basis.c[q];
    for (std::size_t half = 0; half < lanes; half += 4) {
      // At most 1109 products below 2^112.
      Wide s0 = 0;
      Wide s1 = 0;
      Wide s2 = 0;
      Wide s3 = 0;
      for (std::size_t l = 0; l < n_limbs; ++l) {
        const std::uint64_t weight = weights[l];
        const std::uint64_t* limb = limbs + lanes * l + half;
        s0 += static_cast<Wide>(limb[0]) * weight;
        s1 += static_cast<Wide>(limb[1]) * weight;
        s2 += static_cast<Wide>(limb[2]) * weight;
        s3 += static_cast<Wide>(limb[3]) * weight;
      }
      const Wide sums[4] = {s0, s1, s2, s3};
      for (std::size_t i = 0; i < 4; ++i) {
        const std::uint64_t r = reduce(sums[i], c);
        out[q * stride + half + i] = (negative >> (half + i) & 1U) != 0 ? two60 - c - r : r;
      }
    }
  }
}

// Tiles of one row: eight residues, or eight low words and the high words that belong to them.

/// start + sum_{j < n} x_j u[j] mod p, n a multiple of 8. A tile holds eight x_j, or with has_high
/// the low words of x_j = low + c high and then the high ones.
template <bool has_high>
inline std::uint64_t row(std::uint64_t start, const std::uint64_t* x, const std::uint64_t* u,
                         std::size_t n, std::uint64_t c) {
  constexpr std::size_t block = 2 * portable_fold;
  Wide even = start;  // two sums, so that an addition need not wait for the one before
  Wide odd = 0;
  const std::uint64_t* const last = u + n;
  while (u != last) {
    const std::size_t left = static_cast<std::size_t>(last - u);
    const std::uint64_t* const end = u + (left < block ? left : block);
    for (; u != end; u += lanes, x += has_high ? 2 * lanes : lanes) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < lanes; k += 2) {
        even += static_cast<Wide>(has_high ? x[k] + c * x[lanes + k] : x[k]) * u[k];
        odd += static_cast<Wide>(has_high ? x[k + 1] + c * x[lanes + k + 1] : x[k + 1]) * u[k + 1];
      }
    }
    even = fold(even, c);
    odd = fold(odd, c);
  }
  return reduce(even + odd, c);
}

void rows(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          std::uint64_t c) {
  out[0] = row<false>(0, x, u, n, c);
}

/// out[k] <- start + sum_{i < n} x_k(i) z[i] mod p for four columns; `left` reads x_k(i), k < 4.
template <class Left>
inline void four_columns(std::uint64_t* out, std::uint64_t start, const std::uint64_t* z,
                         std::size_t n, std::uint64_t c, const Left& left) {
  Wide s0 = start;
  Wide s1 = start;
  Wide s2 = start;
  Wide s3 = start;
  for (std::size_t begin = 0; begin < n; begin += portable_fold) {
    const std::size_t end = n - begin < portable_fold ? n : begin + portable_fold;
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t right = z[i];
      s0 += static_cast<Wide>(left(i, 0)) * right;
      s1 += static_cast<Wide>(left(i, 1)) * right;
      s2 += static_cast<Wide>(left(i, 2)) * right;
      s3 += static_cast<Wide>(left(i, 3)) * right;
    }
    s0 = fold(s0, c);
    s1 = fold(s1, c);
    s2 = fold(s2, c);
    s3 = fold(s3, c);
  }
  const Wide sums[4] = {s0, s1, s2, s3};
  for (int k = 0; k < 4; ++k) out[k] = reduce(sums[k], c);
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
  for (std::size_t q = 0; q < primes.count; ++q) {
    const auto function = x.has_high ? row<true> : row<false>;
    out[q * lanes] = function(primes.start[q], x.words, u + q * u_stride, n, primes.c[q]);
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

/// sums[l] <- sum_q y[q] M_q[l] for `count` limbs l of the cofactors from `cofactors` on.
template <std::size_t count>
inline void combine(Wide* sums, const std::uint64_t* y, const std::uint64_t* cofactors,
                    const RnsBasis::View& basis) {
  Wide s[count] = {};  // at most 960 products below 2^112
  for (std::size_t q = 0; q < basis.size; ++q, cofactors += basis.n_limbs) {
    for (std::size_t l = 0; l < count; ++l) s[l] += static_cast<Wide>(y[q]) * cofactors[l];
  }
  for (std::size_t l = 0; l < count; ++l) sums[l] = s[l];
}

void reconstruct(std::uint64_t* limbs, const RnsBasis::View& basis, const std::uint64_t* residues) {
  const std::size_t n_limbs = basis.n_limbs;
  for (std::size_t i = 0; i < lanes; ++i) {
    std::uint64_t y[RnsBasis::limit];
    double quotient = 0;
    for (std::size_t q = 0; q < basis.size; ++q) {
      y[q] = reduce(static_cast<Wide>(residues[lanes * q + i]) * basis.inverse[q], basis.c[q]);
      quotient += static_cast<double>(y[q]) * basis.reciprocal[q];
    }
    const auto k = static_cast<std::uint64_t>(std::floor(quotient + 0.5));
    SignedWide carry = 0;
    const auto write = [&](std::size_t l, Wide sum) {
      carry += static_cast<SignedWide>(sum);
      carry -= static_cast<SignedWide>(static_cast<Wide>(k) * basis.modulus[l]);
      limbs[lanes * l + i] = static_cast<std::uint64_t>(carry) & mask52;
      carry >>= 52;
    };
    std::size_t l = 0;
    for (; l + 4 <= n_limbs; l += 4) {
      Wide sums[4];
      combine<4>(sums, y, basis.cofactors + l, basis);
      for (std::size_t above = 0; above < 4; ++above) write(l + above, sums[above]);
    }
    for (; l < n_limbs; ++l) {
      Wide sum;
      combine<1>(&sum, y, basis.cofactors + l, basis);
      write(l, sum);
    }
    limbs[lanes * n_limbs + i] = static_cast<std::uint64_t>(carry) & mask52;
  }
}

}  // namespace

// Making a residue takes as long as using it, so they are stored up to 256 MiB.
const RnsKernels rns_portable = {
    portable_prime_bits, 1,          1, std::size_t{1} << 25, residues, rows, columns, split_rows,
    split_columns,       reconstruct};

}  // namespace mpsharp
