#include "words_avx2.hpp"
// The words first: the others are written in terms of them.
#include "lane_functions.hpp"

namespace mpsharp {

const LaneKernels& lanes_avx2(std::size_t limbs) noexcept { return lanes_of_table(limbs); }

}  // namespace mpsharp
