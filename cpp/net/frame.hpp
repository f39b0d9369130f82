// A frame is one message on the wire between two parties: a header of 20 bytes and a payload.
//
//   offset  bytes  field      (little endian)
//   0       1      version    1
//   1       1      kind       1 control, 2 data
//   2       2      reserved   0
//   4       4      length     of the payload: at most 1 MiB (control), 1 GiB (data)
//   8       8      session    0 for control frames, else the number of the computation
//   16      4      sequence   counts this sender's frames from 0: of the session, or of the link for control
#pragma once

#include <array>
#include <span>

#include "base/span.hpp"

namespace trine::net {

enum class Kind : u8 { control = 1, data = 2 };

struct Header {
    Kind kind;
    u64 length;
    u64 session;
    u64 sequence;
};

inline constexpr std::size_t header_bytes = 20;
using HeaderBytes = std::array<u8, header_bytes>;

constexpr u64 largest_payload(Kind kind) { return u64{1} << (kind == Kind::control ? 20 : 30); }

// Both throw Fault (protocol): the one if the payload or the sequence does not fit, the other unless every
// field is as it must be.
HeaderBytes pack(const Header& header);
Header unpack(std::span<const u8, header_bytes> bytes);

}  // namespace trine::net
