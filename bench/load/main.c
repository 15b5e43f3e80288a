/* load echo|churn|pull|fanout --port N [options]; the result is one line of JSON. The options are those of load.h. */
#include <getopt.h>
#include <string.h>
#include <sys/prctl.h>

#include "load.h"

struct options options = {
    .conns = 1, .size = 64, .depth = 1, .warmup = 0.2, .seconds = 1, .patience = 10};
struct result result;

static const struct option NAMES[] = {
    {"port", required_argument, NULL, 'p'},     {"conns", required_argument, NULL, 'c'},
    {"size", required_argument, NULL, 's'},     {"depth", required_argument, NULL, 'd'},
    {"idle", required_argument, NULL, 'i'},     {"receive-buffer", required_argument, NULL, 'b'},
    {"segment", required_argument, NULL, 'm'},
    {"bytes", required_argument, NULL, 'n'},    {"rate", required_argument, NULL, 'r'},
    {"warmup", required_argument, NULL, 'w'},   {"seconds", required_argument, NULL, 't'},
    {"patience", required_argument, NULL, 'a'}, {"server", required_argument, NULL, 'S'},
    {"gate", no_argument, NULL, 'g'},           {NULL, 0, NULL, 0},
};

static void take_option(int letter, const char *value) {
    switch (letter) {
    case 'p': options.port = atoi(value); break;
    case 'c': options.conns = atoi(value); break;
    case 's': options.size = atoi(value); break;
    case 'd': options.depth = atoi(value); break;
    case 'i': options.idle = atoi(value); break;
    case 'b': options.receive_buffer = atoi(value); break;
    case 'm': options.segment = atoi(value); break;
    case 'n': options.bytes = atol(value); break;
    case 'r': options.rate = atof(value); break;
    case 'w': options.warmup = atof(value); break;
    case 't': options.seconds = atof(value); break;
    case 'a': options.patience = atof(value); break;
    case 'S': options.server = (pid_t)atoi(value); break;
    case 'g': options.gate = true; break;
    default: exit(2); /* getopt has said why */
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} MODES[] = {{"echo", run_echo}, {"churn", run_churn}, {"pull", run_pull}, {"fanout", run_fanout}};

int main(int count, char **arguments) {
    int letter;
    while ((letter = getopt_long(count, arguments, "", NAMES, NULL)) != -1) take_option(letter, optarg);
    const char *mode = optind == count - 1 ? arguments[optind] : "";
    if (options.port < 1 || options.conns < 1 || options.size < 1 || options.size > PERIOD || options.depth < 1) {
        fail("--port, --conns, --size and --depth must be 1 or more, --size at most %d", PERIOD);
    }
    prctl(PR_SET_TIMERSLACK, 1000); /* ns; 50 us otherwise */
    make_pattern(false);
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
        if (strcmp(mode, MODES[i].name) != 0) continue;
        MODES[i].run();
        printf("{\"operations\": %ju, \"seconds\": %.9f, \"server_cpu\": %.9f, \"load_cpu\": %.9f, \"gone\": %.9f",
               (uintmax_t)result.operations, result.seconds, result.server_cpu, result.load_cpu, result.gone);
        print_percentiles("latency", &result.latency);
        print_percentiles("reaping", &result.reaping);
        puts("}");
        return 0;
    }
    fail("what to do? echo, churn, pull or fanout");
}
