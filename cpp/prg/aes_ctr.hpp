// The pseudorandom generator: AES-128 in counter mode, key and counter given by the caller.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <mutex>
#include <span>

#include "base/span.hpp"

namespace trine::prg {

inline constexpr std::size_t key_bytes = 16, block_bytes = 16;
using Key = std::span<const u8, key_bytes>;

// Where a keystream begins: its 16-byte blocks are AES(key, stream || block), both 64-bit big endian, for
// block, block + 1, ... A fill that would run past the last block number throws std::invalid_argument.
struct Position {
    u64 stream;
    u64 block = 0;
};

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const;  // wipes the key
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// A key, expanded once for all its fills; calls from several threads take turns.
class Keystream {
  public:
    explicit Keystream(Key key);

    void fill(Position from, Bytes out, int threads);

    // Uniform in [0, prime): the keystream's 64-bit little-endian words, cut to the prime's bit length, in
    // order, without those that are too large. How many are dropped depends on the keystream alone.
    void fill_field(Position from, u64 prime, Words out);

  private:
    Context context_;
    std::mutex turn_;
};

}  // namespace trine::prg
