/* Connections of the load generator: opening, sending, receiving, and what is unanswered.
 *
 * When and how much to send is decided in load.c; how bytes look, in wire.c. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_ROOM = 1 << 18,
    TORN_ROOM = 1 << 16,  /* no answer is longer */
    OPENING = 64,         /* connections being opened at once: below a small listen backlog */
    EVENTS = 512,
};

connection_t *connections;
uint64_t stop_at;
bool sending, input_ready;

static int poller;
static uint64_t serial;

static void watch(connection_t *c, int operation, bool write) {
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event)) fail("epoll_ctl");
    c->want_write = write;
}

static void lost(connection_t *c) {
    close(c->fd);
    c->state = CLOSED;
    counters.closed++;
}

void flush(connection_t *c) {
    if (!out_send(&c->out, c->fd)) {
        lost(c);
        return;
    }
    bool more = c->out.start < c->out.end;
    if (more != c->want_write) watch(c, EPOLL_CTL_MOD, more);
}

bool more_wanted(void) {
    return sending && !(options.total && counters.sent >= options.total);
}

/* Sends one message that was due at the time given; false when every slot waits for its answer. */
bool send_one(connection_t *c, uint64_t due) {
    if (!c->free_count) return false;
    int slot = options.slot_at >= 0 ? c->free[c->free_count - 1] : (c->head + options.window - c->free_count) % options.window;
    c->free_count--;
    c->sent[slot] = due;
    put_message(c, slot, serial++);
    if (!counters.sent++) counters.first = due;
    return true;
}

void fill(connection_t *c) {
    uint64_t now = now_ns();
    while (more_wanted() && send_one(c, now)) {}
}

void answered(connection_t *c, int slot) {
    if (options.slot_at < 0) {
        if (++c->waiting < options.answers) return;
        slot = c->head;
        c->waiting = 0;
        c->head = (c->head + 1) % options.window;
    } else if (slot < 0 || slot >= options.window) {
        refused("an answer to no message", 23);
        return;
    } else {
        c->free[c->free_count] = (uint16_t)slot;
    }
    c->free_count++;
    counters.answered++;
    counters.last = now_ns();
    if (counters.last < counters.count_from) return;
    counters.counted++;
    histogram_add(&counters.latency, counters.last - c->sent[slot]);
}

static void opened(connection_t *c) {
    c->state = OPEN;
    counters.opened++;
}

static void receive(connection_t *c) {
    static char room[READ_ROOM + TORN_ROOM];
    memcpy(room, c->kept, c->kept_size);
    ssize_t n = recv(c->fd, room + c->kept_size, READ_ROOM, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        lost(c);
        return;
    }
    size_t size = c->kept_size + (size_t)n;
    long used = 0;
    if (c->state == UPGRADING) {
        used = upgraded(room, size, &options.expect);
        if (used > 0) opened(c);
        if (used < 0) refused(room, size);
    }
    if (c->state == OPEN) {
        long more = options.parse(c, room + used, size - (size_t)used);
        used = more < 0 ? -1 : used + more;
    }
    if (used < 0 || size - (size_t)used > TORN_ROOM) {
        lost(c);
        return;
    }
    c->kept_size = size - (size_t)used;
    if (c->kept_size && !(c->kept = realloc(c->kept, c->kept_size))) fail("memory");
    if (c->kept_size) memcpy(c->kept, room + used, c->kept_size);
    if (c->state == OPEN && !options.rate && !options.idle) fill(c);
    flush(c);
}

static void ready(connection_t *c, uint32_t events) {
    if (c->state == CLOSED) return;
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            errno = error;
            fail("connect");
        }
        out_put(&c->out, c->hello.bytes, c->hello.size);
        if (options.websocket) c->state = UPGRADING;
        else opened(c);
        flush(c);
        return;
    }
    if (events & EPOLLOUT) flush(c);
    if (c->state != CLOSED && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
}

/* One wait and all that came of it; until is when to be back at the latest. */
void turn(uint64_t until) {
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns(), wait = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000ULL), .tv_nsec = (long)(wait % 1000000000ULL)};
    int n = epoll_pwait2(poller, events, EVENTS, &timeout, NULL);
    if (n < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) ready(events[i].data.ptr, events[i].events);
        else input_ready = true;
    }
}

static void start(connection_t *c) {
    c->fd = connecting(options.port);
    c->state = CONNECTING;
    c->hello = options.own ? own_copy(options.hello, (int)(c - connections)) : options.hello;
    c->message = options.own ? own_copy(options.message, (int)(c - connections)) : options.message;
    c->sent = calloc((size_t)options.window, sizeof *c->sent);
    c->free = calloc((size_t)options.window, sizeof *c->free);
    for (int i = 0; i < options.window; i++) c->free[i] = (uint16_t)(options.window - 1 - i);
    c->free_count = options.window;
    watch(c, EPOLL_CTL_ADD, true);
}

void open_all(void) {
    uint64_t limit = now_ns() + 60ULL * 1000000000ULL;
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll");
    connections = calloc((size_t)options.connections, sizeof *connections);
    for (int begun = 0; counters.opened < options.connections; ) {
        while (begun < options.connections && begun - counters.opened < OPENING) start(&connections[begun++]);
        turn(now_ns() + 1000000000ULL);
        if (counters.closed || now_ns() > limit) {
            fprintf(stderr, "load: %ld of %d connections open, %ld closed\n", counters.opened, options.connections, counters.closed);
            exit(1);
        }
    }
}

void watch_input(void) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLHUP, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event)) fail("standard input");
}
