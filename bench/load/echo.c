/* Messages that must come back as they were.
 *
 * Closed loop: each connection sends `depth` messages at once, and the next lot when all are back. It measures how
 * much a server can do, and no latency: a slow server would be asked less.
 *
 * Open loop: message number i is due at i / rate, on connection i modulo their number, whatever has come back. Its
 * latency counts from when it was due, so a server that stands still is charged for all that wait (no coordinated
 * omission).
 *
 * Idle connections say two messages, the second all at the same time, and when all are answered they wait for the
 * server to end them while the others talk.
 */
#include "load.h"

enum { UNFINISHED = 500 };      /* connections at a time that the server has not answered yet: under any backlog */
static const double AFTER = 0.5; /* seconds of talk when the last idle connection is gone */

static uint64_t lot; /* bytes that a talker sends at once */
static int unfinished, gone;
static bool going_on;                /* closed loop: ask again when a lot is back */
static double started, counted_from; /* open loop */
static uint64_t due;                 /* open loop: messages that have been due */
static double first_gone, last_gone;
static struct samples samples;

static bool is_idle(const struct conn *conn) { return conn->number < (uint32_t)options.idle; }

/* Messages of a connection before those of the open loop. */
enum { HELLO = 1 };

static double meant_at(const struct conn *conn, uint64_t message) {
    uint64_t talker = conn->number - (uint32_t)options.idle;
    return started + (double)((message - HELLO) * (uint64_t)options.conns + talker) / options.rate;
}

static void count_messages(struct conn *conn) {
    uint64_t size = (uint64_t)options.size, before = conn->done;
    conn->done = conn->got / size;
    if (before == 0 && conn->done > 0) unfinished--;
    if (is_idle(conn)) return;
    result.operations += conn->done - before;
    if (options.rate <= 0) {
        if (going_on && conn->got == conn->may_send) conn->may_send += lot;
        return;
    }
    double came = now();
    for (uint64_t message = before; message < conn->done; message++) {
        if (message >= HELLO && meant_at(conn, message) >= counted_from) {
            add_sample(&samples, meant_at(conn, message), came);
        }
    }
}

static void ended(struct conn *conn) {
    if (!is_idle(conn) || conn->got < conn->may_send) {
        fail("connection %u: the server ended it after %ju of %ju bytes", conn->number, (uintmax_t)conn->got,
             (uintmax_t)conn->may_send);
    }
    close_conn(conn);
    last_gone = now();
    if (gone++ == 0) first_gone = last_gone;
}

static void ready(struct conn *conn, uint32_t events) {
    int received;
    do {
        received = receive(conn, echoed);
        if (conn->got > conn->sent) fail("connection %u: more came back than went out", conn->number);
        count_messages(conn);
    } while (may_have_more(received, events));
    if (received == ENDED) {
        ended(conn);
    } else {
        send_more(conn);
    }
}

static void say(struct conn *conn, uint64_t size) {
    conn->may_send += size;
    send_more(conn);
}

static void connect_all(void) {
    for (int i = 0; i < total; i++) {
        open_conn(&conns[i], (uint32_t)i, EPOLLIN | EPOLLOUT);
        unfinished++;
        say(&conns[i], (uint64_t)options.size);
        while (unfinished >= UNFINISHED) poll_once(ready, now() + 0.1);
    }
    while (unfinished > 0) poll_once(ready, now() + 0.1);
}

static void drain(void) {
    for (int i = 0; i < total; i++) {
        while (conns[i].fd >= 0 && conns[i].got < conns[i].may_send) poll_once(ready, now() + 0.1);
    }
}

static void talk(double seconds) {
    going_on = true;
    for (int i = options.idle; i < total; i++) say(&conns[i], lot);
    double end = now() + seconds;
    while (now() < end) poll_once(ready, end);
    going_on = false;
    drain();
}

/* Counted from rest to rest: with 10,000 messages under way at either end, their cost would be counted without them,
 * or they without their cost. */
static void closed_loop(void) {
    talk(options.warmup);
    begin_counting();
    talk(options.seconds);
    end_counting();
}

static void send_what_is_due(double time) {
    uint64_t until = (uint64_t)((time - started) * options.rate);
    for (; due < until; due++) {
        say(&conns[options.idle + (int)(due % (uint64_t)options.conns)], (uint64_t)options.size);
    }
}

static bool may_stop(double begin) {
    double time = now();
    if (options.idle == 0) return time >= begin + options.seconds;
    if (gone == options.idle) return time >= last_gone + AFTER;
    if (time > begin + options.seconds) {
        fail("%d of %d idle connections are still there after %g s", options.idle - gone, options.idle,
             options.seconds);
    }
    return false;
}

static void open_loop(void) {
    started = now();
    counted_from = started + options.warmup;
    bool counting = false;
    while (!counting || !may_stop(counted_from)) {
        send_what_is_due(now());
        poll_once(ready, started + (double)(due + 1) / options.rate);
        if (!counting && now() >= counted_from) {
            counting = true;
            begin_counting();
        }
    }
    end_counting();
}

/* A message counts for the reaping if it was under way while idle connections were ended. */
static void sort_out_latencies(void) {
    for (size_t i = 0; i < samples.count; i++) {
        struct sample sample = samples.all[i];
        bool during = gone > 0 && sample.came >= first_gone && sample.meant <= last_gone;
        if (during || gone == 0 || sample.came < first_gone) {
            add_sample(during ? &result.reaping : &result.latency, sample.meant, sample.came);
        }
    }
}

void run_echo(void) {
    lot = (uint64_t)options.size * (uint64_t)options.depth;
    prepare(options.idle + options.conns);
    connect_all();
    pass_gate();
    for (int i = 0; i < options.idle; i++) {
        if (conns[i].fd < 0) fail("connection %d: ended before all were there", i);
        say(&conns[i], (uint64_t)options.size);
    }
    drain();
    if (options.rate > 0) {
        open_loop();
        drain();
    } else if (options.seconds > 0) {
        closed_loop();
    }
    end_all();
    result.gone = last_gone - first_gone;
    sort_out_latencies();
}
