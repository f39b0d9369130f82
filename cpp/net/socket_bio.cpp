// OpenSSL's own socket BIO uses read and write: a broken connection would raise SIGPIPE, which not every
// program that embeds Python ignores, and recv and send take half the time where there is nothing to do.
#include "net/socket_bio.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace trine::net {

namespace {

#ifdef MSG_NOSIGNAL
constexpr int flags = MSG_NOSIGNAL;
#else
constexpr int flags = 0;
#endif

int descriptor_of(BIO* bio) { return *static_cast<int*>(BIO_get_data(bio)); }

// 1 for success; otherwise OpenSSL is told whether to try again.
int outcome(BIO* bio, ssize_t count, int retry, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    *done = count > 0 ? static_cast<std::size_t>(count) : 0;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return count > 0 ? 1 : 0;
}

int read(BIO* bio, char* data, std::size_t size, std::size_t* done) {
    return outcome(bio, ::recv(descriptor_of(bio), data, size, 0), BIO_FLAGS_READ, done);
}

int write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
    return outcome(bio, ::send(descriptor_of(bio), data, size, flags), BIO_FLAGS_WRITE, done);
}

long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int destroy(BIO* bio) {
    delete static_cast<int*>(BIO_get_data(bio));
    return 1;
}

using Method = std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>;

Method make_method() {
    Method method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"), &BIO_meth_free);
    if (method) {
        BIO_meth_set_read_ex(method.get(), &read);
        BIO_meth_set_write_ex(method.get(), &write);
        BIO_meth_set_ctrl(method.get(), &control);
        BIO_meth_set_destroy(method.get(), &destroy);
    }
    return method;
}

}  // namespace

BIO* socket_bio(int descriptor) {
    static const Method method = make_method();
    BIO* const bio = method ? BIO_new(method.get()) : nullptr;
    if (!bio) return nullptr;
    BIO_set_data(bio, new int(descriptor));
    BIO_set_init(bio, 1);
#ifdef SO_NOSIGPIPE
    const int yes = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof(yes));
#endif
    return bio;
}

}  // namespace trine::net
