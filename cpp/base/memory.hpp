// What becomes of memory that is freed.
#pragma once

namespace trine {

// From now on the process keeps what it frees, up to a gigabyte, for its next computation, in place of giving
// it back to the system page by page and fetching it again. Does nothing where the C library knows no such
// setting.
void keep_freed_memory();

}  // namespace trine
