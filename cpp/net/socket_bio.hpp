// What OpenSSL reads from and writes to: a socket, without signals and by the cheapest calls.
#pragma once

#include <openssl/bio.h>

namespace trine::net {

// A BIO over a non-blocking socket, which stays the caller's; null if memory is short.
BIO* socket_bio(int descriptor);

}  // namespace trine::net
