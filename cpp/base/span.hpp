// The words that every kernel reads and writes, borrowed from whoever owns the memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trine {

static_assert(std::endian::native == std::endian::little,
              "trine's byte layouts assume a little-endian machine");

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
__extension__ using u128 = unsigned __int128;

using Words = std::span<u64>;
using ConstWords = std::span<const u64>;
using Bytes = std::span<u8>;
using ConstBytes = std::span<const u8>;

}  // namespace trine
