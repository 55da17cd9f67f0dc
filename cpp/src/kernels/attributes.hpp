#pragma once

// What kernels ask of the compiler. Only macros, so that every file of kernels may include it.
#define MPSHARP_INLINE inline __attribute__((always_inline))
#define MPSHARP_NOINLINE __attribute__((noinline))
#define MPSHARP_COLD __attribute__((noinline, cold))
