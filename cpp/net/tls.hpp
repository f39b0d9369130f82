// A TLS 1.3 connection over a connected socket, with certificates on both sides; nothing here ever waits.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/span.hpp"

namespace trine::net {

class TlsError : public std::runtime_error {
  public:
    enum class Kind {
        untrusted,  // the far end's certificate is not the expected one: the text says why
        refused,    // the far end sent an alert, or what it sent is no TLS 1.3
        system,     // the system says so: `number` is an errno
        closed,     // the far end closed the connection
        unusable,   // a file of ours cannot be used
    };
    TlsError(Kind what, const std::string& text, int errno_value = 0)
        : std::runtime_error(text), kind(what), number(errno_value) {}

    Kind kind;
    int number;
};

// What one party shows and trusts; serves for calling and for being called.
class Context {
  public:
    // Paths of PEM files. Throws TlsError (unusable).
    Context(const std::string& authority, const std::string& certificate, const std::string& key);

    SSL_CTX* get() const { return context_.get(); }

  private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

// What is encrypted in one go: one TLS record.
inline constexpr std::size_t record_bytes = 16384;

// Not to be used by two threads at once, but for break_off. All throw TlsError.
class Connection {
  public:
    enum class Step { done, wants_read, wants_write };

    // Takes the socket over, even if it throws. With a host it is the caller's end, and the host is what the
    // far end's certificate must name; without, it is the end that was called.
    Connection(const Context& context, int descriptor, std::optional<std::string> host);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Step handshake();
    // Bytes read; 0 if there are none now.
    std::size_t read(Bytes into);
    // Whether some has been taken from the kernel that read() has not given yet.
    bool holds_more() const { return SSL_has_pending(ssl_.get()) == 1; }
    // At most record_bytes. False if the kernel takes no more now: to be called again with the same bytes.
    bool write(ConstBytes record);

    // The far end's certificate, DER; after the handshake.
    std::vector<u8> certificate() const;
    // Makes every read and write fail at once, in whatever thread.
    void break_off() const noexcept;
    int descriptor() const { return descriptor_; }

  private:
    // What to wait for, if it is only that.
    Step wanted(int result) const;

    int descriptor_;
    std::optional<std::string> host_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    u64 records_ = 0;
};

}  // namespace trine::net
