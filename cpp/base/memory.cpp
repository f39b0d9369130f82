// Settings of glibc's allocator, for processes that compute the same again and again.
#include "base/memory.hpp"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace trine {

void keep_freed_memory() {
#ifdef __GLIBC__
    constexpr int largest_threshold = 32 << 20;  // that glibc takes
    // Larger blocks still come from the system one by one, and go back to it.
    mallopt(M_MMAP_THRESHOLD, largest_threshold);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);  // other arenas consist of small pieces of memory
#endif
}

}  // namespace trine
