// One key's generator: every draw opens a stream of its own, so no position of the keystream is used twice.
#pragma once

#include "base/span.hpp"
#include "prg/aes_ctr.hpp"

namespace trine::prg {

class Generator {
  public:
    explicit Generator(Key key) : keystream_(key) {}

    // How many draws there have been: the number of the next draw's stream.
    u64 draws() const { return stream_; }

    // Uniform in [0, 2^width), width 1 to 64: the low bits of the stream's little-endian numbers of 1, 2, 4
    // or 8 bytes, whichever is the least that holds them.
    void draw(std::size_t width, Words out);
    // The same numbers, taken off `out` modulo 2^64, or joined to it by exclusive or.
    void subtract(std::size_t width, Words out);
    void exclusive_or(Words out);

    void draw_field(u64 prime, Words out) { keystream_.fill_field({stream_++}, prime, out); }

  private:
    template <class Use>
    void each(std::size_t width, std::size_t count, Use use);

    Keystream keystream_;
    u64 stream_ = 0;
};

}  // namespace trine::prg
