// OpenSSL does the work; what is ours are the settings and the words for what went wrong.
#include "net/tls.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "net/socket_bio.hpp"

namespace trine::net {

namespace {

using Kind = TlsError::Kind;

// Read from the kernel at once: several records, and the header of each together with its body.
constexpr std::size_t read_ahead_bytes = 4 * record_bytes;
// RFC 8446, section 5.5: AES-GCM keys must not see more than 2^24.5 records.
constexpr u64 records_per_key = u64{1} << 23;

std::string reason(unsigned long error) {
    const char* text = ERR_reason_error_string(error);
    return text ? text : "error " + std::to_string(error);
}

[[noreturn]] void unusable(const std::string& path) {
    throw TlsError(Kind::unusable, path + ": " + reason(ERR_peek_last_error()));
}

[[noreturn]] void system_error(int number) {
    throw TlsError(Kind::system, std::generic_category().message(number), number);
}

[[noreturn]] void closed() { throw TlsError(Kind::closed, "it closed the connection"); }

}  // namespace

Context::Context(const std::string& authority, const std::string& certificate, const std::string& key)
    : context_(SSL_CTX_new(TLS_method()), &SSL_CTX_free) {
    ERR_clear_error();
    SSL_CTX* const context = context_.get();
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(
            context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1)
        unusable("OpenSSL");
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    // A ticket would let a later connection in without its certificate being looked at again.
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_X509_STRICT);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, read_ahead_bytes);
    if (SSL_CTX_load_verify_file(context, authority.c_str()) != 1) unusable(authority);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) unusable(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        unusable(key);
}

Connection::Connection(const Context& context, int descriptor, std::optional<std::string> host)
    : descriptor_(descriptor), host_(std::move(host)), ssl_(SSL_new(context.get()), &SSL_free) {
    ERR_clear_error();
    SSL* const ssl = ssl_.get();
    const int flags = ::fcntl(descriptor, F_GETFL);
    BIO* const bio = ssl ? socket_bio(descriptor) : nullptr;
    if (bio) SSL_set_bio(ssl, bio, bio);
    bool good = bio && flags != -1 && ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != -1;
    if (good && host_) {
        SSL_set_connect_state(ssl);
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // The second is SSL_set_tlsext_host_name, a macro with a cast that our warnings refuse.
        good = SSL_set1_host(ssl, host_->c_str()) == 1 &&
               SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host_->data()) == 1;
    } else if (good) {
        SSL_set_accept_state(ssl);
    }
    if (!good) {
        ::close(descriptor_);
        throw TlsError(Kind::closed, "the connection broke before the handshake");
    }
    // A message leaves when it is complete. Not every kind of socket has packets to hold back.
    const int yes = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

Connection::~Connection() {
    ssl_.reset();
    ::close(descriptor_);
}

Connection::Step Connection::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 ? Step::done : wanted(result);
}

std::size_t Connection::read(Bytes into) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    if (result != 1) wanted(result);
    return count;
}

bool Connection::write(ConstBytes record) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &count);
    if (result != 1) {
        wanted(result);
        return false;
    }
    if (++records_ % records_per_key == 0) SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    return true;
}

Connection::Step Connection::wanted(int result) const {
    const int system = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return Step::wants_read;
        case SSL_ERROR_WANT_WRITE:
            return Step::wants_write;
        case SSL_ERROR_ZERO_RETURN:
            closed();
        case SSL_ERROR_SYSCALL:
            if (system == 0) closed();
            system_error(system);
        default:
            break;
    }
    const unsigned long error = ERR_peek_error();
    const int why = ERR_GET_REASON(error);
    if (why == SSL_R_UNEXPECTED_EOF_WHILE_READING) closed();
    if (why == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        const long verdict = SSL_get_verify_result(ssl_.get());
        throw TlsError(Kind::untrusted,
                       verdict == X509_V_ERR_HOSTNAME_MISMATCH
                           ? "Hostname mismatch, certificate is not valid for '" + host_.value_or("") + "'"
                           : X509_verify_cert_error_string(verdict));
    }
    throw TlsError(Kind::refused, reason(error));
}

std::vector<u8> Connection::certificate() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_.get()),
                                                                  &X509_free);
    if (!certificate) throw TlsError(Kind::closed, "there has been no handshake");
    std::vector<u8> der(static_cast<std::size_t>(i2d_X509(certificate.get(), nullptr)));
    u8* end = der.data();
    i2d_X509(certificate.get(), &end);
    return der;
}

void Connection::break_off() const noexcept { ::shutdown(descriptor_, SHUT_RDWR); }

}  // namespace trine::net
