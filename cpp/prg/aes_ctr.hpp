// The pseudorandom generator: AES-128 in counter mode, key and counter given by the caller.
#pragma once

#include <openssl/evp.h>

#include <memory>
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

// The keystream of one key, read on from a position. Setting the key up costs far more than going elsewhere.
class Keystream {
  public:
    explicit Keystream(Key key);
    void seek(Position from);
    // Goes on where the last call ended, so long as that was at the end of a block.
    void next(Bytes out);

  private:
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;  // freeing it wipes the key
};

void fill(Key key, Position from, Bytes out, int threads);

// Uniform in [0, prime): the keystream's 64-bit little-endian words, cut to the prime's bit length, in order,
// without those that are too large. How many are dropped depends on the keystream alone.
void fill_field(Key key, Position from, u64 prime, Words out);
void fill_field(Keystream& keystream, Position from, u64 prime, Words out);

}  // namespace trine::prg
