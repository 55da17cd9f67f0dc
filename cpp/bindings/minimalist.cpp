#include "mpsharp/models/minimalist.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "data.hpp"
#include "kernels/diagonal_products.hpp"
#include "mpsharp/error.hpp"
#include "mpsharp/flow.hpp"
#include "mpsharp/models/moments.hpp"
#include "mpsharp/spectrum/gram.hpp"
#include "mpsharp/steppers.hpp"

namespace py = pybind11;
using namespace mpsharp;  // NOLINT: the bindings name almost all of it

namespace {

Arithmetic arithmetic_from(const std::string& name) {
  if (name == "sequential") return Arithmetic::sequential;
  if (name == "exact") return Arithmetic::exact;
  throw ShapeError("arithmetic: expected sequential or exact, got " + name);
}

Vector as_vector(const Mpfr& x) {
  Vector out(1, x.bits());
  mpfr_set(out[0], x, MPFR_RNDN);
  return out;
}

/// Integers of any size that fits; floats are refused.
using RowIndices = py::array_t<std::int64_t, py::array::c_style>;

std::vector<std::size_t> indices(const RowIndices& rows) {
  if (rows.ndim() != 1) {
    throw ShapeError("rows: expected 1 dimension, got " + std::to_string(rows.ndim()));
  }
  std::vector<std::size_t> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (py::ssize_t i = 0; i < rows.size(); ++i) {
    const std::int64_t row = rows.at(i);
    if (row < 0) throw ShapeError("rows: expected indices from 0 on, got " + std::to_string(row));
    out.push_back(static_cast<std::size_t>(row));
  }
  return out;
}

using Draws = py::array_t<double, py::array::c_style | py::array::forcecast>;
constexpr const char* perturb_doc =
    "x + RN(x RN(size r)), rounded, for every parameter x and its draw r: those of u, then of v.";

std::span<const double> as_span(const Draws& draws) {
  return {draws.data(), static_cast<std::size_t>(draws.size())};
}

constexpr const char* observe_doc =
    "Sharpness, its residual, then the imbalance of each layer, at `bits`.";

Vector observe(const GramForm& form, const StateView& at, const Vector& y, Bits bits) {
  const Observation seen =
      without_gil([&](const Poll& poll) { return form.observe(at, y, bits, poll); });
  Vector out(2 + seen.imbalance.size(), bits);
  mpfr_set(out[0], seen.sharpness, MPFR_RNDN);
  mpfr_set(out[1], seen.residual, MPFR_RNDN);
  copy(out.span().subspan(2), seen.imbalance);
  return out;
}

const char* stop_name(Stop stop) {
  switch (stop) {
    case Stop::converged:
      return "converged";
    case Stop::diverged:
      return "diverged";
    case Stop::stationary:
      return "stationary";
    case Stop::none:
      break;
  }
  return "";
}

std::optional<Mpfr> optional_scalar(const Vector* x, const char* what) {
  if (x == nullptr) return std::nullopt;
  return scalar(*x, what);
}

}  // namespace

KernelPath path_from(const std::string& name) {
  for (const KernelPath path : all_paths) {
    if (name == name_of(path) && can_run(path)) return path;
  }
  throw ShapeError("kernels: none named " + name + " on this machine");
}

void register_minimalist(py::module_& m) {
  py::class_<Data>(m, "Data", "A data matrix prepared for products in one arithmetic.")
      .def(py::init([](std::shared_ptr<Matrix> X, const std::string& arithmetic, unsigned threads,
                       const std::string& kernels) {
             const Arithmetic chosen = arithmetic_from(arithmetic);
             const auto make = [&](Arithmetic wanted) {
               return kernels.empty() ? make_products(X, wanted, threads)
                                      : make_products(X, wanted, threads, path_from(kernels));
             };
             return without_gil([&](const Poll&) {
               Data data{X, nullptr, make(chosen), nullptr, threads};
               data.exact = chosen == Arithmetic::exact ? data.products : make(Arithmetic::exact);
               return data;
             });
           }),
           py::arg("X"), py::arg("arithmetic"), py::arg("threads") = 1, py::arg("kernels") = "")
      .def_static(
          "diagonal",
          [](const Vector& diagonal, const std::string& arithmetic, const std::string& kernels) {
            const Arithmetic chosen = arithmetic_from(arithmetic);
            const KernelPath path = kernels.empty() ? chosen_path() : path_from(kernels);
            return Data{nullptr, std::make_shared<const Vector>(diagonal),
                        make_diagonal_products(diagonal, chosen, path),
                        make_diagonal_products(diagonal, Arithmetic::exact, path), 1};
          },
          py::arg("diagonal"), py::arg("arithmetic"), py::arg("kernels") = "",
          "The square matrix with this diagonal.")
      .def(
          "apply",
          [](const Data& data, const Vector& x, long bits) {
            return without_gil([&](const Poll& poll) {
              Vector out(data.products->rows(), Bits(bits));
              data.products->apply(out, x, poll);
              return out;
            });
          },
          py::arg("x"), py::arg("bits"), "X x, each entry rounded to `bits`.")
      .def(
          "apply_transposed",
          [](const Data& data, const Vector& x, long bits) {
            return without_gil([&](const Poll& poll) {
              Vector out(data.products->columns(), Bits(bits));
              data.products->apply_transposed(out, x, poll);
              return out;
            });
          },
          py::arg("x"), py::arg("bits"), "X'x, each entry rounded to `bits`.")
      .def(
          "apply_rows",
          [](const Data& data, const Vector& x, const RowIndices& rows, long bits) {
            const std::vector<std::size_t> chosen = indices(rows);
            return without_gil([&](const Poll& poll) {
              Vector out(chosen.size(), Bits(bits));
              data.products->apply_rows(out, x, chosen, poll);
              return out;
            });
          },
          py::arg("x"), py::arg("rows"), py::arg("bits"),
          "X[rows] x, each entry rounded to `bits`.")
      .def(
          "apply_transposed_rows",
          [](const Data& data, const Vector& z, const RowIndices& rows, long bits) {
            const std::vector<std::size_t> chosen = indices(rows);
            return without_gil([&](const Poll& poll) {
              Vector out(data.products->columns(), Bits(bits));
              data.products->apply_transposed_rows(out, z, chosen, poll);
              return out;
            });
          },
          py::arg("z"), py::arg("rows"), py::arg("bits"),
          "X[rows]'z, over these rows in their order, each entry rounded to `bits`.");

  py::class_<GramForm>(m, "GramForm",
                       "The reduction of X that sharpness and imbalance are read from.")
      .def(py::init([](const Data& data, long bits, std::size_t n_samples, std::size_t rank) {
             return without_gil([&](const Poll& poll) {
               if (data.diagonal != nullptr) {
                 return std::make_unique<GramForm>(*data.diagonal, Bits(bits), n_samples);
               }
               return std::make_unique<GramForm>(data.exact, data.matrix(), Bits(bits), n_samples,
                                                 rank, data.threads, poll);
             });
           }),
           py::arg("data"), py::arg("bits"), py::arg("n_samples"), py::arg("rank"))
      .def(
          "observe",
          [](const GramForm& form, const Vector& u, const Vector& v, const Vector& y, long bits) {
            return observe(form, {[&u]() -> const Vector& { return u; }, v}, y, Bits(bits));
          },
          py::arg("u"), py::arg("v"), py::arg("y"), py::arg("bits"), observe_doc)
      .def(
          "observe",
          [](const GramForm& form, GradientDescent& run, const Vector& y, long bits) {
            run.keep_products(form.bits());  // for the next time
            return observe(form,
                           {[&run]() -> const Vector& { return run.u(); }, run.v(), run.products()},
                           y, Bits(bits));
          },
          py::arg("run"), py::arg("y"), py::arg("bits"), observe_doc)
      .def(
          "eigenvalues",
          [](const GramForm& form, const Vector& u, const Vector& v, const Vector& y, long bits,
             std::size_t count, std::size_t n_features) {
            return without_gil([&](const Poll& poll) {
              return form.eigenvalues(u, v, y, Bits(bits), count, n_features, poll);
            });
          },
          py::arg("u"), py::arg("v"), py::arg("y"), py::arg("bits"), py::arg("count"),
          py::arg("n_features"),
          "The `count` largest eigenvalues, falling, at `bits`; of n_features columns, those that "
          "X "
          "lacks make zeros.")
      .def(
          "projected_square",
          [](const GramForm& form, const Vector& u) {
            return as_vector(
                without_gil([&](const Poll& poll) { return form.projected_square(u, poll); }));
          },
          py::arg("u"), "||Pi u||^2 of finite u, at the form's bits.");

  m.def(
      "lacking_bits",
      [](const Vector& observation, long bits) {
        if (observation.size() < 2) {
          throw ShapeError("observation: expected at least 2 entries, got " +
                           std::to_string(observation.size()));
        }
        return lacking_bits(observation[0], observation[1], Bits(bits));
      },
      py::arg("observation"), py::arg("bits"),
      "How many bits more a sharpness right to `bits` of its own would need, or None.");

  py::class_<MomentForm>(m, "MomentForm", "Sums over a state that the theory's formulas need.")
      .def(py::init([](const Data& data, long bits) {
             return without_gil([&](const Poll& poll) {
               return std::make_unique<MomentForm>(data.exact, *data.dense(), Bits(bits), poll);
             });
           }),
           py::arg("data"), py::arg("bits"))
      .def(
          "measure",
          [](const MomentForm& form, const Vector& u, const Vector& v, const Vector& y, long bits) {
            Moments sums{Bits(bits)};
            without_gil([&](const Poll& poll) {
              form.measure(sums, u, v, y, poll);
              return 0;
            });
            Vector out(7, Bits(bits));
            std::size_t i = 0;
            for (const Mpfr* sum :
                 {&sums.uu, &sums.ss, &sums.sz, &sums.zz, &sums.gg, &sums.rrzz, &sums.sszz}) {
              mpfr_set(out[i++], *sum, MPFR_RNDN);
            }
            return out;
          },
          py::arg("u"), py::arg("v"), py::arg("y"), py::arg("bits"),
          "u'u, s's, s'z, z'z, g'g, sum |x_i|^2 z_i^2, sum s_i^2 z_i^2, at `bits`.");

  m.def(
      "dot",
      [](const Vector& x, const Vector& y, long bits) {
        const MpfrScope scope;
        Mpfr out{Bits(bits)};
        dot(out, x, y, Arithmetic::exact);
        return as_vector(out);
      },
      py::arg("x"), py::arg("y"), py::arg("bits"), "x'y, rounded once to `bits`.");

  py::class_<Minimalist, std::shared_ptr<Minimalist>>(m, "Minimalist",
                                                      "Data, labels and depth of the model.")
      .def(py::init([](const Data& data, const Vector& y, std::size_t depth, std::size_t n_samples,
                       const Vector* loss_floor) {
             return std::make_shared<Minimalist>(data.products, y, depth, n_samples,
                                                 optional_scalar(loss_floor, "loss_floor"));
           }),
           py::arg("data"), py::arg("y"), py::arg("depth"), py::arg("n_samples"),
           py::arg("loss_floor") = nullptr);

  py::class_<GradientDescent>(m, "GradientDescent", "Gradient descent of the minimalist model.")
      .def(py::init([](std::shared_ptr<Minimalist> model, const Vector& u, const Vector& v,
                       const Vector& step_size) {
             return without_gil([&](const Poll& poll) {
               return std::make_unique<GradientDescent>(std::move(model), u, v,
                                                        scalar(step_size, "step_size"), poll);
             });
           }),
           py::arg("model"), py::arg("u"), py::arg("v"), py::arg("step_size"))
      .def(
          "advance",
          [](GradientDescent& run, long steps, double ceiling, const Vector* stop_loss) {
            const std::optional<Mpfr> limit = optional_scalar(stop_loss, "stop_loss");
            return without_gil([&](const Poll& poll) {
              return stop_name(run.advance(steps, ceiling, limit, poll));
            });
          },
          py::arg("steps"), py::arg("ceiling"), py::arg("stop_loss"),
          "Up to `steps` steps; the reason to stop: '', 'converged' or 'diverged'.")
      .def(
          "perturb",
          [](GradientDescent& run, const Vector& size, const Draws& draws) {
            const Mpfr scale = scalar(size, "size");
            const std::span<const double> numbers = as_span(draws);
            without_gil([&](const Poll& poll) {
              run.perturb(scale, numbers, poll);
              return 0;
            });
          },
          py::arg("size"), py::arg("draws"), perturb_doc)
      .def_property_readonly("step", &GradientDescent::step)
      .def_property_readonly("finite", &GradientDescent::is_finite)
      .def_property_readonly("loss",
                             [](const GradientDescent& run) { return as_vector(run.loss()); })
      .def_property_readonly("u", [](const GradientDescent& run) { return Vector(run.u()); })
      .def_property_readonly("v", [](const GradientDescent& run) { return Vector(run.v()); });

  py::class_<GradientFlow>(m, "GradientFlow", "Gradient flow of the minimalist model.")
      .def(py::init([](std::shared_ptr<Minimalist> model, const Vector& u, const Vector& v,
                       double tolerance, double max_step, double first_step) {
             return without_gil([&](const Poll& poll) {
               return std::make_unique<GradientFlow>(std::move(model), u, v, tolerance, max_step,
                                                     first_step, poll);
             });
           }),
           py::arg("model"), py::arg("u"), py::arg("v"), py::arg("tolerance"), py::arg("max_step"),
           py::arg("first_step"))
      .def("hold", &GradientFlow::hold, py::arg("step_size"),
           "From now on all steps have this size and are accepted.")
      .def(
          "advance",
          [](GradientFlow& run, long steps, double ceiling, const Vector* stop_loss) {
            const std::optional<Mpfr> limit = optional_scalar(stop_loss, "stop_loss");
            return without_gil([&](const Poll& poll) {
              return stop_name(run.advance(steps, ceiling, limit, poll));
            });
          },
          py::arg("steps"), py::arg("ceiling"), py::arg("stop_loss"),
          "Up to `steps` steps; the reason to stop: '', 'converged', 'diverged' or 'stationary'.")
      .def_property_readonly("step", &GradientFlow::step)
      .def_property_readonly("rejected", &GradientFlow::rejected)
      .def_property_readonly("flow_time", &GradientFlow::flow_time)
      .def_property_readonly("step_size", &GradientFlow::step_size)
      .def_property_readonly("loss", [](const GradientFlow& run) { return as_vector(run.loss()); })
      .def_property_readonly("u", [](const GradientFlow& run) { return Vector(run.u()); })
      .def_property_readonly("v", [](const GradientFlow& run) { return Vector(run.v()); });

  py::class_<StochasticGradientDescent>(m, "StochasticGradientDescent",
                                        "Stochastic gradient descent of the minimalist model.")
      .def(py::init([](std::shared_ptr<Minimalist> model, const Vector& u, const Vector& v,
                       const Vector& step_size, std::size_t batch_size, long epoch) {
             return without_gil([&](const Poll&) {
               return std::make_unique<StochasticGradientDescent>(
                   std::move(model), u, v, scalar(step_size, "step_size"), batch_size, epoch);
             });
           }),
           py::arg("model"), py::arg("u"), py::arg("v"), py::arg("step_size"),
           py::arg("batch_size"), py::arg("epoch"))
      .def(
          "advance",
          [](StochasticGradientDescent& run, const RowIndices& rows, double ceiling,
             const Vector* stop_loss) {
            const std::vector<std::size_t> batches = indices(rows);
            const std::optional<Mpfr> limit = optional_scalar(stop_loss, "stop_loss");
            return without_gil([&](const Poll& poll) {
              return stop_name(run.advance(batches, ceiling, limit, poll));
            });
          },
          py::arg("rows"), py::arg("ceiling"), py::arg("stop_loss"),
          "One step for each batch of `rows`; the reason to stop: '', 'converged' or 'diverged'.")
      .def(
          "perturb",
          [](StochasticGradientDescent& run, const Vector& size, const Draws& draws) {
            const MpfrScope scope;
            run.perturb(scalar(size, "size"), as_span(draws));
          },
          py::arg("size"), py::arg("draws"), perturb_doc)
      .def(
          "loss",
          [](StochasticGradientDescent& run) {
            return without_gil([&](const Poll& poll) { return as_vector(run.loss(poll)); });
          },
          "The loss of all samples at the present step.")
      .def_property_readonly("step", &StochasticGradientDescent::step)
      .def_property_readonly("u",
                             [](const StochasticGradientDescent& run) { return Vector(run.u()); })
      .def_property_readonly("v",
                             [](const StochasticGradientDescent& run) { return Vector(run.v()); });
}
