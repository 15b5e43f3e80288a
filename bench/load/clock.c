/* Time, CPU time, latencies. */
#include <math.h>
#include <time.h>

#include "load.h"

static double read_clock(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) fail("the server is gone");
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double now(void) { return read_clock(CLOCK_MONOTONIC); }

/* To the nanosecond, where /proc counts in steps of 10 ms. */
static double server_cpu(void) {
    clockid_t clock;
    if (options.server == 0) return 0;
    if (clock_getcpuclockid(options.server, &clock) != 0) fail("process %d is not there", (int)options.server);
    return read_clock(clock);
}

static uint64_t operations_before;

void begin_counting(void) {
    operations_before = result.operations;
    result.seconds = -now();
    result.load_cpu = -read_clock(CLOCK_PROCESS_CPUTIME_ID);
    result.server_cpu = -server_cpu();
}

void end_counting(void) {
    result.operations -= operations_before;
    result.seconds += now();
    result.load_cpu += read_clock(CLOCK_PROCESS_CPUTIME_ID);
    result.server_cpu += server_cpu();
}

void add_sample(struct samples *samples, double meant, double came) {
    if (samples->count == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 65536;
        samples->all = realloc(samples->all, samples->room * sizeof *samples->all);
        if (samples->all == NULL) fail("out of memory");
    }
    samples->all[samples->count++] = (struct sample){meant, came};
}

static int by_latency(const void *left, const void *right) {
    const struct sample *a = left, *b = right;
    double difference = (a->came - a->meant) - (b->came - b->meant);
    return (difference > 0) - (difference < 0);
}

/* The nearest-rank percentile: a latency that was really seen, `share` of all being no worse. */
static double percentile(const struct samples *samples, double share) {
    size_t rank = (size_t)ceil(share * (double)samples->count);
    const struct sample *sample = &samples->all[rank == 0 ? 0 : rank - 1];
    return sample->came - sample->meant;
}

/* `, "name": {...}`, if there is anything to tell. */
void print_percentiles(const char *name, const struct samples *samples) {
    if (samples->count == 0) return;
    qsort(samples->all, samples->count, sizeof *samples->all, by_latency);
    printf(", \"%s\": {\"count\": %zu, \"p50\": %.9f, \"p90\": %.9f, \"p99\": %.9f, \"p99.9\": %.9f, \"worst\": %.9f}",
           name, samples->count, percentile(samples, 0.5), percentile(samples, 0.9), percentile(samples, 0.99),
           percentile(samples, 0.999), percentile(samples, 1));
}
