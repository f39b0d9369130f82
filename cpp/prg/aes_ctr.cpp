// Lets libcrypto encrypt zeros: the ciphertext is the keystream.
#include "prg/aes_ctr.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

#include "base/check.hpp"
#include "base/parallel.hpp"

namespace trine::prg {

namespace {

// The plaintext: its ciphertext is the keystream itself. Short enough to stay in L1 however long the fill.
constexpr std::array<u8, 8192> zeros{};

constexpr std::size_t thread_grain = std::size_t{1} << 18;  // bytes worth a thread; a multiple of a block

void store_big_endian(u64 value, u8* out) {
    for (int i = 7; i >= 0; --i, value >>= 8) out[i] = static_cast<u8>(value);
}

// The block number must not carry into the stream number.
void require_blocks(Position from, u64 blocks) {
    require(blocks == 0 || blocks - 1 <= ~from.block,
            "this fill would run past the last block of its stream");
}

}  // namespace

Keystream::Keystream(Key key) : context_(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free) {
    if (!context_ ||
        EVP_EncryptInit_ex(context_.get(), EVP_aes_128_ctr(), nullptr, key.data(), nullptr) != 1)
        throw std::runtime_error("libcrypto could not start AES-128-CTR");
}

void Keystream::seek(Position from) {
    u8 counter[block_bytes];
    store_big_endian(from.stream, counter);
    store_big_endian(from.block, counter + 8);
    if (EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, counter) != 1)
        throw std::runtime_error("libcrypto could not set the counter of AES-128-CTR");
}

void Keystream::next(Bytes out) {
    while (!out.empty()) {
        const Bytes chunk = out.first(std::min(out.size(), zeros.size()));
        int written = 0;
        if (EVP_EncryptUpdate(context_.get(), chunk.data(), &written, zeros.data(),
                              static_cast<int>(chunk.size())) != 1)
            throw std::runtime_error("libcrypto failed in AES-128-CTR");
        out = out.subspan(chunk.size());
    }
}

void fill(Key key, Position from, Bytes out, int threads) {
    require_blocks(from, out.size() / block_bytes + (out.size() % block_bytes != 0));
    parallel_for(out.size(), thread_grain, threads, [&](std::size_t begin, std::size_t end) {
        Keystream keystream(key);
        keystream.seek({from.stream, from.block + begin / block_bytes});
        keystream.next(out.subspan(begin, end - begin));
    });
}

void fill_field(Key key, Position from, u64 prime, Words out) {
    Keystream keystream(key);
    fill_field(keystream, from, prime, out);
}

void fill_field(Keystream& keystream, Position from, u64 prime, Words out) {
    constexpr std::size_t chunk = 512;
    u64 words[chunk];
    const u64 mask = ~u64{0} >> std::countl_zero(prime);
    keystream.seek(from);
    std::size_t count = 0;
    for (u64 blocks = 0; count < out.size(); blocks += sizeof(words) / block_bytes) {
        require_blocks(from, blocks + sizeof(words) / block_bytes);
        keystream.next({reinterpret_cast<u8*>(words), sizeof(words)});
        for (std::size_t i = 0; i < chunk && count < out.size(); ++i) {
            out[count] = words[i] & mask;
            count += static_cast<std::size_t>(out[count] < prime);
        }
    }
    OPENSSL_cleanse(words, sizeof(words));
}

}  // namespace trine::prg
