// Puts headers together and takes them apart; little endian, as the machine is.
#include "net/frame.hpp"

#include <cstring>
#include <string>

#include "net/fault.hpp"

namespace trine::net {

namespace {

constexpr u8 version = 1;

std::string name(Kind kind) { return kind == Kind::control ? "control" : "data"; }

void require(bool holds, const std::string& complaint) {
    if (!holds) throw Fault(Cause::protocol, -1, complaint);
}

template <class Word>
void put(HeaderBytes& bytes, std::size_t offset, Word value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

template <class Word>
Word get(std::span<const u8, header_bytes> bytes, std::size_t offset) {
    Word value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
}

}  // namespace

HeaderBytes pack(const Header& header) {
    const u64 limit = largest_payload(header.kind);
    require(header.length <= limit, "a " + name(header.kind) + " message has " +
                                        std::to_string(header.length) + " bytes, at most " +
                                        std::to_string(limit) + " fit a frame");
    require(header.sequence <= ~u32{0}, "session " + std::to_string(header.session) + ", sequence " +
                                            std::to_string(header.sequence) + " cannot be numbered");
    HeaderBytes bytes{};
    bytes[0] = version;
    bytes[1] = static_cast<u8>(header.kind);
    put(bytes, 4, static_cast<u32>(header.length));
    put(bytes, 8, header.session);
    put(bytes, 16, static_cast<u32>(header.sequence));
    return bytes;
}

Header unpack(std::span<const u8, header_bytes> bytes) {
    require(bytes[0] == version, "a frame of version " + std::to_string(bytes[0]) +
                                     " came, this party speaks version " + std::to_string(version));
    const auto reserved = get<std::uint16_t>(bytes, 2);
    require((bytes[1] == 1 || bytes[1] == 2) && reserved == 0, "a frame of unknown kind " +
                                                                   std::to_string(bytes[1]) + " (reserved " +
                                                                   std::to_string(reserved) + ") came");
    const Header header{static_cast<Kind>(bytes[1]), get<u32>(bytes, 4), get<u64>(bytes, 8),
                        get<u32>(bytes, 16)};
    const u64 limit = largest_payload(header.kind);
    require(header.length <= limit, "a " + name(header.kind) + " frame announces " +
                                        std::to_string(header.length) + " bytes, allowed are " +
                                        std::to_string(limit));
    require((header.session == 0) == (header.kind == Kind::control),
            "a " + name(header.kind) + " frame came for session " + std::to_string(header.session));
    return header;
}

}  // namespace trine::net
