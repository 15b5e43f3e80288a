/* The physical limit: the least that a server can do with epoll, in C, one thread. Nobody would want to use it: no
 * timeouts, no limits, no reports, and out of memory is the end.
 *
 * The roles are those of servers/__init__.py, but for timeouts, timers and the orderly stop.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536, BLOCK_SIZE = 65536, EVENTS = 1024, BACKLOG = 4096, MOST = 65536 };

struct conn {
    int fd;
    int place;           /* fanout: in `all` */
    uint32_t events;     /* what epoll watches for */
    char *rest;          /* what a send did not take */
    size_t begin, end;   /* of it */
    char *line;          /* lines: the beginning of the next one */
    size_t line_size;
    uint64_t left;       /* push, file: bytes to send yet */
    off_t offset;        /* file */
};

typedef void handler(struct conn *conn);

static int poller, file = -1;
static uint64_t size_to_send;
static char block[BLOCK_SIZE], buffer[2 * READ_SIZE];
static struct conn *all[MOST];
static int count;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void watch(struct conn *conn, uint32_t events) {
    if (conn->events == events) return;
    struct epoll_event event = {.events = events, .data.ptr = conn};
    int what = conn->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(poller, what, conn->fd, &event) != 0) die("epoll_ctl");
    conn->events = events;
}

static void drop(struct conn *conn) {
    close(conn->fd);
    if (conn->place >= 0) {
        all[conn->place] = all[--count];
        all[conn->place]->place = conn->place;
    }
    free(conn->rest);
    free(conn->line);
    free(conn);
}

/* How many bytes of data the socket takes. */
static size_t send_some(struct conn *conn, const char *data, size_t size) {
    ssize_t taken = send(conn->fd, data, size, MSG_NOSIGNAL);
    return taken < 0 ? 0 : (size_t)taken;
}

/* All of it, now or later; who does not read is not read from. */
static void say(struct conn *conn, const char *data, size_t size) {
    size_t taken = conn->rest == NULL ? send_some(conn, data, size) : 0;
    if (taken == size) return;
    size_t before = conn->rest == NULL ? 0 : conn->end - conn->begin, more = size - taken;
    char *rest = malloc(before + more);
    if (rest == NULL) die("malloc");
    if (before > 0) memcpy(rest, conn->rest + conn->begin, before);
    memcpy(rest + before, data + taken, more);
    free(conn->rest);
    conn->rest = rest, conn->begin = 0, conn->end = before + more;
    watch(conn, EPOLLOUT);
}

static void say_the_rest(struct conn *conn) {
    conn->begin += send_some(conn, conn->rest + conn->begin, conn->end - conn->begin);
    if (conn->begin < conn->end) return;
    free(conn->rest);
    conn->rest = NULL;
    watch(conn, EPOLLIN);
}

/* Bytes in the buffer from `at`; 0: nothing now, -1: the connection is over and gone. */
static ssize_t hear(struct conn *conn, size_t at) {
    ssize_t size = recv(conn->fd, buffer + at, READ_SIZE, 0);
    if (size > 0) return size;
    if (size < 0 && errno == EAGAIN) return 0;
    drop(conn);
    return -1;
}

static void echo(struct conn *conn) {
    ssize_t size = hear(conn, 0);
    if (size > 0) say(conn, buffer, (size_t)size);
}

/* The whole lines of a read are answered by one send, which no library can do unasked. */
static void lines(struct conn *conn) {
    size_t before = conn->line_size;
    if (before > 0) memcpy(buffer, conn->line, before);
    ssize_t size = hear(conn, before);
    if (size <= 0) return;
    size_t end = before + (size_t)size, whole = 0;
    char *newline;
    while ((newline = memchr(buffer + whole, '\n', end - whole)) != NULL) whole = (size_t)(newline - buffer) + 1;
    conn->line_size = end - whole;
    if (conn->line_size > 0) {
        if (conn->line == NULL) conn->line = malloc(READ_SIZE);
        if (conn->line == NULL || conn->line_size > READ_SIZE) die("a long line");
        memcpy(conn->line, buffer + whole, conn->line_size);
    }
    if (whole > 0) say(conn, buffer, whole);
}

static void fanout(struct conn *conn) {
    ssize_t size = hear(conn, 0);
    for (int i = 0; size > 0 && i < count; i++) say(all[i], buffer, (size_t)size);
}

static void discard(struct conn *conn) { hear(conn, 0); }

static void finish(struct conn *conn) {
    shutdown(conn->fd, SHUT_WR);
    watch(conn, EPOLLIN);
}

static void greet(struct conn *conn) {
    send(conn->fd, "goodbye\n", 8, MSG_NOSIGNAL | MSG_MORE); /* the FIN goes with it */
    finish(conn);
}

static void push(struct conn *conn) {
    while (conn->left > 0) {
        size_t at = (size_t)(size_to_send - conn->left) % BLOCK_SIZE;
        size_t size = BLOCK_SIZE - at < conn->left ? BLOCK_SIZE - at : (size_t)conn->left;
        size_t taken = send_some(conn, block + at, size);
        conn->left -= taken;
        if (taken < size) {
            watch(conn, EPOLLOUT);
            return;
        }
    }
    finish(conn);
}

static void push_file(struct conn *conn) {
    while (conn->left > 0) {
        ssize_t taken = sendfile(conn->fd, file, &conn->offset, conn->left);
        if (taken <= 0) {
            watch(conn, EPOLLOUT);
            return;
        }
        conn->left -= (uint64_t)taken;
    }
    finish(conn);
}

static void welcome(struct conn *conn) {
    conn->place = count;
    all[count++] = conn;
    say(conn, "welcome\n", 8);
}

static const struct role {
    const char *name;
    handler *connected, *readable, *writable;
} ROLES[] = {
    {"echo", NULL, echo, say_the_rest},      {"lines", NULL, lines, say_the_rest},
    {"greet", greet, discard, NULL},         {"push", push, discard, push},
    {"file", push_file, discard, push_file}, {"fanout", welcome, fanout, say_the_rest},
};

static int listen_somewhere(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* inherited */
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void take_in(int listener, const struct role *role) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        if (conn == NULL || count == MOST) die("too many");
        *conn = (struct conn){.fd = fd, .place = -1, .left = size_to_send};
        if (role->connected != NULL) role->connected(conn);
        if (conn->events == 0) watch(conn, EPOLLIN);
    }
    if (errno != EAGAIN) die("accept");
}

static void serve(const struct role *role) {
    struct epoll_event events[EVENTS], accepting = {.events = EPOLLIN};
    int listener = listen_somewhere();
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn == NULL) {
                take_in(listener, role);
            } else if (conn->events == EPOLLOUT) {
                role->writable(conn);
            } else {
                role->readable(conn);
            }
        }
    }
}

int main(int arguments, char **argument) {
    const char *name = arguments > 1 ? argument[1] : "", *value = arguments > 2 ? argument[2] : "";
    for (size_t i = 0; i < BLOCK_SIZE; i++) block[i] = (char)(i * 31 + (i >> 8));
    size_to_send = strtoull(value, NULL, 10);
    if (strcmp(name, "file") == 0) {
        struct stat seen;
        file = open(value, O_RDONLY);
        if (file < 0 || fstat(file, &seen) != 0) die(value);
        size_to_send = (uint64_t)seen.st_size;
    }
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++) {
        if (strcmp(name, ROLES[i].name) == 0) serve(&ROLES[i]);
    }
    fprintf(stderr, "no such role: %s\n", name);
    return 2;
}
