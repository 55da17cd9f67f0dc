#include <gmp.h>
#include <mpfr.h>
#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "kernels/paths.hpp"
#include "mpsharp/error.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  m.doc() = "The multi-precision core of mpsharp. Use the mpsharp package, not this module.";
  if (mpfr_buildopt_tls_p() == 0) {
    throw py::import_error("mpsharp needs an MPFR that was built thread-safe");
  }
  // errors.py has the classes; this module raises them by name.
  py::register_local_exception_translator([](std::exception_ptr error) {
    const auto raise = [](const char* name, const char* text) {
      const py::object type = py::module_::import("mpsharp.errors").attr(name);
      PyErr_SetString(type.ptr(), text);
    };
    try {
      if (error) std::rethrow_exception(error);
    } catch (const mpsharp::ShapeError& e) {
      raise("ShapeError", e.what());
    } catch (const mpsharp::PrecisionError& e) {
      raise("PrecisionError", e.what());
    } catch (const std::bad_alloc&) {
      raise("ResourceError", "out of memory");
    }
  });
  m.def(
      "versions",
      [] {
        py::dict out;
        out["mpfr"] = mpfr_get_version();
        out["gmp"] = gmp_version;
        out["mpfr_source"] = MPSHARP_MPFR_SOURCE;
        out["compiler"] = __VERSION__;
        return out;
      },
      "Versions of MPFR, GMP and the compiler, and where MPFR came from.");
  m.def(
      "kernels",
      [] {
        using mpsharp::KernelPath;
        py::list available, features;
        for (const KernelPath path : mpsharp::all_paths) {
          if (mpsharp::can_run(path)) available.append(mpsharp::name_of(path));
        }
#if defined(__x86_64__) && defined(__GNUC__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2") != 0) features.append("avx2");
        if (__builtin_cpu_supports("avx512f") != 0) features.append("avx512f");
        if (__builtin_cpu_supports("avx512ifma") != 0) features.append("avx512ifma");
#endif
        py::dict out;
        out["chosen"] = mpsharp::name_of(mpsharp::chosen_path());
        out["available"] = available;
        out["features"] = features;
        return out;
      },
      "Kernels chosen and available, and features of the processor.");
  register_arrays(m);
  register_matmul(m);
  register_minimalist(m);
  register_decompositions(m);
  register_certificate(m);
}
