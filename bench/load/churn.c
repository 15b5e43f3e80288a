/* Connections that come, read the greeting to the server's FIN, and go; always `conns` at a time. */
#include <stdbool.h>

#include "load.h"

static bool coming;
static int open_ones;

static const char *greeting(struct conn *conn, size_t *size) {
    if (*size > sizeof GREETING - conn->got) fail("connection %u: more came than the greeting", conn->number);
    return GREETING + conn->got;
}

static void ready(struct conn *conn, uint32_t events);

static void come(struct conn *conn) {
    open_conn(conn, (uint32_t)(conn - conns), EPOLLIN);
}

static void went(struct conn *conn) {
    if (conn->got != sizeof GREETING) {
        fail("connection %u: the server ended it after %ju bytes", conn->number, (uintmax_t)conn->got);
    }
    close_conn(conn);
    result.operations++;
    if (coming) {
        come(conn);
    } else {
        open_ones--;
    }
}

static void ready(struct conn *conn, uint32_t events) {
    int received;
    do {
        received = receive(conn, greeting);
    } while (may_have_more(received, events));
    if (received == ENDED) went(conn);
}

static void go_on(double seconds) {
    coming = true;
    for (int i = 0; i < total; i++) come(&conns[i]);
    open_ones = total;
    double end = now() + seconds;
    while (now() < end) poll_once(ready, end);
    coming = false;
    while (open_ones > 0) poll_once(ready, now() + 0.1);
}

void run_churn(void) {
    prepare(options.conns);
    go_on(options.warmup);
    begin_counting();
    go_on(options.seconds);
    end_counting();
}
