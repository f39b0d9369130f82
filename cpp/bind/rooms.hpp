// Each room of kernels adds its functions to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace trine::bind {

void add_ring_arithmetic(pybind11::module_& module);
void add_ring_bits(pybind11::module_& module);
void add_prg(pybind11::module_& module);
void add_mpc(pybind11::module_& module);
void add_rounds(pybind11::module_& module);
void add_programs(pybind11::module_& module);
void add_net_errors(pybind11::module_& module);
void add_net_tls(pybind11::module_& module);
void add_net_hub(pybind11::module_& module);

}  // namespace trine::bind
