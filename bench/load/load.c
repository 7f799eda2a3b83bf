/* Load generator: many connections on loopback, prepared bytes, counted answers.
 *
 * Three ways to run: as fast as a window of unanswered messages allows; at a fixed rate,
 * where latency counts from the moment a message was due; idle, where connections are
 * opened and only held. Every run is bounded in messages or time. The result is one line
 * of JSON on standard output; times are the monotonic clock's nanoseconds. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

options_t options = {.connections = 1, .window = 1, .answers = 1, .seconds = 10, .slot_at = -1, .frame_bits = 0x81};

/* Messages sent between two looks at what came back, where the generator is behind. */
enum { BURST = 64 };

static uint64_t next_due, interval;

static void run_paced(void) {
    static int turn_of;
    while (now_ns() < stop_at && more_wanted()) {
        for (int i = 0; i < BURST && next_due <= now_ns() && more_wanted(); i++) {
            connection_t *c = &connections[turn_of++ % options.connections];
            if (c->state == CLOSED || !send_one(c, next_due)) counters.missed++;
            else flush(c);
            next_due += interval;
        }
        turn(next_due < stop_at ? next_due : stop_at);
    }
}

static void run_window(void) {
    for (int i = 0; i < options.connections; i++) {
        fill(&connections[i]);
        flush(&connections[i]);
    }
    while (now_ns() < stop_at && (more_wanted() || counters.answered < counters.sent) && counters.closed < options.connections)
        turn(stop_at);
}

static void run_load(void) {
    uint64_t begin = now_ns();
    counters.count_from = begin + (uint64_t)(options.warm * 1e9);
    stop_at = begin + (uint64_t)(options.seconds * 1e9);
    sending = true;
    if (options.rate) {
        interval = (uint64_t)(1e9 / options.rate);
        next_due = begin + interval;
        run_paced();
    } else {
        run_window();
    }
    sending = false;
    uint64_t limit = now_ns() + 10ULL * 1000000000ULL;
    while (counters.answered < counters.sent && now_ns() < limit && !counters.closed) turn(limit);
}

static void say_ready(void) {
    printf("ready\n");
    fflush(stdout);
}

/* One answered message on each connection, one after the other. */
static void touch_all(void) {
    for (int i = 0; i < options.connections; i++) {
        sending = true;
        send_one(&connections[i], now_ns());
        flush(&connections[i]);
        while (counters.answered < counters.sent && now_ns() < stop_at && !counters.closed) turn(stop_at);
    }
    sending = false;
}

/* Each byte on standard input asks for a touch; its end is the end. */
static void run_idle(void) {
    stop_at = now_ns() + (uint64_t)(options.seconds * 1e9);
    watch_input();
    say_ready();
    while (now_ns() < stop_at) {
        turn(stop_at);
        if (!input_ready) continue;
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1) break;
        input_ready = false;
        touch_all();
        say_ready();
    }
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void report(double cpu) {
    const histogram_t *h = &counters.latency;
    printf("{\"opened\":%ld,\"sent\":%ld,\"answered\":%ld,\"counted\":%ld,\"errors\":%ld,\"closed\":%ld,\"missed\":%ld,"
           "\"first\":%llu,\"last\":%llu,\"count_from\":%llu,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"most\":%llu,\"cpu\":%.6f}\n",
           counters.opened, counters.sent, counters.answered, counters.counted, counters.errors, counters.closed, counters.missed,
           (unsigned long long)counters.first, (unsigned long long)counters.last, (unsigned long long)counters.count_from,
           (unsigned long long)histogram_quantile(h, 0.5), (unsigned long long)histogram_quantile(h, 0.9),
           (unsigned long long)histogram_quantile(h, 0.99), (unsigned long long)histogram_quantile(h, 0.999),
           (unsigned long long)h->most, cpu);
}

static blob_t slurp(const char *path) {
    blob_t blob = {0};
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    blob.size = (size_t)ftell(file);
    rewind(file);
    blob.bytes = malloc(blob.size + 1);
    if (fread(blob.bytes, 1, blob.size, file) != blob.size) fail(path);
    fclose(file);
    return blob;
}

static void set(const char *name, const char *value) {
    options_t *o = &options;
    if (!strcmp(name, "port")) o->port = atoi(value);
    else if (!strcmp(name, "connections")) o->connections = atoi(value);
    else if (!strcmp(name, "window")) o->window = atoi(value);
    else if (!strcmp(name, "answers")) o->answers = atoi(value);
    else if (!strcmp(name, "total")) o->total = atol(value);
    else if (!strcmp(name, "seconds")) o->seconds = atof(value);
    else if (!strcmp(name, "warm")) o->warm = atof(value);
    else if (!strcmp(name, "rate")) o->rate = atof(value);
    else if (!strcmp(name, "idle")) o->idle = atoi(value);
    else if (!strcmp(name, "own")) o->own = atoi(value);
    else if (!strcmp(name, "bits")) o->frame_bits = atoi(value);
    else if (!strcmp(name, "hello")) o->hello = slurp(value);
    else if (!strcmp(name, "message")) o->message = slurp(value);
    else if (!strcmp(name, "slot")) o->slot_at = atoi(value);
    else if (!strcmp(name, "serial") && o->serials < 4) o->serial_at[o->serials++] = atoi(value);
    else if (!strcmp(name, "expect") && o->expects < 4) o->expect[o->expects++] = value;
    else if (!strcmp(name, "wire")) o->parse = parser_named(value), o->websocket = !strcmp(value, "websocket");
    else errno = EINVAL, fail(name);
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) errno = EINVAL, fail(arguments[i]);
        *equals = 0;
        set(arguments[i], equals + 1);
    }
    if (!options.parse || options.window < 1 || options.window > MAX_WINDOW) errno = EINVAL, fail("options");
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1000UL);
    signal(SIGPIPE, SIG_IGN);
    open_all();
    double before = processor_seconds();
    if (options.idle) run_idle();
    else run_load();
    report(processor_seconds() - before);
    return counters.errors || counters.answered < counters.sent ? 2 : 0;
}
