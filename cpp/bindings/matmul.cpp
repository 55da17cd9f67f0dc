#include "mpsharp/kernels/matmul.hpp"

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "bindings.hpp"
#include "kernels/paths.hpp"

namespace py = pybind11;
using namespace mpsharp;  // NOLINT: as in minimalist.cpp

void register_matmul(py::module_& m) {
  m.def(
      "multiply",
      [](const Matrix& a, const Matrix& b, long bits, bool transpose_a, bool transpose_b,
         unsigned threads, const std::string& kernels) {
        const KernelPath path = kernels.empty() ? chosen_path() : path_from(kernels);
        const Operand left(a, transpose_a), right(b, transpose_b);
        return without_gil([&](const Poll& poll) {
          auto out = std::make_shared<Matrix>(left.rows(), right.columns(), Bits(bits));
          multiply(*out, left, right, threads, poll, path);
          return out;
        });
      },
      py::arg("a"), py::arg("b"), py::arg("bits"), py::kw_only(), py::arg("transpose_a") = false,
      py::arg("transpose_b") = false, py::arg("threads") = 1, py::arg("kernels") = "",
      "a b, or with transposed factors, each entry the exact dot product rounded once to `bits`.");
}
