#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "data.hpp"
#include "mpsharp/spectrum/cholesky.hpp"
#include "mpsharp/spectrum/singular.hpp"

namespace py = pybind11;
using namespace mpsharp;  // NOLINT: the bindings name almost all of it

namespace {

/// A method that maps a vector to a vector, without the GIL.
template <typename Form>
auto mapping(Vector (Form::*method)(const Vector&, const Poll&) const) {
  return [method](const Form& form, const Vector& x) {
    return without_gil([&](const Poll& poll) { return (form.*method)(x, poll); });
  };
}

}  // namespace

void register_decompositions(py::module_& m) {
  py::class_<SingularForm>(m, "SingularForm", "X = W Sigma R' cut at a rank.")
      .def(py::init([](const Data& data, long bits, std::size_t rank) {
             return without_gil([&](const Poll& poll) {
               return std::make_unique<SingularForm>(data.exact, data.matrix(), Bits(bits), rank,
                                                     data.threads, poll);
             });
           }),
           py::arg("data"), py::arg("bits"), py::arg("rank"))
      .def_property_readonly("values",
                             [](const SingularForm& form) { return Vector(form.values()); })
      .def("left_coefficients", mapping(&SingularForm::left_coefficients), py::arg("y"), "W'y.")
      .def("right_coefficients", mapping(&SingularForm::right_coefficients), py::arg("u"), "R'u.")
      .def("left_combination", mapping(&SingularForm::left_combination), py::arg("c"), "W c.")
      .def("right_combination", mapping(&SingularForm::right_combination), py::arg("c"), "R c.")
      .def(
          "scaled_left",
          [](const SingularForm& form) {
            return without_gil(
                [&](const Poll& poll) { return Vector(form.scaled_left(poll).entries()); });
          },
          "W Sigma, n x rank, row by row.");

  py::class_<CholeskyForm>(m, "CholeskyForm",
                           "X = L R, L lower triangular, R with orthonormal rows.")
      .def(py::init([](const Data& data, long bits) {
             return without_gil([&](const Poll& poll) {
               return std::make_unique<CholeskyForm>(data.exact, data.matrix(), Bits(bits),
                                                     data.threads, poll);
             });
           }),
           py::arg("data"), py::arg("bits"))
      .def_property_readonly(
          "factor", [](const CholeskyForm& form) { return Vector(form.factor().entries()); },
          "L, n x n, row by row.")
      .def("right_coefficients", mapping(&CholeskyForm::right_coefficients), py::arg("u"), "R u.")
      .def("right_combination", mapping(&CholeskyForm::right_combination), py::arg("a"), "R'a.");
}
