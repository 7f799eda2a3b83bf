/* Load generator: many connections on loopback, prepared bytes, counted answers.
 *
 * Three ways to run: as fast as a window of unanswered messages allows; at a fixed rate,
 * where latency counts from the moment a message was due; idle, where connections are
 * opened and only held. Every run is bounded in messages or time. The result is one line
 * of JSON on standard output; times are the monotonic clock's nanoseconds. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

options_t options = {.connections = 1, .window = 1, .answers = 1, .seconds = 10, .slot_at = -1, .frame_bits = TEXT_BITS};

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
    else if (!strcmp(name, "expect") && o->expect.count < 4) o->expect.texts[o->expect.count++] = value;
    else if (!strcmp(name, "wire")) o->parse = parser_named(value), o->websocket = !strcmp(value, "websocket");
    else errno = EINVAL, fail(name);
}

int main(int count, char **arguments) {
    each_option(count, arguments, set);
    if (!options.parse || options.window < 1 || options.window > MAX_WINDOW) errno = EINVAL, fail("options");
    prepare_process();
    open_all();
    double before = processor_seconds();
    if (options.idle) run_idle();
    else run_load();
    report(processor_seconds() - before);
    return counters.errors || counters.answered < counters.sent ? 2 : 0;
}
