/* The load generator: many connections to one server, every byte that comes back compared with what must come.
 *
 * Parts: pattern.c (what is said), conns.c (connections, checked), echo.c, churn.c, pull.c, fanout.c (what the load
 * does), clock.c (time, CPU time, latencies), main.c (options, the result as JSON). bench/slow_load is the same in Python.
 *
 * A wrong byte, a missing one, one too many, an end that comes too early or not at all: one line on stderr, exit 1.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct options {
    int port;
    int conns;          /* connections that talk */
    int size;           /* bytes of a message */
    int depth;          /* messages sent at once; the next lot when all of them are back */
    int idle;           /* echo: connections besides that speak twice and fall silent */
    int receive_buffer; /* SO_RCVBUF until the gate opens, 0: the system's */
    int segment;        /* TCP_MAXSEG, 0: the system's, which on loopback is 64 KiB */
    long bytes;         /* pull: what the server sends on each connection */
    double rate;        /* echo: messages a second whatever comes back (open loop); 0: closed loop */
    double warmup;      /* seconds that are not counted */
    double seconds;
    double patience;    /* give up when nothing has come for so many seconds */
    pid_t server;       /* whose CPU time is counted; 0: nobody's */
    bool gate;          /* say "ready" when all are connected, and wait for a line on stdin */
};

extern struct options options;

struct sample {
    double meant, came; /* when it should have been sent, when it was back */
};
struct samples {
    struct sample *all;
    size_t count, room;
};

/* The outcome: what was counted between begin_counting() and end_counting(). */
struct result {
    uint64_t operations;
    double seconds, server_cpu, load_cpu;
    struct samples latency;
    struct samples reaping; /* echo: of messages under way while idle connections were ended */
    double gone;            /* echo: seconds from the first idle connection that ended to the last */
};

extern struct result result;

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* clock.c */
double now(void);
void begin_counting(void);
void end_counting(void);
void add_sample(struct samples *samples, double meant, double came);
void print_percentiles(const char *name, const struct samples *samples);

/* pattern.c */
enum { PERIOD = 1 << 20 };  /* bytes; a power of two, and of any message that is sent */
extern const char GREETING[8], WELCOME[8];
void make_pattern(bool by_server);
const char *pattern_at(uint64_t offset); /* PERIOD bytes can be read from there */

/* conns.c */
struct conn {
    int fd; /* -1 when it is over */
    uint32_t number;
    uint64_t start; /* where in the pattern its stream begins */
    uint64_t may_send, sent, got, done; /* bytes; `done`: messages that are back */
    double begun;
};
typedef void on_ready(struct conn *conn, uint32_t events);

extern struct conn *conns;
extern int total; /* of conns, idle ones included */

void prepare(int count);
void open_conn(struct conn *conn, uint32_t number, uint32_t events);
void send_more(struct conn *conn);
/* What must come next: at least one byte, and in *size how many of so many can be compared with it. */
typedef const char *expectation(struct conn *conn, size_t *size);
expectation echoed;
int receive(struct conn *conn, expectation *expected);
enum { NOTHING = 0, ENDED = -1 }; /* receive: otherwise the number of bytes */
bool may_have_more(int received, uint32_t events);
void close_conn(struct conn *conn);
void poll_once(on_ready *ready, double until); /* fails when nothing comes for `patience` */
void end_all(void);
void pass_gate(void);

/* what the load does; the loops of main.c */
void run_echo(void);
void run_churn(void);
void run_pull(void);
void run_fanout(void);

#endif
