#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "bindings.hpp"
#include "mpsharp/array.hpp"
#include "mpsharp/error.hpp"

namespace py = pybind11;
using mpsharp::Bits;
using mpsharp::Matrix;
using mpsharp::MpfrScope;
using mpsharp::Vector;

namespace {

template <typename T>
using Contiguous = py::array_t<T, py::array::c_style | py::array::forcecast>;

// The parts of an ExactArray: sign (+1, -1), kind (0 zero, 1 regular, 2 infinity, 3 NaN), exponent
// and limbs in MPFR's layout.
void fill(Vector& out, const Contiguous<std::int8_t>& sign, const Contiguous<std::int8_t>& kind,
          const Contiguous<std::int64_t>& exponent, const Contiguous<std::uint64_t>& limbs) {
  const std::size_t size = out.size(), width = out.bits().limbs();
  const auto check = [](const char* what, std::size_t expected, py::ssize_t actual) {
    if (static_cast<py::ssize_t>(expected) != actual) {
      throw mpsharp::ShapeError(std::string(what) + ": expected " + std::to_string(expected) +
                                " entries, got " + std::to_string(actual));
    }
  };
  check("sign", size, sign.size());
  check("kind", size, kind.size());
  check("exponent", size, exponent.size());
  check("limbs", size * width, limbs.size());
  const std::int8_t* signs = sign.data();
  const std::int8_t* kinds = kind.data();
  const std::int64_t* exponents = exponent.data();
  const std::uint64_t* words = limbs.data();
  const auto unused =
      static_cast<unsigned>(64 * width - static_cast<std::size_t>(out.bits().value()));
  const std::uint64_t low_mask = (std::uint64_t{1} << unused) - 1;
  for (std::size_t i = 0; i < size; ++i) {
    const int direction = signs[i] < 0 ? -1 : 1;
    switch (kinds[i]) {
      case 0:
        mpfr_set_zero(out[i], direction);
        break;
      case 1: {
        const std::uint64_t* from = words + i * width;
        if ((from[width - 1] >> 63) == 0 || (from[0] & low_mask) != 0 ||
            exponents[i] < MPFR_EMIN_DEFAULT || exponents[i] > MPFR_EMAX_DEFAULT) {
          throw mpsharp::PrecisionError(
              "entry " + std::to_string(i) +
              ": limbs are not normalised or the exponent is out of range");
        }
        mp_limb_t* to = out.limbs() + i * width;
        std::copy(from, from + width, to);
        mpfr_custom_init_set(out[i], direction * MPFR_REGULAR_KIND, exponents[i],
                             out.bits().value(), to);
        break;
      }
      case 2:
        mpfr_set_inf(out[i], direction);
        break;
      default:
        mpfr_set_nan(out[i]);
    }
  }
}

/// The arrays cannot be written to, as ExactArray wants them.
py::tuple parts(const Vector& x) {
  const std::size_t size = x.size(), width = x.bits().limbs();
  Contiguous<std::int8_t> sign(static_cast<py::ssize_t>(size)),
      kind(static_cast<py::ssize_t>(size));
  Contiguous<std::int64_t> exponent(static_cast<py::ssize_t>(size));
  Contiguous<std::uint64_t> limbs(
      {static_cast<py::ssize_t>(size), static_cast<py::ssize_t>(width)});
  std::int8_t* signs = sign.mutable_data();
  std::int8_t* kinds = kind.mutable_data();
  std::int64_t* exponents = exponent.mutable_data();
  std::uint64_t* words = limbs.mutable_data();
  std::fill(words, words + size * width, 0);
  for (std::size_t i = 0; i < size; ++i) {
    const bool regular = mpfr_regular_p(x[i]) != 0;
    signs[i] = mpfr_nan_p(x[i]) == 0 && mpfr_signbit(x[i]) != 0 ? -1 : 1;
    kinds[i] = regular ? 1 : mpfr_zero_p(x[i]) != 0 ? 0 : mpfr_inf_p(x[i]) != 0 ? 2 : 3;
    exponents[i] = regular ? mpfr_get_exp(x[i]) : 0;
    if (regular) std::copy_n(x.limbs() + i * width, width, words + i * width);
  }
  for (const py::handle array :
       {py::handle(sign), py::handle(kind), py::handle(exponent), py::handle(limbs)}) {
    py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  }
  return py::make_tuple(x.bits().value(), sign, kind, exponent, limbs);
}

}  // namespace

mpsharp::Poll signal_poll() {
  using Clock = std::chrono::steady_clock;
  return [next = Clock::now() + std::chrono::milliseconds(100)]() mutable {
    const auto now = Clock::now();
    if (now < next) return;
    next = now + std::chrono::milliseconds(100);
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  };
}

void register_arrays(py::module_& m) {
  py::class_<Vector>(m, "Vector", "MPFR numbers of one precision.")
      .def(
          py::init([](long bits, const Contiguous<std::int8_t>& sign,
                      const Contiguous<std::int8_t>& kind, const Contiguous<std::int64_t>& exponent,
                      const Contiguous<std::uint64_t>& limbs) {
            const MpfrScope scope;
            Vector out(static_cast<std::size_t>(sign.size()), Bits(bits));
            fill(out, sign, kind, exponent, limbs);
            return out;
          }),
          py::arg("bits"), py::arg("sign"), py::arg("kind"), py::arg("exponent"), py::arg("limbs"))
      .def("parts", &parts,
           "The tuple (bits, sign, kind, exponent, limbs) that makes an equal vector.")
      .def_property_readonly(
          "finite", [](const Vector& x) { return is_finite(x); },
          "Whether no entry is NaN or infinite.")
      .def("__len__", &Vector::size)
      .def_property_readonly("bits", [](const Vector& x) { return x.bits().value(); });

  py::class_<Matrix, std::shared_ptr<Matrix>>(m, "Matrix", "A row-major matrix of MPFR numbers.")
      .def(py::init([](std::size_t rows, std::size_t columns, const Vector& entries) {
             const MpfrScope scope;
             return std::make_shared<Matrix>(rows, columns, entries);
           }),
           py::arg("rows"), py::arg("columns"), py::arg("entries"))
      .def_static(
          "from_float64",
          [](const Contiguous<double>& values, long bits) {
            if (values.ndim() != 2) throw mpsharp::ShapeError("values: expected 2 dimensions");
            const MpfrScope scope;
            auto out =
                std::make_shared<Matrix>(static_cast<std::size_t>(values.shape(0)),
                                         static_cast<std::size_t>(values.shape(1)), Bits(bits));
            const double* data = values.data();
            for (std::size_t i = 0; i < out->entries().size(); ++i) {
              mpfr_set_d(out->entries()[i], data[i], MPFR_RNDN);
            }
            return out;
          },
          py::arg("values"), py::arg("bits"), "One rounding to nearest for each entry.")
      .def_property_readonly(
          "entries", [](const Matrix& x) { return Vector(x.entries()); }, "A copy, row by row.")
      .def_property_readonly("shape",
                             [](const Matrix& x) { return py::make_tuple(x.rows(), x.columns()); })
      .def_property_readonly("bits", [](const Matrix& x) { return x.bits().value(); });
}
