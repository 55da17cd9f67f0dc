#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "exact_dot.hpp"
#include "mpsharp/kernels/products.hpp"
#include "paths.hpp"
#include "reference.hpp"
#include "rns_products.hpp"
#include "sequential_products.hpp"

namespace mpsharp {

namespace {

/// Whether `path` may be chosen unasked. An emulation is for tests: it is slow.
bool may_be_default(KernelPath path) {
#ifdef MPSHARP_EMULATE_IFMA
  if (path == KernelPath::ifma) return false;
#endif
  return can_run(path);
}

KernelPath choose_path() {
  const char* wanted = std::getenv("MPSHARP_KERNELS");  // NOLINT(concurrency-mt-unsafe): once
  for (const KernelPath path : all_paths) {
    if (wanted != nullptr && std::string_view(wanted) == name_of(path) && can_run(path)) {
      return path;
    }
  }
  return *std::ranges::find_if(all_paths, may_be_default);
}

}  // namespace

bool can_run(KernelPath path) noexcept {
  // These ask the operating system too: they are false where it does not save the registers.
  switch (path) {
    case KernelPath::ifma:
#if defined(MPSHARP_EMULATE_IFMA)
      return true;
#elif defined(MPSHARP_HAVE_IFMA)
      __builtin_cpu_init();
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512cd") != 0 &&
             __builtin_cpu_supports("avx512ifma") != 0;
#else
      return false;
#endif
    case KernelPath::avx2:
#ifdef MPSHARP_HAVE_AVX2
      __builtin_cpu_init();
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
      return false;
#endif
    default:
      return true;
  }
}

KernelPath chosen_path() {
  static const KernelPath path = choose_path();
  return path;
}

const char* name_of(KernelPath path) noexcept {
  switch (path) {
    case KernelPath::ifma:
      return "ifma";
    case KernelPath::avx2:
      return "avx2";
    case KernelPath::portable:
      return "portable";
    default:
      return "reference";
  }
}

NumberKernels number_kernels(KernelPath path) noexcept {
#ifdef MPSHARP_HAVE_IFMA
  if (path == KernelPath::ifma) return {lanes_ifma, sequential_ifma};
#endif
#ifdef MPSHARP_HAVE_AVX2
  if (path == KernelPath::avx2) return {lanes_avx2, sequential_avx2};
#endif
  static_cast<void>(path);
  return {lanes_portable, sequential_portable};
}

std::unique_ptr<const MatrixProducts> make_products(std::shared_ptr<const Matrix> matrix,
                                                    Arithmetic arithmetic, unsigned threads,
                                                    KernelPath path) {
  if (path != KernelPath::reference && arithmetic == Arithmetic::exact) {
    const RnsKernels* kernels = &rns_portable;
#ifdef MPSHARP_HAVE_AVX2
    if (path == KernelPath::avx2) kernels = &rns_avx2;
#endif
#ifdef MPSHARP_HAVE_IFMA
    if (path == KernelPath::ifma) kernels = &rns_ifma;
#endif
    return std::make_unique<RnsProducts>(std::move(matrix), *kernels, number_kernels(path),
                                         threads);
  }
  if (path != KernelPath::reference) {
    return std::make_unique<SequentialProducts>(std::move(matrix), number_kernels(path), threads);
  }
  return std::make_unique<ReferenceProducts>(std::move(matrix), arithmetic);
}

std::unique_ptr<const MatrixProducts> make_products(std::shared_ptr<const Matrix> matrix,
                                                    Arithmetic arithmetic, unsigned threads) {
  // A product with a smaller matrix is over before a second thread has woken up.
  constexpr std::size_t smallest_shared = std::size_t{1} << 16;
  if (matrix->rows() * matrix->columns() < smallest_shared) threads = 1;
  return make_products(std::move(matrix), arithmetic, threads, chosen_path());
}

void dot(mpfr_ptr out, ConstSpan a, ConstSpan b, Arithmetic arithmetic) {
  check_length("dot", a.size(), b.size());
  if (arithmetic == Arithmetic::sequential) {
    reference_sequential_dot(out, a.data(), 1, b.data(), 1, a.size());
  } else if (chosen_path() == KernelPath::reference) {
    reference_exact_dot(out, a.data(), 1, b.data(), 1, a.size());
  } else {
    exact_dot(out, a.data(), 1, b.data(), 1, a.size());
  }
}

}  // namespace mpsharp
