// Compiled for AVX-512 (F, DQ, VL, CD, IFMA); called only where the processor has it.
#include "ifma_words.hpp"
#include "rns_matmul_kernels.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lines = MatmulKernel::lines;
constexpr std::size_t lanes = 8;
constexpr std::size_t tile_rows = 4;

/// Four rows by `n_vectors` vectors: up to 24 sums, three words of b and one of a fill the
/// registers.
template <std::size_t n_vectors>
void rows_of(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
             std::uint64_t c) {
  Words lo[tile_rows][n_vectors];
  Words hi[tile_rows][n_vectors];
  for (std::size_t r = 0; r < tile_rows; ++r) {
    for (std::size_t v = 0; v < n_vectors; ++v) lo[r][v] = hi[r][v] = zero();
  }
  for (std::size_t k = 0; k < n; ++k, a += lines, b += lines) {
    Words right[n_vectors];
#pragma GCC unroll 3
    for (std::size_t v = 0; v < n_vectors; ++v) right[v] = load(b + v * lanes);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < tile_rows; ++r) {
      const Words left = all(a[r]);
#pragma GCC unroll 3
      for (std::size_t v = 0; v < n_vectors; ++v) {
        lo[r][v] = low(lo[r][v], left, right[v]);
        hi[r][v] = high(hi[r][v], left, right[v]);
      }
    }
  }
  const Words p = all(two51 - c);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 3
    for (std::size_t v = 0; v < n_vectors; ++v) {
      std::uint64_t* to = out + r * lines + v * lanes;
      store(to, add_mod(load(to), reduce(lo[r][v], hi[r][v], all(c), p), p));
    }
  }
}

void tile(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
          std::size_t rows, std::size_t columns, std::uint64_t c) {
  const auto some_rows = columns > 2 * lanes ? rows_of<3>
                         : columns > lanes   ? rows_of<2>
                                             : rows_of<1>;
  for (std::size_t i = 0; i < rows; i += tile_rows) some_rows(out + i * lines, a + i, b, n, c);
}

}  // namespace

const MatmulKernel matmul_ifma = {tile};

}  // namespace mpsharp
