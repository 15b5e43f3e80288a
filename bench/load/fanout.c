/* One connection says something, all get it. The next message is said when everyone has the last one; how long that
 * took is the latency.
 */
#include "load.h"

enum { UNFINISHED = 500 };

static int welcomed, have_it;
static uint64_t said; /* messages */
static bool counting;
static double said_at;

static const char *expected(struct conn *conn, size_t *size) {
    if (conn->got >= sizeof WELCOME) return pattern_at(conn->got - sizeof WELCOME);
    if (*size > sizeof WELCOME - conn->got) *size = sizeof WELCOME - conn->got;
    return WELCOME + conn->got;
}

static void hear(struct conn *conn) {
    if (conn->done == 0 && conn->got >= sizeof WELCOME) {
        conn->done = 1;
        welcomed++;
    }
    if (said > 0 && conn->done == said && conn->got == sizeof WELCOME + said * (uint64_t)options.size) {
        conn->done++;
        have_it++;
    }
}

static void ready(struct conn *conn, uint32_t events) {
    int received;
    do {
        received = receive(conn, expected);
        if (received == ENDED) fail("connection %u: the server ended it", conn->number);
        if (conn->got > sizeof WELCOME + said * (uint64_t)options.size) {
            fail("connection %u: more came than was said", conn->number);
        }
        hear(conn);
    } while (may_have_more(received, events));
}

static void say(void) {
    have_it = 0;
    said++;
    said_at = now();
    conns[0].may_send += (uint64_t)options.size;
    send_more(&conns[0]);
    while (have_it < total) poll_once(ready, now() + 0.1);
    result.operations += (uint64_t)total;
    if (counting) add_sample(&result.latency, said_at, now());
}

static void go_on(double seconds) {
    double end = now() + seconds;
    do {
        say();
    } while (now() < end);
}

void run_fanout(void) {
    prepare(options.conns);
    for (int i = 0; i < total; i++) {
        open_conn(&conns[i], (uint32_t)i, EPOLLIN | EPOLLOUT);
        conns[i].start = 0;
        while (i + 1 - welcomed >= UNFINISHED) poll_once(ready, now() + 0.1);
    }
    while (welcomed < total) poll_once(ready, now() + 0.1);
    go_on(options.warmup);
    begin_counting();
    counting = true;
    go_on(options.seconds);
    end_counting();
    for (int i = 0; i < total; i++) conns[i].sent = conns[i].got; /* nothing more may come */
    end_all();
}
