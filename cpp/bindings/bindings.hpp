#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "kernels/paths.hpp"
#include "mpsharp/mpfr.hpp"
#include "mpsharp/poll.hpp"

void register_arrays(pybind11::module_& m);
void register_matmul(pybind11::module_& m);
void register_decompositions(pybind11::module_& m);
void register_minimalist(pybind11::module_& m);
void register_certificate(pybind11::module_& m);

/// A poll that lets Python handle signals ten times a second: Ctrl-C becomes a Python exception
/// that travels through the core. To be made with or without the GIL, on the calling thread.
mpsharp::Poll signal_poll();

/// Runs `work` with MPFR's default state, without the GIL, under a signal poll.
template <typename Work>
auto without_gil(Work work) {
  const pybind11::gil_scoped_release release;
  const mpsharp::MpfrScope scope;
  const mpsharp::Poll poll = signal_poll();
  return work(poll);
}

/// The kernels of this name, for tests and benchmarks that compare them in one process.
mpsharp::KernelPath path_from(const std::string& name);
