/* The trivial server: after each message of a known size it sends a prepared answer.
 *
 * It shows how fast the load generator can go at all. It parses nothing: messages are
 * told apart by their size, and only the slot's digits are copied into the answer. With
 * fan=1 it has no answers: what a peer says behind its hello is sent to all others. */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DIGITS = 4, ROOM = 1 << 18, EVENTS = 512, BACKLOG = 1024, MOST_PEERS = 1 << 14 };

typedef struct {
    int fd;
    size_t skipped, at;     /* bytes of the hello passed over; place in the current message */
    char mask[4], slot[DIGITS];
    out_t out;
    bool want_write;
} peer_t;

static size_t skip, size;
static long slot_at = -1, mask_at = -1, answer_slot_at = -1;
static blob_t greeting, answer;
static bool fan;
static peer_t *peers[MOST_PEERS]; /* with fan: by descriptor */
static int port, poller, most_fd;

/* Copies what of data lies in [from, from + count) of the message, where data starts at p->at. */
static void capture(const peer_t *p, const char *data, size_t length, long from, char *into, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t place = (size_t)from + i;
        if (place >= p->at && place < p->at + length) into[i] = data[place - p->at];
    }
}

static void reply(peer_t *p) {
    if (answer_slot_at >= 0)
        for (int i = 0; i < DIGITS; i++)
            answer.bytes[answer_slot_at + i] = (char)(p->slot[i] ^ (mask_at >= 0 ? p->mask[(slot_at - mask_at - 4 + i) & 3] : 0));
    out_put(&p->out, answer.bytes, answer.size);
    p->at = 0;
}

static bool flush(peer_t *p) {
    if (!out_send(&p->out, p->fd)) return false;
    bool more = p->out.start < p->out.end;
    if (more != p->want_write) {
        struct epoll_event event = {.events = EPOLLIN | (more ? EPOLLOUT : 0), .data.ptr = p};
        epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &event);
        p->want_write = more;
    }
    return true;
}

/* A peer that is lost is found when it is read from. */
static void fan_out(const peer_t *from, const char *data, size_t length) {
    for (int fd = 0; fd <= most_fd; fd++) {
        if (!peers[fd] || peers[fd] == from) continue;
        out_put(&peers[fd]->out, data, length);
        flush(peers[fd]);
    }
}

static void take(peer_t *p, const char *data, size_t length) {
    if (p->skipped < skip) {
        size_t part = length < skip - p->skipped ? length : skip - p->skipped;
        p->skipped += part, data += part, length -= part;
        if (p->skipped == skip) out_put(&p->out, greeting.bytes, greeting.size);
    }
    if (fan && length) fan_out(p, data, length);
    while (length && !fan) {
        size_t part = length < size - p->at ? length : size - p->at;
        if (mask_at >= 0) capture(p, data, part, mask_at, p->mask, 4);
        if (slot_at >= 0) capture(p, data, part, slot_at, p->slot, DIGITS);
        p->at += part, data += part, length -= part;
        if (p->at == size) reply(p);
    }
}

static void serve(peer_t *p) {
    static char room[ROOM];
    ssize_t n = recv(p->fd, room, ROOM, 0);
    if (n > 0) take(p, room, (size_t)n);
    bool over = n == 0 || (n < 0 && errno != EAGAIN);
    if (over || !flush(p)) {
        close(p->fd);
        if (fan) peers[p->fd] = NULL;
        free(p->out.bytes);
        free(p);
    }
}

static void greet(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        peer_t *p = calloc(1, sizeof *p);
        p->fd = fd;
        if (fan && fd >= MOST_PEERS) fail("too many peers");
        if (fan) peers[fd] = p, most_fd = fd > most_fd ? fd : most_fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void set(const char *name, const char *value) {
    if (!strcmp(name, "skip")) skip = (size_t)atol(value);
    else if (!strcmp(name, "size")) size = (size_t)atol(value);
    else if (!strcmp(name, "slot")) slot_at = atol(value);
    else if (!strcmp(name, "mask")) mask_at = atol(value);
    else if (!strcmp(name, "answer-slot")) answer_slot_at = atol(value);
    else if (!strcmp(name, "greeting")) greeting = slurp(value);
    else if (!strcmp(name, "answer")) answer = slurp(value);
    else if (!strcmp(name, "fan")) fan = atoi(value);
    else if (!strcmp(name, "port")) port = atoi(value);
    else errno = EINVAL, fail(name);
}

int main(int count, char **arguments) {
    program = "sink";
    each_option(count, arguments, set);
    prepare_process();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG)) fail("bind");
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) serve(events[i].data.ptr);
            else greet(listener);
        }
    }
}
