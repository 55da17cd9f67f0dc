// Compiled for AVX-512 (F, DQ, VL, CD, IFMA); called only where the processor has it. It includes
// nothing that could define an inline function shared with the rest of the program.
#include "ifma_words.hpp"
#include "rns_kernels.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lanes = RnsKernels::lanes;
constexpr std::size_t tile_rows = 8;
constexpr std::size_t split_tile_rows = 4;

/// Lane i of the result is the sum of the lanes of v[i].
inline Words sum_lanes(const Words (&v)[8]) {
  Words pairs[4];
  for (int i = 0; i < 4; ++i) {
    pairs[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[2 * i], v[2 * i + 1]),
                                _mm512_unpackhi_epi64(v[2 * i], v[2 * i + 1]));
  }
  Words quads[2];
  for (int i = 0; i < 2; ++i) {  // 128-bit parts: even ones of both, plus odd ones of both
    quads[i] = _mm512_add_epi64(_mm512_shuffle_i64x2(pairs[2 * i], pairs[2 * i + 1], 0x88),
                                _mm512_shuffle_i64x2(pairs[2 * i], pairs[2 * i + 1], 0xDD));
  }
  // quads[0] holds rows 01|01|23|23, quads[1] holds 45|45|67|67.
  return _mm512_add_epi64(_mm512_shuffle_i64x2(quads[0], quads[1], 0x88),
                          _mm512_shuffle_i64x2(quads[0], quads[1], 0xDD));
}

void residues(std::uint64_t* out, std::size_t stride, const RnsBasis::View& basis,
              std::size_t first, std::size_t last, const std::uint64_t* limbs, std::size_t n_limbs,
              unsigned negative) {
  const auto flip = static_cast<__mmask8>(negative);
  for (std::size_t q = first; q < last; ++q) {
    const std::uint64_t* weights = basis.weights + q * basis.n_limbs;
    Words lo = zero();
    Words hi = zero();
    for (std::size_t l = 0; l < n_limbs; ++l) {
      const Words limb = load(limbs + lanes * l);
      const Words weight = all(weights[l]);
      lo = low(lo, limb, weight);
      hi = high(hi, limb, weight);
    }
    const Words p = all(two51 - basis.c[q]);
    const Words r = reduce(lo, hi, all(basis.c[q]), p);
    store(out + q * stride, _mm512_mask_sub_epi64(r, flip, p, r));
  }
}

void rows(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          std::uint64_t c) {
  const Words p = all(two51 - c);
  Words result = zero();
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Words lo[8];
    Words hi[8];
    for (int i = 0; i < 8; ++i) lo[i] = hi[i] = zero();
    for (std::size_t j = begin; j < end; j += lanes) {
      const Words right = load(u + j);
      const std::uint64_t* tile = x + j * tile_rows;
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        const Words left = load(tile + static_cast<std::size_t>(i) * lanes);
        lo[i] = low(lo[i], left, right);
        hi[i] = high(hi[i], left, right);
      }
    }
    // A fold bounds the sum over all lanes, not only each lane's.
    result = add_mod(result, reduce(sum_lanes(lo), sum_lanes(hi), all(c), p), p);
  }
  store(out, result);
}

template <int n_vectors>
void columns_of(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride,
                const std::uint64_t* z, std::size_t n, std::uint64_t c) {
  const Words p = all(two51 - c);
  Words result[n_vectors];
  for (int k = 0; k < n_vectors; ++k) result[k] = zero();
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Words lo[n_vectors];
    Words hi[n_vectors];
    for (int k = 0; k < n_vectors; ++k) lo[k] = hi[k] = zero();
    for (std::size_t i = begin; i < end; i += tile_rows, x += row_stride) {
      Words right[tile_rows];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < tile_rows; ++r) right[r] = all(z[i + r]);
#pragma GCC unroll 8
      for (int k = 0; k < n_vectors; ++k) {
        const std::uint64_t* tile = x + static_cast<std::size_t>(k) * lanes * tile_rows;
#pragma GCC unroll 8
        for (std::size_t r = 0; r < tile_rows; ++r) {
          // The next rows are too far away for the processor to foresee.
          __builtin_prefetch(tile + r * lanes + row_stride);
          const Words left = load(tile + r * lanes);
          lo[k] = low(lo[k], left, right[r]);
          hi[k] = high(hi[k], left, right[r]);
        }
      }
    }
    for (int k = 0; k < n_vectors; ++k) {
      result[k] = add_mod(result[k], reduce(lo[k], hi[k], all(c), p), p);
    }
  }
  for (int k = 0; k < n_vectors; ++k) store(out + static_cast<std::size_t>(k) * lanes, result[k]);
}

void columns(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride, std::size_t width,
             const std::uint64_t* z, std::size_t n, std::uint64_t c) {
  switch (width / lanes) {
    case 8:
      return columns_of<8>(out, x, row_stride, z, n, c);
    case 7:
      return columns_of<7>(out, x, row_stride, z, n, c);
    case 6:
      return columns_of<6>(out, x, row_stride, z, n, c);
    case 5:
      return columns_of<5>(out, x, row_stride, z, n, c);
    case 4:
      return columns_of<4>(out, x, row_stride, z, n, c);
    case 3:
      return columns_of<3>(out, x, row_stride, z, n, c);
    case 2:
      return columns_of<2>(out, x, row_stride, z, n, c);
    default:
      return columns_of<1>(out, x, row_stride, z, n, c);
  }
}

/// Words of a tile of the two-word form.
template <bool has_high>
constexpr std::size_t split_tile = split_tile_rows * lanes * (has_high ? 2 : 1);

/// Row `row` of a tile modulo p, below 2^52.
template <bool has_high>
inline Words split_load(const std::uint64_t* tile, std::size_t row, Words c) {
  const Words x_low = load(tile + row * lanes);
  if (!has_high) return x_low;
  return low(x_low, load(tile + (split_tile_rows + row) * lanes), c);
}

/// Four rows of each prime fill the lanes of the sums; with one prime half of them idle.
template <int n_primes, bool has_high>
void split_rows_of(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u,
                   std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  Words each_c[n_primes];
  for (int q = 0; q < n_primes; ++q) each_c[q] = all(primes.c[q]);
  const auto halves = [](const std::uint64_t* v) {
    return _mm512_mask_mov_epi64(all(v[0]), 0xF0, all(v[n_primes - 1]));
  };
  const Words c = halves(primes.c);
  const Words p = _mm512_sub_epi64(all(two51), c);
  Words result = halves(primes.start);
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Words lo[8];
    Words hi[8];
    for (int i = 0; i < 8; ++i) lo[i] = hi[i] = zero();
    for (std::size_t j = begin; j < end; j += lanes, x += split_tile<has_high>) {
      Words right[n_primes];
#pragma GCC unroll 2
      for (int q = 0; q < n_primes; ++q) {
        right[q] = load(u + static_cast<std::size_t>(q) * u_stride + j);
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 2
        for (int q = 0; q < n_primes; ++q) {
          const Words left = split_load<has_high>(x, static_cast<std::size_t>(i), each_c[q]);
          lo[4 * q + i] = low(lo[4 * q + i], left, right[q]);
          hi[4 * q + i] = high(hi[4 * q + i], left, right[q]);
        }
      }
    }
    // A fold bounds the sum over all lanes, not only each lane's.
    result = add_mod(result, reduce(sum_lanes(lo), sum_lanes(hi), c, p), p);
  }
  _mm256_store_si256(reinterpret_cast<__m256i*>(out), _mm512_castsi512_si256(result));
  if (n_primes == 2) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + lanes),
                       _mm512_extracti64x4_epi64(result, 1));
  }
}

void split_rows(std::uint64_t* out, const RnsKernels::Split& x, const std::uint64_t* u,
                std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const bool two = primes.count == 2;
  const auto function = x.has_high ? (two ? split_rows_of<2, true> : split_rows_of<1, true>)
                                   : (two ? split_rows_of<2, false> : split_rows_of<1, false>);
  function(out, x.words, u, u_stride, n, primes);
}

template <int n_vectors, int n_primes, bool has_high>
void split_columns_of(std::uint64_t* out, std::size_t out_stride, const std::uint64_t* x,
                      std::size_t row_stride, const std::uint64_t* z, std::size_t z_stride,
                      std::size_t n, const RnsKernels::Primes& primes) {
  constexpr std::size_t tile_rows = split_tile_rows;
  Words c[n_primes];
  Words result[n_primes][n_vectors];
  for (int q = 0; q < n_primes; ++q) {
    c[q] = all(primes.c[q]);
    for (int k = 0; k < n_vectors; ++k) result[q][k] = all(primes.start[q]);
  }
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Words lo[n_primes][n_vectors];
    Words hi[n_primes][n_vectors];
    for (int q = 0; q < n_primes; ++q) {
      for (int k = 0; k < n_vectors; ++k) lo[q][k] = hi[q][k] = zero();
    }
    for (std::size_t i = begin; i < end; i += tile_rows, x += row_stride) {
      Words right[n_primes][tile_rows];
#pragma GCC unroll 2
      for (int q = 0; q < n_primes; ++q) {
#pragma GCC unroll 4
        for (std::size_t r = 0; r < tile_rows; ++r) {
          right[q][r] = all(z[static_cast<std::size_t>(q) * z_stride + i + r]);
        }
      }
#pragma GCC unroll 4
      for (int k = 0; k < n_vectors; ++k) {
        const std::uint64_t* tile = x + static_cast<std::size_t>(k) * split_tile<has_high>;
#pragma GCC unroll 8
        for (std::size_t line = 0; line < split_tile<has_high>; line += lanes) {
          // The next rows are too far away for the processor to foresee.
          __builtin_prefetch(tile + line + row_stride);
        }
#pragma GCC unroll 4
        for (std::size_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 2
          for (int q = 0; q < n_primes; ++q) {
            const Words left = split_load<has_high>(tile, r, c[q]);
            lo[q][k] = low(lo[q][k], left, right[q][r]);
            hi[q][k] = high(hi[q][k], left, right[q][r]);
          }
        }
      }
    }
    for (int q = 0; q < n_primes; ++q) {
      const Words p = _mm512_sub_epi64(all(two51), c[q]);
      for (int k = 0; k < n_vectors; ++k) {
        result[q][k] = add_mod(result[q][k], reduce(lo[q][k], hi[q][k], c[q], p), p);
      }
    }
  }
  for (int q = 0; q < n_primes; ++q) {
    for (int k = 0; k < n_vectors; ++k) {
      store(out + static_cast<std::size_t>(q) * out_stride + static_cast<std::size_t>(k) * lanes,
            result[q][k]);
    }
  }
}

template <int n_primes, bool has_high>
void split_columns_with(std::uint64_t* out, std::size_t out_stride, const std::uint64_t* x,
                        std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                        std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const auto function = width == 4 * lanes   ? split_columns_of<4, n_primes, has_high>
                        : width == 3 * lanes ? split_columns_of<3, n_primes, has_high>
                        : width == 2 * lanes ? split_columns_of<2, n_primes, has_high>
                                             : split_columns_of<1, n_primes, has_high>;
  function(out, out_stride, x, row_stride, z, z_stride, n, primes);
}

void split_columns(std::uint64_t* out, std::size_t out_stride, const RnsKernels::Split& x,
                   std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                   std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const bool two = primes.count == 2;
  const auto function = x.has_high
                            ? (two ? split_columns_with<2, true> : split_columns_with<1, true>)
                            : (two ? split_columns_with<2, false> : split_columns_with<1, false>);
  function(out, out_stride, x.words, row_stride, width, z, z_stride, n, primes);
}

void reconstruct(std::uint64_t* limbs, const RnsBasis::View& basis, const std::uint64_t* residues) {
  const std::size_t n_limbs = basis.n_limbs;
  for (std::size_t l = 0; l <= n_limbs; ++l) store(limbs + lanes * l, zero());
  __m512d quotient = _mm512_setzero_pd();
  for (std::size_t start = 0; start < basis.size; start += 4) {
    const std::size_t count = basis.size - start < 4 ? basis.size - start : 4;
    Words y[4];
    const std::uint64_t* cofactor[4];
    for (std::size_t b = 0; b < 4; ++b) {
      const std::size_t q = start + b;
      if (b >= count) {  // a term of 0
        y[b] = zero();
        cofactor[b] = basis.cofactors;
        continue;
      }
      const Words r = load(residues + lanes * q);
      const Words inverse = all(basis.inverse[q]);
      y[b] = reduce(low(zero(), r, inverse), high(zero(), r, inverse), all(basis.c[q]),
                    all(two51 - basis.c[q]));
      quotient =
          _mm512_fmadd_pd(_mm512_cvtepu64_pd(y[b]), _mm512_set1_pd(basis.reciprocal[q]), quotient);
      cofactor[b] = basis.cofactors + q * n_limbs;
    }
    Words carry = zero();
    for (std::size_t l = 0; l < n_limbs; ++l) {
      Words here = _mm512_add_epi64(load(limbs + lanes * l), carry);
      carry = zero();
#pragma GCC unroll 4
      for (int b = 0; b < 4; ++b) {
        const Words w = all(cofactor[b][l]);
        here = low(here, y[b], w);
        carry = high(carry, y[b], w);
      }
      store(limbs + lanes * l, here);
    }
    store(limbs + lanes * n_limbs, _mm512_add_epi64(load(limbs + lanes * n_limbs), carry));
  }
  const Words k = _mm512_cvtpd_epi64(quotient);  // to nearest
  Words carry = zero();
  Words above = zero();  // high half of k times the limb below
  for (std::size_t l = 0; l <= n_limbs; ++l) {
    const Words m = all(l < n_limbs ? basis.modulus[l] : 0);
    Words here = _mm512_add_epi64(load(limbs + lanes * l), carry);
    here = _mm512_sub_epi64(here, _mm512_add_epi64(low(zero(), k, m), above));
    above = high(zero(), k, m);
    carry = _mm512_srai_epi64(here, 52);
    store(limbs + lanes * l, _mm512_and_si512(here, all(mask52)));
  }
}

}  // namespace

// The multiply-add that makes a residue costs half as much as using it; reading it costs more.
const RnsKernels rns_ifma = {51,      tile_rows,  split_tile_rows, 0,          residues, rows,
                             columns, split_rows, split_columns,   reconstruct};

}  // namespace mpsharp
