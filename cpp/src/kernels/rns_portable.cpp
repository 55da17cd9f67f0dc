#include <cmath>

#include "rns_kernels.hpp"

namespace mpsharp {

namespace {

__extension__ typedef unsigned __int128 Wide;
__extension__ typedef __int128 SignedWide;

constexpr std::size_t lanes = RnsKernels::lanes;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t two51 = std::uint64_t{1} << 51;

/// value mod p = 2^51 - c, in [0, p). @pre value < 2^115, c < 2^18
///
/// 2^51 = c, so folding the bits from 51 up leaves less than 2^64 * 2^18 + 2^51 < 2^83, then less
/// than 2^32 * 2^18 + 2^51 < 2 p.
inline std::uint64_t reduce(Wide value, std::uint64_t c) {
  constexpr std::uint64_t mask = two51 - 1;
  const std::uint64_t p = two51 - c;
  value = (static_cast<std::uint64_t>(value) & mask) +
          static_cast<Wide>(static_cast<std::uint64_t>(value >> 51)) * c;
  const std::uint64_t r =
      (static_cast<std::uint64_t>(value) & mask) + static_cast<std::uint64_t>(value >> 51) * c;
  return r >= p ? r - p : r;
}

inline std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const std::uint64_t p = two51 - c;
  const std::uint64_t sum = a + b;
  return sum >= p ? sum - p : sum;
}

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

void rows(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          std::uint64_t c) {
  constexpr std::size_t tile = RnsKernels::tile_rows * lanes;
  for (std::size_t i = 0; i < lanes; ++i) {
    std::uint64_t result = 0;
    for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
      const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
      Wide even = 0;  // two sums, so that an addition need not wait for the one before
      Wide odd = 0;
      for (std::size_t j = begin; j < end; j += lanes) {
        const std::uint64_t* left = x + j / lanes * tile + i * lanes;
        for (std::size_t k = 0; k < lanes; k += 2) {
          even += static_cast<Wide>(left[k]) * u[j + k];
          odd += static_cast<Wide>(left[k + 1]) * u[j + k + 1];
        }
      }
      result = add_mod(result, reduce(even + odd, c), c);
    }
    out[i] = result;
  }
}

void columns(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride, std::size_t width,
             const std::uint64_t* z, std::size_t n, std::uint64_t c) {
  constexpr std::size_t tile_rows = RnsKernels::tile_rows;
  for (std::size_t j = 0; j < width; j += 4) {
    std::uint64_t result[4] = {};
    const std::uint64_t* column = x + j / lanes * tile_rows * lanes + j % lanes;
    for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
      const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
      Wide sum[4] = {};
      for (std::size_t i = begin; i < end; ++i) {
        const std::uint64_t* left = column + i / tile_rows * row_stride + i % tile_rows * lanes;
        for (int k = 0; k < 4; ++k) sum[k] += static_cast<Wide>(left[k]) * z[i];
      }
      for (int k = 0; k < 4; ++k) result[k] = add_mod(result[k], reduce(sum[k], c), c);
    }
    for (std::size_t k = 0; k < 4; ++k) out[j + k] = result[k];
  }
}

constexpr std::size_t split_half = RnsKernels::split_tile_rows * lanes;

void split_rows(std::uint64_t* out, const RnsKernels::Split& x, const std::uint64_t* u,
                std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const std::size_t tile = x.has_high ? 2 * split_half : split_half;
  for (std::size_t q = 0; q < primes.count; ++q) {
    const std::uint64_t c = primes.c[q];
    for (std::size_t i = 0; i < RnsKernels::split_tile_rows; ++i) {
      std::uint64_t result = primes.start[q];
      for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
        const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
        Wide even = 0;
        Wide odd = 0;
        for (std::size_t j = begin; j < end; j += lanes) {
          const std::uint64_t* low = x.words + j / lanes * tile + i * lanes;
          const std::uint64_t* high = low + split_half;
          const std::uint64_t* right = u + q * u_stride + j;
          if (x.has_high) {
            for (std::size_t k = 0; k < lanes; k += 2) {
              even += static_cast<Wide>(low[k] + c * high[k]) * right[k];
              odd += static_cast<Wide>(low[k + 1] + c * high[k + 1]) * right[k + 1];
            }
          } else {
            for (std::size_t k = 0; k < lanes; k += 2) {
              even += static_cast<Wide>(low[k]) * right[k];
              odd += static_cast<Wide>(low[k + 1]) * right[k + 1];
            }
          }
        }
        result = add_mod(result, reduce(even + odd, c), c);
      }
      out[q * lanes + i] = result;
    }
  }
}

void split_columns(std::uint64_t* out, std::size_t out_stride, const RnsKernels::Split& x,
                   std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                   std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  constexpr std::size_t tile_rows = RnsKernels::split_tile_rows;
  const std::size_t tile = x.has_high ? 2 * split_half : split_half;
  for (std::size_t q = 0; q < primes.count; ++q) {
    const std::uint64_t c = primes.c[q];
    const std::uint64_t* right = z + q * z_stride;
    for (std::size_t j = 0; j < width; j += 4) {
      const std::uint64_t* column = x.words + j / lanes * tile + j % lanes;
      std::uint64_t result[4];
      for (std::uint64_t& r : result) r = primes.start[q];
      for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
        const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
        Wide sum[4] = {};
        for (std::size_t i = begin; i < end; ++i) {
          const std::uint64_t* low = column + i / tile_rows * row_stride + i % tile_rows * lanes;
          const std::uint64_t* high = low + split_half;
          for (int k = 0; k < 4; ++k) {
            const std::uint64_t left = x.has_high ? low[k] + c * high[k] : low[k];
            sum[k] += static_cast<Wide>(left) * right[i];
          }
        }
        for (int k = 0; k < 4; ++k) result[k] = add_mod(result[k], reduce(sum[k], c), c);
      }
      for (std::size_t k = 0; k < 4; ++k) out[q * out_stride + j + k] = result[k];
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

const RnsKernels rns_portable = {residues, rows, columns, split_rows, split_columns, reconstruct};

}  // namespace mpsharp
