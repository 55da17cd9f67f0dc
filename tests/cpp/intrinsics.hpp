#pragma once

// The intrinsics that the kernels for AVX-512 IFMA use, each behind one signature, so that a
// program compiled for any processor can call them. intrinsics.cpp is compiled twice: for AVX-512,
// and against the emulation.

#include <cstddef>
#include <cstdint>

namespace mpsharp::testing {

constexpr std::size_t lanes = 8;

struct Operands {
  alignas(64) std::uint64_t a[lanes];  ///< or the bits of doubles
  alignas(64) std::uint64_t b[lanes];
  alignas(64) std::uint64_t c[lanes];
  std::uint8_t mask;
  std::uint8_t immediate;  ///< what is a constant of the instruction, or one count for all lanes
};

struct Intrinsic {
  const char* name;
  enum class Form { words, doubles } takes;
  Form gives;
  /// Results that are no vector fill its first words; the rest is 0.
  void (*run)(std::uint64_t* out, const Operands& operands);
};

struct Intrinsics {
  const Intrinsic* first;
  std::size_t count;
};

extern const Intrinsics emulated_intrinsics;
#ifdef MPSHARP_COMPILES_IFMA
extern const Intrinsics real_intrinsics;  ///< @pre the processor has AVX-512 F, DQ, VL, CD and IFMA
#endif

}  // namespace mpsharp::testing
