// Compiled for AVX2 and FMA; called only where the processor has them. It includes nothing that
// could define an inline function shared with the rest of the program.
//
// There is no integer multiplication of 52 bits before IFMA, but there is that of floating-point
// significands. With rounding toward zero and 0 <= a b < 2^104
//   h = fma(a, b, 2^104) = 2^104 + 2^52 floor(a b / 2^52),
//   l = fma(a, b, (2^104 + 2^52) - h) = 2^52 + a b mod 2^52,
// both exact in their last bit, so the bits of h and l are the two halves of the product plus
// constants, and are summed as integers (modulo 2^64) from which the constants are taken in the
// end.
#include <immintrin.h>

#include "rns_kernels.hpp"

namespace mpsharp {

namespace {

__extension__ typedef unsigned __int128 Wide;
using Words = __m256i;  ///< four of them: half a vector of the layout
using Doubles = __m256d;

constexpr std::size_t lanes = RnsKernels::lanes;
constexpr std::size_t quarter = 4;  ///< words of a register
constexpr std::size_t tile_rows = 4;
constexpr std::uint64_t mask52 = (std::uint64_t{1} << 52) - 1;
constexpr std::uint64_t two51 = std::uint64_t{1} << 51;
constexpr std::uint64_t high_offset = 0x4670000000000000;  ///< the bits of 2^104
constexpr std::uint64_t low_offset = 0x4330000000000000;   ///< the bits of 2^52

/// Rounding toward zero while it lives.
class TowardZero {
 public:
  TowardZero() noexcept : before_(_mm_getcsr()) { _mm_setcsr(before_ | _MM_ROUND_TOWARD_ZERO); }
  ~TowardZero() { _mm_setcsr(before_); }
  TowardZero(const TowardZero&) = delete;
  TowardZero& operator=(const TowardZero&) = delete;

 private:
  unsigned before_;
};

inline Words load(const std::uint64_t* from) {
  return _mm256_load_si256(reinterpret_cast<const Words*>(from));
}
inline void store(std::uint64_t* to, Words value) {
  _mm256_store_si256(reinterpret_cast<Words*>(to), value);
}
inline Words all(std::uint64_t value) { return _mm256_set1_epi64x(static_cast<long long>(value)); }
inline Words zero() { return _mm256_setzero_si256(); }
inline Words plus(Words a, Words b) { return _mm256_add_epi64(a, b); }
/// Integers below 2^52 as floating-point numbers.
inline Doubles doubles(Words value) {
  const Words with_exponent = _mm256_or_si256(value, all(low_offset));
  return _mm256_sub_pd(_mm256_castsi256_pd(with_exponent), _mm256_set1_pd(0x1p52));
}
inline Doubles load_doubles(const std::uint64_t* from) { return doubles(load(from)); }

/// Sums of products below 2^104, high and low halves apart, each with its offset.
struct Sum {
  Words high = zero();
  Words low = zero();

  inline void add(Doubles a, Doubles b) {
    const Doubles h = _mm256_fmadd_pd(a, b, _mm256_set1_pd(0x1p104));
    const Doubles rest = _mm256_sub_pd(_mm256_set1_pd(0x1p104 + 0x1p52), h);
    const Doubles l = _mm256_fmadd_pd(a, b, rest);
    high = plus(high, _mm256_castpd_si256(h));
    low = plus(low, _mm256_castpd_si256(l));
  }
  /// Takes back the offsets of n terms.
  inline void finish(std::size_t n) {
    high = _mm256_sub_epi64(high, all(n * high_offset));
    low = _mm256_sub_epi64(low, all(n * low_offset));
  }
};

/// hi 2^52 + lo mod p = 2^51 - c, in [0, p). @pre that is below 2^115, c < 2^18; 2^51 = c
inline std::uint64_t reduce(std::uint64_t hi, std::uint64_t lo, std::uint64_t c) {
  const std::uint64_t p = two51 - c;
  Wide value = (static_cast<Wide>(hi) << 52) + lo;
  value = (static_cast<std::uint64_t>(value) & (two51 - 1)) +
          static_cast<Wide>(static_cast<std::uint64_t>(value >> 51)) * c;
  const std::uint64_t r = (static_cast<std::uint64_t>(value) & (two51 - 1)) +
                          static_cast<std::uint64_t>(value >> 51) * c;
  return r >= p ? r - p : r;
}

inline std::uint64_t add_mod(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const std::uint64_t p = two51 - c;
  const std::uint64_t sum = a + b;
  return sum >= p ? sum - p : sum;
}

inline std::uint64_t sum_lanes(Words v) {
  const __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return static_cast<std::uint64_t>(_mm_extract_epi64(pair, 0)) +
         static_cast<std::uint64_t>(_mm_extract_epi64(pair, 1));
}

/// out[lane] <- out[lane] + the sum of each lane mod p.
inline void add_lanes(std::uint64_t* out, const Sum& sum, std::uint64_t c) {
  alignas(32) std::uint64_t high[quarter];
  alignas(32) std::uint64_t low[quarter];
  store(high, sum.high);
  store(low, sum.low);
  for (std::size_t i = 0; i < quarter; ++i) {
    out[i] = add_mod(out[i], reduce(high[i], low[i], c), c);
  }
}

void residues(std::uint64_t* out, std::size_t stride, const RnsBasis::View& basis,
              std::size_t first, std::size_t last, const std::uint64_t* limbs, std::size_t n_limbs,
              unsigned negative) {
  const TowardZero rounding;
  for (std::size_t q = first; q < last; ++q) {
    const std::uint64_t* weights = basis.weights + q * basis.n_limbs;
    const std::uint64_t c = basis.c[q];
    std::uint64_t* to = out + q * stride;
    Sum sums[2];
    for (std::size_t l = 0; l < n_limbs; ++l) {
      const Doubles weight =
          _mm256_set1_pd(static_cast<double>(static_cast<long long>(weights[l])));
      for (std::size_t half = 0; half < 2; ++half) {
        sums[half].add(load_doubles(limbs + lanes * l + quarter * half), weight);
      }
    }
    for (std::size_t i = 0; i < lanes; ++i) to[i] = 0;
    for (std::size_t half = 0; half < 2; ++half) {
      sums[half].finish(n_limbs);
      add_lanes(to + quarter * half, sums[half], c);
    }
    for (std::size_t i = 0; i < lanes; ++i) {
      if ((negative >> i & 1U) != 0) to[i] = two51 - c - to[i];
    }
  }
}

/// Reads entries of the stored residues of one prime.
struct Stored {
  static constexpr std::size_t tile = tile_rows * lanes;
  static constexpr bool read_once = true;
  inline Doubles operator()(const std::uint64_t* at) const { return load_doubles(at); }
};

/// Reads entries of the two-word form modulo one prime.
template <bool has_high>
struct Divided {
  static constexpr std::size_t tile = tile_rows * lanes * (has_high ? 2 : 1);
  static constexpr bool read_once = false;
  Doubles c;
  inline Doubles operator()(const std::uint64_t* at) const {
    const Doubles low = load_doubles(at);
    if (!has_high) return low;
    return _mm256_fmadd_pd(load_doubles(at + tile_rows * lanes), c, low);  // below 2^52: exact
  }
};

/// result[i] <- result[i] + sum_j x[i][j] u[j] mod p for the rows of a tile.
template <class Entry>
inline void four_rows(std::uint64_t* result, const std::uint64_t* x, const std::uint64_t* u,
                      std::size_t n, std::uint64_t c, const Entry& entry) {
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Sum sums[tile_rows];
    for (std::size_t j = begin; j < end; j += lanes, x += Entry::tile) {
      if constexpr (Entry::read_once) {  // across pages, where the processor stops by itself
        constexpr std::size_t ahead = 8 * Entry::tile;
        for (std::size_t line = 0; line < Entry::tile; line += lanes) {
          __builtin_prefetch(x + ahead + line);
        }
      }
#pragma GCC unroll 2
      for (std::size_t half = 0; half < 2; ++half) {
        const Doubles right = load_doubles(u + j + quarter * half);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < tile_rows; ++i) {
          sums[i].add(entry(x + i * lanes + quarter * half), right);
        }
      }
    }
    for (std::size_t i = 0; i < tile_rows; ++i) {
      sums[i].finish((end - begin) / quarter);
      // A fold bounds the sum over all lanes, not only each lane's.
      const std::uint64_t r = reduce(sum_lanes(sums[i].high), sum_lanes(sums[i].low), c);
      result[i] = add_mod(result[i], r, c);
    }
  }
}

/// result[j] <- result[j] + sum_i x[i][j] z[i] mod p for the eight columns of a tile.
template <class Entry>
inline void eight_columns(std::uint64_t* result, const std::uint64_t* x, std::size_t row_stride,
                          const std::uint64_t* z, std::size_t n, std::uint64_t c,
                          const Entry& entry) {
  for (std::size_t begin = 0; begin < n; begin += RnsKernels::fold) {
    const std::size_t end = n - begin < RnsKernels::fold ? n : begin + RnsKernels::fold;
    Sum sums[2];
    for (std::size_t i = begin; i < end; i += tile_rows, x += row_stride) {
      // The next rows are too far away for the processor to foresee.
      for (std::size_t line = 0; line < Entry::tile; line += lanes) {
        __builtin_prefetch(x + row_stride + line);
      }
#pragma GCC unroll 4
      for (std::size_t r = 0; r < tile_rows; ++r) {
        const Doubles right = _mm256_set1_pd(static_cast<double>(static_cast<long long>(z[i + r])));
#pragma GCC unroll 2
        for (std::size_t half = 0; half < 2; ++half) {
          sums[half].add(entry(x + r * lanes + quarter * half), right);
        }
      }
    }
    for (std::size_t half = 0; half < 2; ++half) {
      sums[half].finish(end - begin);
      add_lanes(result + quarter * half, sums[half], c);
    }
  }
}

void rows(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u, std::size_t n,
          std::uint64_t c) {
  const TowardZero rounding;
  for (std::size_t i = 0; i < tile_rows; ++i) out[i] = 0;
  four_rows(out, x, u, n, c, Stored{});
}

void columns(std::uint64_t* out, const std::uint64_t* x, std::size_t row_stride, std::size_t width,
             const std::uint64_t* z, std::size_t n, std::uint64_t c) {
  const TowardZero rounding;
  for (std::size_t j = 0; j < width; ++j) out[j] = 0;
  for (std::size_t j = 0; j < width; j += lanes) {
    eight_columns(out + j, x + j * tile_rows, row_stride, z, n, c, Stored{});
  }
}

template <bool has_high>
void split_rows_of(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* u,
                   std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  for (std::size_t q = 0; q < primes.count; ++q) {
    for (std::size_t i = 0; i < tile_rows; ++i) out[q * lanes + i] = primes.start[q];
    const Divided<has_high> entry{
        _mm256_set1_pd(static_cast<double>(static_cast<long long>(primes.c[q])))};
    four_rows(out + q * lanes, x, u + q * u_stride, n, primes.c[q], entry);
  }
}

void split_rows(std::uint64_t* out, const RnsKernels::Split& x, const std::uint64_t* u,
                std::size_t u_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const TowardZero rounding;
  const auto function = x.has_high ? split_rows_of<true> : split_rows_of<false>;
  function(out, x.words, u, u_stride, n, primes);
}

template <bool has_high>
void split_columns_of(std::uint64_t* out, std::size_t out_stride, const std::uint64_t* x,
                      std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                      std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  for (std::size_t j = 0; j < width; j += lanes) {
    for (std::size_t q = 0; q < primes.count; ++q) {
      std::uint64_t* to = out + q * out_stride + j;
      for (std::size_t k = 0; k < lanes; ++k) to[k] = primes.start[q];
      const Divided<has_high> entry{
          _mm256_set1_pd(static_cast<double>(static_cast<long long>(primes.c[q])))};
      eight_columns(to, x + j / lanes * Divided<has_high>::tile, row_stride, z + q * z_stride, n,
                    primes.c[q], entry);
    }
  }
}

void split_columns(std::uint64_t* out, std::size_t out_stride, const RnsKernels::Split& x,
                   std::size_t row_stride, std::size_t width, const std::uint64_t* z,
                   std::size_t z_stride, std::size_t n, const RnsKernels::Primes& primes) {
  const TowardZero rounding;
  const auto function = x.has_high ? split_columns_of<true> : split_columns_of<false>;
  function(out, out_stride, x.words, row_stride, width, z, z_stride, n, primes);
}

void reconstruct(std::uint64_t* limbs, const RnsBasis::View& basis, const std::uint64_t* residues) {
  const std::size_t n_limbs = basis.n_limbs;
  for (std::size_t l = 0; l < lanes * (n_limbs + 1); ++l) limbs[l] = 0;
  double quotient[lanes] = {};
  for (std::size_t q = 0; q < basis.size; ++q) {
    alignas(32) std::uint64_t y[lanes];
    for (std::size_t i = 0; i < lanes; ++i) {
      const Wide product = static_cast<Wide>(residues[lanes * q + i]) * basis.inverse[q];
      y[i] = reduce(static_cast<std::uint64_t>(product >> 52),
                    static_cast<std::uint64_t>(product) & mask52, basis.c[q]);
      quotient[i] += static_cast<double>(static_cast<long long>(y[i])) * basis.reciprocal[q];
    }
    const std::uint64_t* cofactor = basis.cofactors + q * n_limbs;
    const TowardZero rounding;
    const Doubles left[2] = {load_doubles(y), load_doubles(y + quarter)};
    Words carry[2] = {zero(), zero()};
    for (std::size_t l = 0; l < n_limbs; ++l) {
      const Doubles w = _mm256_set1_pd(static_cast<double>(static_cast<long long>(cofactor[l])));
      for (std::size_t half = 0; half < 2; ++half) {
        Sum product;
        product.add(left[half], w);
        product.finish(1);
        std::uint64_t* limb = limbs + lanes * l + quarter * half;
        store(limb, plus(plus(load(limb), carry[half]), product.low));
        carry[half] = product.high;
      }
    }
    for (std::size_t half = 0; half < 2; ++half) {
      std::uint64_t* limb = limbs + lanes * n_limbs + quarter * half;
      store(limb, plus(load(limb), carry[half]));
    }
  }
  for (std::size_t i = 0; i < lanes; ++i) {
    const auto k = static_cast<std::int64_t>(quotient[i] + 0.5);  // not negative
    __extension__ __int128 carry = 0;
    for (std::size_t l = 0; l <= n_limbs; ++l) {
      carry += limbs[lanes * l + i];
      if (l < n_limbs) carry -= static_cast<Wide>(k) * basis.modulus[l];
      limbs[lanes * l + i] = static_cast<std::uint64_t>(carry) & mask52;
      carry >>= 52;
    }
  }
}

}  // namespace

// Making a residue costs less than reading it.
const RnsKernels rns_avx2 = {51,      tile_rows,  tile_rows,     0,          residues, rows,
                             columns, split_rows, split_columns, reconstruct};

}  // namespace mpsharp
