/* The trivial server: after each message of a known size it sends a prepared answer.
 *
 * It shows how fast the load generator can go at all. It parses nothing: messages are
 * told apart by their size, and only the slot's digits are copied into the answer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DIGITS = 4, ROOM = 1 << 18, EVENTS = 512, BACKLOG = 1024 };

typedef struct {
    int fd;
    size_t skipped, at;     /* bytes of the hello passed over; place in the current message */
    char mask[4], slot[DIGITS];
    char *out;
    size_t out_start, out_end, out_room;
    bool want_write;
} peer_t;

static size_t skip, size;
static long slot_at = -1, mask_at = -1, answer_slot_at = -1;
static char *greeting, *answer;
static size_t greeting_size, answer_size;
static int poller;

static void fail(const char *what) {
    fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

static char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    if (fread(bytes, 1, *length, file) != *length) fail(path);
    fclose(file);
    return bytes;
}

static void put(peer_t *p, const char *data, size_t length) {
    while (p->out_end + length > p->out_room) {
        p->out_room = p->out_room ? p->out_room * 2 : 1024;
        if (!(p->out = realloc(p->out, p->out_room))) fail("memory");
    }
    memcpy(p->out + p->out_end, data, length);
    p->out_end += length;
}

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
            answer[answer_slot_at + i] = (char)(p->slot[i] ^ (mask_at >= 0 ? p->mask[(slot_at - mask_at - 4 + i) & 3] : 0));
    put(p, answer, answer_size);
    p->at = 0;
}

static void take(peer_t *p, const char *data, size_t length) {
    if (p->skipped < skip) {
        size_t part = length < skip - p->skipped ? length : skip - p->skipped;
        p->skipped += part, data += part, length -= part;
        if (p->skipped == skip) put(p, greeting, greeting_size);
    }
    while (length) {
        size_t part = length < size - p->at ? length : size - p->at;
        if (mask_at >= 0) capture(p, data, part, mask_at, p->mask, 4);
        if (slot_at >= 0) capture(p, data, part, slot_at, p->slot, DIGITS);
        p->at += part, data += part, length -= part;
        if (p->at == size) reply(p);
    }
}

static bool flush(peer_t *p) {
    while (p->out_start < p->out_end) {
        ssize_t n = send(p->fd, p->out + p->out_start, p->out_end - p->out_start, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) return false;
        p->out_start += (size_t)n;
    }
    bool more = p->out_start < p->out_end;
    if (!more) p->out_start = p->out_end = 0;
    if (more != p->want_write) {
        struct epoll_event event = {.events = EPOLLIN | (more ? EPOLLOUT : 0), .data.ptr = p};
        epoll_ctl(poller, EPOLL_CTL_MOD, p->fd, &event);
        p->want_write = more;
    }
    return true;
}

static void serve(peer_t *p) {
    static char room[ROOM];
    ssize_t n = recv(p->fd, room, ROOM, 0);
    if (n > 0) take(p, room, (size_t)n);
    bool over = n == 0 || (n < 0 && errno != EAGAIN);
    if (over || !flush(p)) {
        close(p->fd);
        free(p->out);
        free(p);
    }
}

static void greet(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        peer_t *p = calloc(1, sizeof *p);
        p->fd = fd;
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
    else if (!strcmp(name, "greeting")) greeting = slurp(value, &greeting_size);
    else if (!strcmp(name, "answer")) answer = slurp(value, &answer_size);
    else errno = EINVAL, fail(name);
}

int main(int count, char **arguments) {
    int port = 0;
    for (int i = 1; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) errno = EINVAL, fail(arguments[i]);
        *equals = 0;
        if (!strcmp(arguments[i], "port")) port = atoi(equals + 1);
        else set(arguments[i], equals + 1);
    }
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
