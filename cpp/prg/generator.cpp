// Draws go through a buffer that stays in L1, in numbers no wider than they need be: AES is what a draw
// costs.
#include "prg/generator.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace trine::prg {

namespace {

constexpr std::size_t chunk = 512;  // elements: whole blocks whatever their size
constexpr std::size_t widest = sizeof(u64);

template <class Narrow, class Use>
void use_as(const u8* bytes, std::size_t begin, std::size_t count, u64 mask, Use use) {
    for (std::size_t i = 0; i < count; ++i) {
        Narrow number;
        std::memcpy(&number, bytes + i * sizeof(Narrow), sizeof(Narrow));
        use(begin + i, number & mask);
    }
}

}  // namespace

template <class Use>
void Generator::each(std::size_t width, std::size_t count, Use use) {
    alignas(64) u8 buffer[chunk * widest];
    const u64 mask = ~u64{0} >> (64 - width);
    const std::size_t size = width <= 8 ? 1 : width <= 16 ? 2 : width <= 32 ? 4 : 8;
    const u64 stream = stream_++;
    for (std::size_t begin = 0; begin < count; begin += chunk) {
        const std::size_t here = std::min(chunk, count - begin);
        keystream_.fill({stream, begin * size / block_bytes}, {buffer, here * size}, 1);
        if (size == 1)
            use_as<u8>(buffer, begin, here, mask, use);
        else if (size == 2)
            use_as<std::uint16_t>(buffer, begin, here, mask, use);
        else if (size == 4)
            use_as<u32>(buffer, begin, here, mask, use);
        else
            use_as<u64>(buffer, begin, here, mask, use);
    }
    OPENSSL_cleanse(buffer, std::min(count, chunk) * size);
}

void Generator::draw(std::size_t width, Words out) {
    if (width == 64) {
        keystream_.fill({stream_++}, {reinterpret_cast<u8*>(out.data()), out.size_bytes()}, 1);
        return;
    }
    each(width, out.size(), [out = out.data()](std::size_t i, u64 number) { out[i] = number; });
}

void Generator::subtract(std::size_t width, Words out) {
    each(width, out.size(), [out = out.data()](std::size_t i, u64 number) { out[i] -= number; });
}

void Generator::exclusive_or(Words out) {
    each(64, out.size(), [out = out.data()](std::size_t i, u64 number) { out[i] ^= number; });
}

}  // namespace trine::prg
