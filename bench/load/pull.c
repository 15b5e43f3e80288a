/* Read what the server sends of its own accord, `bytes` on each connection, to its FIN. With a gate, nothing is read
 * before it has opened: the server sits on what the kernel's buffers did not take.
 */
#include <sys/socket.h>

#include "load.h"

enum { UNFINISHED = 500 };

static int unfinished, open_ones;

/* The first sign of the server's is that it has accepted; nothing is read yet. */
static void hear(struct conn *conn, uint32_t events) {
    (void)events;
    if (conn->done++ == 0) unfinished--;
}

static void ready(struct conn *conn, uint32_t events) {
    int received;
    do {
        received = receive(conn, echoed);
        if (received > 0) result.operations += (uint64_t)received;
    } while (may_have_more(received, events));
    bool over = received == ENDED;
    if (conn->got > (uint64_t)options.bytes || (over && conn->got < (uint64_t)options.bytes)) {
        fail("connection %u: %ju bytes came of %ld", conn->number, (uintmax_t)conn->got, options.bytes);
    }
    if (over) {
        close_conn(conn);
        open_ones--;
    }
}

/* Read it all from now on; its event has passed. */
static void open_up(struct conn *conn) {
    int size = 128 * 1024;
    if (options.receive_buffer != 0) setsockopt(conn->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    ready(conn, EPOLLRDHUP);
}

void run_pull(void) {
    prepare(options.conns);
    make_pattern(true);
    open_ones = total;
    if (!options.gate) begin_counting();
    for (int i = 0; i < total; i++) {
        open_conn(&conns[i], (uint32_t)i, EPOLLIN);
        conns[i].start = 0;
        unfinished++;
        while (options.gate && unfinished >= UNFINISHED) poll_once(hear, now() + 0.1);
    }
    while (options.gate && unfinished > 0) poll_once(hear, now() + 0.1);
    pass_gate();
    if (options.gate) {
        begin_counting();
        for (int i = 0; i < total; i++) open_up(&conns[i]);
    }
    while (open_ones > 0) poll_once(ready, now() + 0.1);
    end_counting();
}
