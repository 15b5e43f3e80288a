/* Connections, and the check of every byte that they receive.
 *
 * Edge-triggered: one registration for a connection's life, no change of interest when a send falls short. So a
 * reader goes on until a read falls short, and until the end where a hang-up was announced (epoll(7)).
 */
#define _GNU_SOURCE /* ppoll */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { READ_SIZE = 256 * 1024, EVENTS = 256 };

struct conn *conns;
int total;

static int poller = -1;
static double last_progress;
static uint32_t source = INADDR_LOOPBACK; /* the next of 127.0.0.0/8 when this one has no port left */

void prepare(int count) {
    total = count;
    conns = calloc((size_t)count, sizeof *conns);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (conns == NULL || poller < 0) fail("cannot begin: %s", strerror(errno));
    for (int i = 0; i < count; i++) conns[i].fd = -1;
    last_progress = now();
}

static int new_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) fail("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (options.receive_buffer != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer);
    }
    if (options.segment != 0) setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &options.segment, sizeof options.segment);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (source != INADDR_LOOPBACK && bind(fd, (struct sockaddr *)&from, sizeof from) != 0) {
        fail("bind: %s", strerror(errno));
    }
    return fd;
}

void open_conn(struct conn *conn, uint32_t number, uint32_t events) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = new_socket();
    while (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) {
        if (errno != EADDRNOTAVAIL || source > INADDR_LOOPBACK + 200) fail("connect: %s", strerror(errno));
        close(fd);
        source++;
        fd = new_socket();
    }
    /* 37 is odd, so the streams of 16,384 connections begin at different lines. */
    *conn = (struct conn){.fd = fd, .number = number, .start = (uint64_t)number * 37 * 64, .begun = now()};
    struct epoll_event event = {.events = events | EPOLLRDHUP | EPOLLET, .data.ptr = conn};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

void close_conn(struct conn *conn) {
    close(conn->fd);
    conn->fd = -1;
}

void send_more(struct conn *conn) {
    while (conn->sent < conn->may_send) {
        uint64_t left = conn->may_send - conn->sent;
        size_t size = left < PERIOD ? (size_t)left : PERIOD;
        ssize_t taken = send(conn->fd, pattern_at(conn->start + conn->sent), size, MSG_NOSIGNAL);
        if (taken < 0) {
            if (errno == EAGAIN || errno == ENOTCONN) return; /* it will be told when it can */
            fail("connection %u: send: %s after %ju bytes", conn->number, strerror(errno), (uintmax_t)conn->sent);
        }
        conn->sent += (uint64_t)taken;
    }
}

const char *echoed(struct conn *conn, size_t *size) {
    if (*size > PERIOD) *size = PERIOD;
    return pattern_at(conn->start + conn->got);
}

static void compare(struct conn *conn, const char *data, size_t size, expectation *expected) {
    while (size > 0) {
        size_t piece = size, at = 0;
        const char *wanted = expected(conn, &piece);
        if (memcmp(data, wanted, piece) != 0) {
            while (data[at] == wanted[at]) at++;
            fail("connection %u: byte %ju is %d and should be %d", conn->number, (uintmax_t)(conn->got + at),
                 (unsigned char)data[at], (unsigned char)wanted[at]);
        }
        conn->got += piece, data += piece, size -= piece;
    }
}

int receive(struct conn *conn, expectation *expected) {
    static char buffer[READ_SIZE];
    ssize_t size = recv(conn->fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN) return NOTHING;
    if (size < 0) fail("connection %u: %s after %ju bytes", conn->number, strerror(errno), (uintmax_t)conn->got);
    last_progress = now();
    if (size == 0) return ENDED;
    compare(conn, buffer, (size_t)size, expected);
    return (int)size;
}

/* Is another read due before the next event? */
bool may_have_more(int received, uint32_t events) {
    return received == READ_SIZE || (received > 0 && events & EPOLLRDHUP);
}

static void check_patience(void) {
    if (now() - last_progress < options.patience) return;
    for (int i = 0; i < total; i++) {
        struct conn *conn = &conns[i];
        if (conn->fd >= 0 && (conn->got < conn->sent || conn->sent < conn->may_send)) {
            fail("connection %u: %ju bytes went out, %ju came back, and then nothing for %g s", conn->number,
                 (uintmax_t)conn->sent, (uintmax_t)conn->got, options.patience);
        }
    }
    fail("nothing came for %g s", options.patience);
}

/* epoll_wait counts in milliseconds; ppoll of its descriptor in nanoseconds, for one more call. */
static int wait_for_events(struct epoll_event *events, double until) {
    double left = until - now();
    if (left <= 0) return epoll_wait(poller, events, EVENTS, 0);
    if (left > 0.5) left = 0.5;
    if (left >= 0.002) return epoll_wait(poller, events, EVENTS, (int)(left * 1e3));
    struct timespec time = {.tv_sec = 0, .tv_nsec = (long)(left * 1e9)};
    struct pollfd self = {.fd = poller, .events = POLLIN};
    return ppoll(&self, 1, &time, NULL) > 0 ? epoll_wait(poller, events, EVENTS, 0) : 0;
}

void poll_once(on_ready *ready, double until) {
    struct epoll_event events[EVENTS];
    int count = wait_for_events(events, until);
    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;
        if (conn->fd >= 0) ready(conn, events[i].events);
    }
    if (count <= 0) check_patience();
}

static int still_there(void) {
    int count = 0;
    for (int i = 0; i < total; i++) count += conns[i].fd >= 0;
    return count;
}

static void await_end(struct conn *conn, uint32_t events) {
    int received;
    do {
        received = receive(conn, echoed);
        if (conn->got > conn->sent) fail("connection %u: more came back than went out", conn->number);
    } while (may_have_more(received, events));
    if (received == ENDED) close_conn(conn);
}

/* Our FIN on each connection; the server must answer it with its own, and nothing else. */
void end_all(void) {
    last_progress = now();
    for (int i = 0; i < total; i++) {
        if (conns[i].fd >= 0) shutdown(conns[i].fd, SHUT_WR);
    }
    while (still_there() > 0) poll_once(await_end, now() + 0.1);
}

void pass_gate(void) {
    if (!options.gate) return;
    puts("ready");
    fflush(stdout);
    int byte;
    while ((byte = getchar()) != '\n' && byte != EOF) {
    }
    last_progress = now();
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}
