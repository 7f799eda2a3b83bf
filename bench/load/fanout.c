/* Fan-out generator: one publisher, many subscribers on loopback, every delivery counted.
 *
 * In a closed loop, the next events are published when few enough of those before them
 * are still to be delivered: every server is held back in the same way, and none has a
 * reason to drop. At a fixed rate, each event carries when it was due, and latency counts
 * from there. It fails unless every subscriber got every event once. The result is one
 * line of JSON: messages are the deliveries that were due, answers those that came. */
#define _GNU_SOURCE
#include "fanout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_ROOM = 1 << 18, EVENTS = 512, OPENING = 64, BURST = 64, MOST_PLACES = 1 << 12 };

/* Seconds for what is on its way at the end: a slow server takes several for a window times all subscribers. */
enum { DRAINING = 60 };

#define SECOND 1000000000ULL
#define SERIAL "SERIALSERIAL"

options_t options = {.subscribers = 1, .together = 1, .window = 1, .seconds = 10, .room = READ_ROOM};
uint64_t read_at;

static peer_t *peers, *publisher;
static int poller;
static long per_message, published, messages;
static uint64_t serial, stop_at;
static char *stamps[MOST_PLACES], *serials[MOST_PLACES]; /* places in the message */
static long serial_count;

bool is_publisher(const peer_t *p) {
    return p == publisher;
}

void lost(const peer_t *p, const char *why) {
    fprintf(stderr, "fanout: %s %d is lost: %s\n", is_publisher(p) ? "publisher" : "subscriber", p->number, why);
    exit(1);
}

void subscribed(peer_t *p) {
    p->state = OPEN;
    counters.opened++;
}

void delivered(peer_t *p, long events) {
    if (!events) return;
    p->seen += events;
    counters.answered += events;
    counters.last = read_at;
    if (read_at >= counters.count_from) counters.counted += events;
}

static void watch(peer_t *p, int operation, bool write) {
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = p};
    if (epoll_ctl(poller, operation, p->fd, &event)) fail("epoll_ctl");
    p->want_write = write;
}

static void flush(peer_t *p) {
    if (!out_send(&p->out, p->fd)) lost(p, strerror(errno));
    bool more = p->out.start < p->out.end;
    if (more != p->want_write) watch(p, EPOLL_CTL_MOD, more);
}

static void connected(peer_t *p) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) errno = error, fail("connect");
    const blob_t *hello = is_publisher(p) ? &options.hello : &options.subscriber;
    out_put(&p->out, hello->bytes, hello->size);
    p->state = options.websocket ? UPGRADING : SUBSCRIBING;
    if (p->state == SUBSCRIBING && is_publisher(p)) subscribed(p);
}

static void receive(peer_t *p) {
    static char room[READ_ROOM];
    ssize_t n = recv(p->fd, room, options.room, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) lost(p, n ? strerror(errno) : "closed by the server");
    read_at = now_ns();
    size_t used = p->state == UPGRADING ? take_upgrade(p, room, (size_t)n) : 0;
    options.drain(p, room + used, (size_t)n - used);
}

/* One wait and all that came of it; until is when to be back at the latest. */
static void turn(uint64_t until) {
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns(), wait = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
    int n = epoll_pwait2(poller, events, EVENTS, &timeout, NULL);
    if (n < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < n; i++) {
        peer_t *p = events[i].data.ptr;
        if (p->state == CONNECTING) connected(p);
        else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(p);
        flush(p);
    }
}

static void start(peer_t *p) {
    p->number = (int)(p - peers);
    p->fd = connecting(options.port);
    watch(p, EPOLL_CTL_ADD, true);
}

/* The subscribers, some at a time, and the publisher when all of them are subscribed. */
static void open_all(void) {
    uint64_t limit = now_ns() + 60 * SECOND;
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll");
    peers = calloc((size_t)options.subscribers + 1, sizeof *peers);
    publisher = &peers[options.subscribers];
    for (int begun = 0; counters.opened <= options.subscribers;) {
        while (begun < options.subscribers && begun - counters.opened < OPENING) start(&peers[begun++]);
        if (begun == options.subscribers && counters.opened == begun) start(&peers[begun++]);
        turn(now_ns() + SECOND);
        if (!counters.errors && now_ns() < limit) continue;
        fprintf(stderr, "fanout: %ld of %d subscribers\n", counters.opened, options.subscribers);
        exit(1);
    }
}

/* Finds what differs from message to message. */
static void find_places(void) {
    char *end = options.message.bytes + options.message.size;
    for (char *at = options.message.bytes; (at = memchr(at, MARKER, (size_t)(end - at))) && per_message < MOST_PLACES;)
        stamps[per_message++] = ++at;
    for (char *at = options.message.bytes; (at = memmem(at, (size_t)(end - at), SERIAL, SERIAL_DIGITS)) && serial_count < MOST_PLACES; at += SERIAL_DIGITS)
        serials[serial_count++] = at;
    if (!per_message || per_message == MOST_PLACES) errno = EINVAL, fail("message");
}

static void publish(long events, uint64_t stamp) {
    if (!published) counters.first = stamp;
    for (; events > 0; events -= per_message, published += per_message, messages++) {
        for (long i = 0; i < per_message; i++) write_digits(stamps[i], stamp, STAMP_DIGITS);
        for (long i = 0; i < serial_count; i++) write_digits(serials[i], serial++, SERIAL_DIGITS);
        if (options.websocket) out_frame(&publisher->out, TEXT_BITS, options.message.bytes, options.message.size);
        else out_put(&publisher->out, options.message.bytes, options.message.size);
    }
    flush(publisher);
}

static bool going_on(void) {
    return now_ns() < stop_at && !counters.errors;
}

static void run_window(void) {
    while (going_on()) {
        while (counters.answered >= (published + options.together - options.window) * options.subscribers && going_on())
            publish(options.together, now_ns());
        turn(stop_at);
    }
}

static void run_paced(uint64_t begin) {
    uint64_t interval = (uint64_t)(1e9 * (double)options.together / options.rate), next_due = begin + interval;
    while (going_on()) {
        for (int i = 0; i < BURST && next_due <= now_ns(); i++, next_due += interval) publish(options.together, next_due);
        turn(next_due < stop_at ? next_due : stop_at);
    }
}

/* A byte on standard input says that it may begin. */
static void wait_for_word(void) {
    char byte;
    printf("ready\n");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) != 1) errno = EPIPE, fail("standard input");
}

static bool complete(void) {
    return counters.answered >= published * options.subscribers && publisher->seen >= messages * options.answers;
}

static void run(void) {
    uint64_t begin = now_ns();
    counters.count_from = begin + (uint64_t)(options.warm * 1e9);
    stop_at = begin + (uint64_t)(options.seconds * 1e9);
    if (options.rate) run_paced(begin);
    else run_window();
    uint64_t limit = now_ns() + DRAINING * SECOND;
    while (!complete() && !counters.errors && now_ns() < limit) turn(limit);
    counters.sent = published * options.subscribers;
}

/* Each event once to each subscriber, and each answer to the publisher. */
static bool all_delivered(void) {
    const peer_t *wrong = NULL;
    int several = 0;
    for (const peer_t *p = peers; p < publisher; p++)
        if (p->seen != published) several++, wrong = wrong ? wrong : p;
    if (wrong)
        fprintf(stderr, "fanout: %d of %d subscribers did not get each event once; number %d got %ld of %ld\n",
                several, options.subscribers, wrong->number, wrong->seen, published);
    else if (publisher->seen != messages * options.answers)
        fprintf(stderr, "fanout: %ld of %ld messages answered\n", publisher->seen, messages);
    return !wrong && publisher->seen == messages * options.answers;
}

static void set(const char *name, const char *value) {
    options_t *o = &options;
    if (!strcmp(name, "port")) o->port = atoi(value);
    else if (!strcmp(name, "subscribers")) o->subscribers = atoi(value);
    else if (!strcmp(name, "together")) o->together = atol(value);
    else if (!strcmp(name, "window")) o->window = atol(value);
    else if (!strcmp(name, "answers")) o->answers = atoi(value);
    else if (!strcmp(name, "seconds")) o->seconds = atof(value);
    else if (!strcmp(name, "warm")) o->warm = atof(value);
    else if (!strcmp(name, "room")) o->room = (size_t)atol(value);
    else if (!strcmp(name, "rate")) o->rate = atof(value);
    else if (!strcmp(name, "hello")) o->hello = slurp(value);
    else if (!strcmp(name, "subscriber")) o->subscriber = slurp(value);
    else if (!strcmp(name, "subscribe")) o->subscribe = slurp(value);
    else if (!strcmp(name, "message")) o->message = slurp(value);
    else if (!strcmp(name, "expect") && o->expect.count < 4) o->expect.texts[o->expect.count++] = value;
    else if (!strcmp(name, "wire")) o->drain = drain_named(value), o->websocket = !strcmp(value, "websocket");
    else errno = EINVAL, fail(name);
}

int main(int count, char **arguments) {
    program = "fanout";
    each_option(count, arguments, set);
    if (!options.drain || options.subscribers < 1 || options.window < options.together || !options.room || options.room > READ_ROOM) errno = EINVAL, fail("options");
    prepare_process();
    find_places();
    open_all();
    wait_for_word();
    double before = processor_seconds();
    run();
    report(processor_seconds() - before);
    return counters.errors || !all_delivered() ? 2 : 0;
}
