// The module trine._core: the compiled rooms, one after the other.
#include <pybind11/stl.h>

#include "base/cpu.hpp"
#include "base/memory.hpp"
#include "bind/rooms.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() =
        "The compiled core: arithmetic on rings, fields, bits and shares, the pseudorandom generator, the "
        "parties' links.\n\n"
        "Arrays are C-contiguous, of exactly the dtype that is shown; results go into arrays that the "
        "caller\n"
        "made (or new ones, where it is said), which share no memory with the inputs unless it is said that "
        "they may.\nThe kernels run without the GIL. `threads` (1..1024) is how many to use at most; `isa` "
        "the instruction set, \"auto\" or one "
        "of\n"
        "available_isas(). Neither changes a bit of the results.\n\n"
        "Raises TypeError or ValueError, which name the argument, what it must be and what it is, but never "
        "show\n"
        "an element: it may be secret.";
    module.def("available_isas", &trine::available_isas,
               "The values that `isa` may have here besides \"auto\", slowest first.");
    module.def(
        "keep_freed_memory", &trine::keep_freed_memory,
        "From now on this process keeps what it frees, up to a gigabyte, for its next computation.\n\n"
        "For processes that do nothing else: memory that goes back to the system has to be fetched page by "
        "page again.");
    trine::bind::add_ring_arithmetic(module);
    trine::bind::add_ring_bits(module);
    trine::bind::add_prg(module);
    trine::bind::add_mpc(module);
    trine::bind::add_rounds(module);
    trine::bind::add_programs(module);
    trine::bind::add_net_errors(module);
    trine::bind::add_net_tls(module);
    trine::bind::add_net_hub(module);
}
