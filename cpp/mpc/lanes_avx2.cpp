// The loops as compiled for one instruction set.
#include "mpc/lanes.hpp"
// The text that all share.
#include "mpc/lanes.inl"

namespace trine::mpc {

extern const Lanes avx2_lanes;
const Lanes avx2_lanes = here;

}  // namespace trine::mpc
