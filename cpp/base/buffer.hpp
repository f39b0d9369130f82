// Scratch memory on a cache-line boundary.
#pragma once

#include <new>

#include "base/span.hpp"

namespace trine {

class Buffer {
  public:
    explicit Buffer(std::size_t words)
        : data_(static_cast<u64*>(::operator new(words * sizeof(u64), alignment))) {}
    ~Buffer() { ::operator delete(data_, alignment); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    u64* data() const { return data_; }

  private:
    static constexpr std::align_val_t alignment{64};
    u64* data_;
};

}  // namespace trine
