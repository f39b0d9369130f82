// Lets libcrypto encrypt zeros: the ciphertext is the keystream.
#include "prg/aes_ctr.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

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

void succeed(int result) {
    if (result != 1) throw std::runtime_error("libcrypto failed in AES-128-CTR");
}

Context new_context() {
    Context context(EVP_CIPHER_CTX_new());
    succeed(context != nullptr);
    return context;
}

// The key that the context holds stays as it is.
void start(const Context& context, Position from) {
    u8 counter[block_bytes];
    store_big_endian(from.stream, counter);
    store_big_endian(from.block, counter + 8);
    succeed(EVP_EncryptInit_ex(context.get(), nullptr, nullptr, nullptr, counter));
}

void next(const Context& context, Bytes out) {
    while (!out.empty()) {
        const Bytes chunk = out.first(std::min(out.size(), zeros.size()));
        int written = 0;
        succeed(EVP_EncryptUpdate(context.get(), chunk.data(), &written, zeros.data(),
                                  static_cast<int>(chunk.size())));
        out = out.subspan(chunk.size());
    }
}

// The block number must not carry into the stream number.
void require_blocks(Position from, u64 blocks) {
    require(blocks == 0 || blocks - 1 <= ~from.block,
            "this fill would run past the last block of its stream");
}

}  // namespace

void FreeContext::operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }

Keystream::Keystream(Key key) : context_(new_context()) {
    succeed(EVP_EncryptInit_ex(context_.get(), EVP_aes_128_ctr(), nullptr, key.data(), nullptr));
}

void Keystream::fill(Position from, Bytes out, int threads) {
    require_blocks(from, out.size() / block_bytes + (out.size() % block_bytes != 0));
    const std::lock_guard turn(turn_);
    if (threads == 1 || out.size() <= thread_grain) {
        start(context_, from);
        return next(context_, out);
    }
    parallel_for(out.size(), thread_grain, threads, [&](std::size_t begin, std::size_t end) {
        const Context copy = new_context();
        succeed(EVP_CIPHER_CTX_copy(copy.get(), context_.get()));
        start(copy, {from.stream, from.block + begin / block_bytes});
        next(copy, out.subspan(begin, end - begin));
    });
}

void Keystream::fill_field(Position from, u64 prime, Words out) {
    constexpr std::size_t most = 512;
    u64 words[most];
    const u64 mask = ~u64{0} >> std::countl_zero(prime);
    const std::lock_guard turn(turn_);
    start(context_, from);
    u64 blocks = 0;
    for (std::size_t count = 0; count < out.size();) {
        // At least half of the words are kept, so this is seldom too few.
        const std::size_t chunk = std::min(most, 2 * (out.size() - count));
        blocks += chunk * sizeof(u64) / block_bytes;
        require_blocks(from, blocks);
        next(context_, {reinterpret_cast<u8*>(words), chunk * sizeof(u64)});
        for (std::size_t i = 0; i < chunk && count < out.size(); ++i) {
            out[count] = words[i] & mask;
            count += static_cast<std::size_t>(out[count] < prime);
        }
    }
    OPENSSL_cleanse(words, sizeof(words));
}

}  // namespace trine::prg
