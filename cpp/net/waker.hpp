// Wakes the one thread that waits in poll().
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

namespace trine::net {

// The waiting thread arms it, looks once more whether there is something to do, polls descriptor(), and
// disarms it. Others first make known what there is to do, then ring; that costs a system call only if it is
// armed.
class Waker {
  public:
    Waker() {
        if (::pipe(ends_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
        for (const int end : ends_) {
            ::fcntl(end, F_SETFL, O_NONBLOCK);
            ::fcntl(end, F_SETFD, FD_CLOEXEC);
        }
    }
    ~Waker() {
        for (const int end : ends_) ::close(end);
    }
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    int descriptor() const { return ends_[0]; }
    void arm() { armed_ = true; }
    // `rung`: whether there is something to read.
    void disarm(bool rung) {
        armed_ = false;
        std::array<char, 8> bytes;
        while (rung && ::read(ends_[0], bytes.data(), bytes.size()) == -1 && errno == EINTR) continue;
    }
    void ring() {
        if (!armed_.exchange(false)) return;
        const char byte = 0;
        while (::write(ends_[1], &byte, 1) == -1 && errno == EINTR) continue;
    }

  private:
    std::array<int, 2> ends_{};
    std::atomic<bool> armed_{false};
};

}  // namespace trine::net
