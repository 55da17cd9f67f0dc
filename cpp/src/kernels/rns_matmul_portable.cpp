#include "portable_words.hpp"
#include "rns_matmul_kernels.hpp"

namespace mpsharp {

namespace {

constexpr std::size_t lines = MatmulKernel::lines;

/// Four entries at a time: two loads per product, and four sums fit the registers.
void tile(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n,
          std::size_t rows, std::size_t columns, std::uint64_t c) {
  for (std::size_t i = 0; i < rows; i += 2) {
    for (std::size_t j = 0; j < columns; j += 2) {
      Wide s00 = 0;
      Wide s01 = 0;
      Wide s10 = 0;
      Wide s11 = 0;
      for (std::size_t k = 0; k < n; ++k) {
        const std::uint64_t* left = a + k * lines + i;
        const std::uint64_t* right = b + k * lines + j;
        s00 += static_cast<Wide>(left[0]) * right[0];
        s01 += static_cast<Wide>(left[0]) * right[1];
        s10 += static_cast<Wide>(left[1]) * right[0];
        s11 += static_cast<Wide>(left[1]) * right[1];
      }
      std::uint64_t* to = out + i * lines + j;
      to[0] = add_mod(to[0], reduce(s00, c), c);
      to[1] = add_mod(to[1], reduce(s01, c), c);
      to[lines] = add_mod(to[lines], reduce(s10, c), c);
      to[lines + 1] = add_mod(to[lines + 1], reduce(s11, c), c);
    }
  }
}

}  // namespace

const MatmulKernel matmul_portable = {tile};

}  // namespace mpsharp
