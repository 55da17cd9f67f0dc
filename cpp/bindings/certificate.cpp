#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "bindings.hpp"
#include "mpsharp/error.hpp"
#include "mpsharp/spectrum/shifted_gram.hpp"

namespace py = pybind11;
using namespace mpsharp;  // NOLINT: the bindings name almost all of it

namespace {

Mpfr number(const Vector& x, Bits bits) {
  if (x.size() != 1) throw ShapeError("shift and scale: expected one number each");
  Mpfr out(bits);
  if (x.bits() != bits) throw PrecisionError("shift and scale: expected the precision of A");
  mpfr_set(out, x[0], MPFR_RNDN);
  return out;
}

}  // namespace

void register_certificate(py::module_& m) {
  m.def(
      "scaled_to_float64",
      [](const Matrix& a, long exponent) {
        py::array_t<double> out({a.rows(), a.columns()});
        double* to = out.mutable_data();
        for (std::size_t i = 0; i < a.entries().size(); ++i) {
          long own = 0;
          const double fraction = mpfr_get_d_2exp(&own, a.entries()[i], MPFR_RNDN);
          to[i] = std::ldexp(fraction, static_cast<int>(std::clamp(own - exponent, -5000L, 5000L)));
        }
        return out;
      },
      py::arg("a"), py::arg("exponent"), "a * 2**-exponent, rounded to float64.");
  m.def(
      "diagonal",
      [](const Matrix& a) {
        const std::size_t k = std::min(a.rows(), a.columns());
        Vector out(k, a.bits());
        for (std::size_t i = 0; i < k; ++i) mpfr_set(out[i], a(i, i), MPFR_RNDN);
        return out;
      },
      py::arg("a"));

  py::class_<ShiftedGram>(m, "ShiftedGram", "Factors of mu I - a A for a Gram matrix A.")
      .def(py::init([](const std::shared_ptr<Matrix>& gram) {
             if (gram->rows() != gram->columns())
               throw ShapeError("gram: expected a square matrix");
             return std::make_unique<ShiftedGram>(gram);
           }),
           py::arg("gram"))
      .def(
          "factor",
          [](ShiftedGram& form, const Vector& mu, const Vector& a) {
            const Mpfr shift = number(mu, form.bits()), scale = number(a, form.bits());
            return without_gil([&](const Poll& poll) { return form.factor(shift, scale, poll); });
          },
          py::arg("mu"), py::arg("a"), "Whether all pivots are positive.")
      .def(
          "solve",
          [](const ShiftedGram& form, const Vector& rhs) {
            return without_gil([&](const Poll&) { return form.solve(rhs); });
          },
          py::arg("rhs"));
}
