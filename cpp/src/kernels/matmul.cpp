#include "mpsharp/kernels/matmul.hpp"

#include <string>

#include "lines.hpp"
#include "mpsharp/error.hpp"
#include "paths.hpp"
#include "reference.hpp"
#include "rns_matmul.hpp"

namespace mpsharp {

namespace {

std::string shape(const Operand& a) {
  return std::to_string(a.rows()) + " x " + std::to_string(a.columns());
}

void check(const Matrix& out, const Operand& a, const Operand& b) {
  if (a.columns() != b.rows()) {
    throw ShapeError("multiply: expected as many columns as rows, got " + shape(a) + " times " +
                     shape(b));
  }
  if (out.rows() != a.rows() || out.columns() != b.columns()) {
    throw ShapeError("multiply: out: expected " + std::to_string(a.rows()) + " x " +
                     std::to_string(b.columns()) + ", got " + shape(out));
  }
  if (&out == &a.matrix || &out == &b.matrix) {
    throw ShapeError("multiply: out must not be one of the factors");
  }
}

}  // namespace

void multiply(Matrix& out, const Operand& a, const Operand& b, unsigned threads, const Poll& poll,
              KernelPath path) {
  check(out, a, b);
  const Lines left = rows_of(a);
  const Lines right = columns_of(b);
  if (path == KernelPath::reference) {
    for (std::size_t i = 0; i < left.count; ++i) {
      for (std::size_t j = 0; j < right.count; ++j) {
        reference_exact_dot(out(i, j), left.line(i), left.step, right.line(j), right.step,
                            left.length);
      }
      poll();
    }
    return;
  }
  const bool symmetric = &a.matrix == &b.matrix && a.transposed != b.transposed;
  const RnsKernels* kernels = &rns_portable;
  const MatmulKernel* matmul = &matmul_portable;
#ifdef MPSHARP_HAVE_IFMA
  if (path == KernelPath::ifma) {
    kernels = &rns_ifma;
    matmul = &matmul_ifma;
  }
#endif
  rns_multiply(out, left, right, symmetric, *kernels, *matmul, threads, poll);
}

void multiply(Matrix& out, const Operand& a, const Operand& b, unsigned threads, const Poll& poll) {
  // A smaller product is over before a second thread has started.
  constexpr std::size_t smallest_shared = std::size_t{1} << 18;
  if (a.rows() * a.columns() * b.columns() < smallest_shared) threads = 1;
  multiply(out, a, b, threads, poll, chosen_path());
}

}  // namespace mpsharp
