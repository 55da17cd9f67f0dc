#pragma once

#include <pybind11/pybind11.h>

#include "mpsharp/poll.hpp"

void register_arrays(pybind11::module_& m);
void register_minimalist(pybind11::module_& m);

/// A poll that lets Python handle signals ten times a second: Ctrl-C becomes a Python exception
/// that travels through the core. To be made with or without the GIL, on the calling thread.
mpsharp::Poll signal_poll();
