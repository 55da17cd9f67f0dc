#include "words_avx2.hpp"
// The words first: the others are written in terms of them.
#include "lane_sequential.hpp"

namespace mpsharp {

SequentialKernel sequential_avx2(std::size_t limbs, std::size_t matrix_limbs) noexcept {
  return sequential_of_table(limbs, matrix_limbs);
}

}  // namespace mpsharp
