/* What subscribers receive, on each wire: events are counted by their marker; pings are
 * answered, refusals told, and nothing else is looked at. Everything may be torn anywhere. */
#define _GNU_SOURCE
#include "fanout.h"

#include <string.h>

enum { LOOK = 256, OP_WITHIN = 64, LONGEST_LENGTH = 9 };

static void stamped(peer_t *p) {
    if (p->stamp > read_at) refused("an event from the future", 24);
    else if (p->stamp >= counters.count_from) histogram_add(&counters.latency, read_at - p->stamp);
}

/* At a fixed rate, the stamps are read. */
static void scan_stamps(peer_t *p, const char *data, const char *end) {
    long events = 0;
    while (data < end) {
        for (; p->digits_left && data < end; data++) {
            if (*data < '0' || *data > '9') {
                refused("a stamp that is no number", 25);
                return;
            }
            p->stamp = p->stamp * 10 + (uint64_t)(*data - '0');
            if (!--p->digits_left) stamped(p), events++;
        }
        if (!(data = memchr(data, MARKER, (size_t)(end - data)))) break;
        data++;
        p->digits_left = STAMP_DIGITS, p->stamp = 0;
    }
    delivered(p, events);
}

static void scan(peer_t *p, const char *data, size_t size) {
    const char *end = data + size;
    if (is_publisher(p)) return;
    if (options.rate) {
        scan_stamps(p, data, end);
        return;
    }
    long events = 0;
    for (; (data = memchr(data, MARKER, (size_t)(end - data))); data++) events++;
    delivered(p, events);
}

static void keep_head(peer_t *p, const char *data, size_t size, size_t most) {
    size_t part = size < most - p->head_size ? size : most - p->head_size;
    memcpy(p->head + p->head_size, data, part);
    p->head_size += part;
}

static bool head_has(const peer_t *p, const char *text) {
    return memmem(p->head, p->head_size < OP_WITHIN ? p->head_size : OP_WITHIN, text, strlen(text)) != NULL;
}

/* A message from eventd says with its first member what it is; the bare server's events are not even JSON. */
static void look_at_message(peer_t *p) {
    if (p->state == SUBSCRIBING && head_has(p, "subscribed")) subscribed(p);
    if (*p->head != '{') return;
    if (is_publisher(p) && head_has(p, "\"op\":\"ack\"")) p->seen++;
    if (head_has(p, "\"op\":\"error\"") || head_has(p, "\"op\":\"nack\"") || head_has(p, "\"op\":\"bye\"")) refused(p->head, p->head_size);
}

static size_t header_size(const peer_t *p) {
    if (p->frame_size < 2) return 2;
    return p->frame[1] == 127 ? 10 : p->frame[1] == 126 ? 4 : 2;
}

/* The header is whole: a server's frames are not masked, so that its second byte is the length. */
static void begin_frame(peer_t *p) {
    int opcode = p->frame[0] & 0x0f;
    if (p->frame[1] & 0x80 || p->frame[0] & 0x70) lost(p, "a frame that is masked or compressed");
    p->left = p->frame[1];
    if (p->frame_size > 2) p->left = 0;
    for (size_t i = 2; i < p->frame_size; i++) p->left = p->left << 8 | p->frame[i];
    if (opcode >= OPCODE_CLOSE && p->left > MOST_CONTROL) lost(p, "a control frame that is too long");
    if (opcode >= OPCODE_CLOSE) p->control_size = 0;
    else if (opcode) p->head_size = 0;
}

static void body_of_frame(peer_t *p, const char *data, size_t size) {
    if ((p->frame[0] & 0x0f) >= OPCODE_CLOSE) {
        memcpy(p->control + p->control_size, data, size);
        p->control_size += size;
        return;
    }
    keep_head(p, data, size, LOOK);
    scan(p, data, size);
}

static void end_frame(peer_t *p) {
    int opcode = p->frame[0] & 0x0f;
    if (opcode == OPCODE_CLOSE) {
        p->control[p->control_size] = 0;
        lost(p, p->control_size > 2 ? p->control + 2 : "closed by the server");
    }
    if (opcode == OPCODE_PING) out_frame(&p->out, PONG_BITS, p->control, p->control_size);
    if (opcode < OPCODE_CLOSE && p->frame[0] & 0x80) look_at_message(p);
    p->frame_size = 0;
}

static void drain_websocket(peer_t *p, const char *data, size_t size) {
    while (size) {
        size_t part = 1;
        if (p->frame_size < header_size(p)) {
            p->frame[p->frame_size++] = (unsigned char)*data;
            if (p->frame_size == header_size(p)) begin_frame(p);
        } else {
            part = size < p->left ? size : (size_t)p->left;
            body_of_frame(p, data, part);
            p->left -= part;
        }
        if (p->frame_size == header_size(p) && !p->left) end_frame(p);
        data += part, size -= part;
    }
}

static uint64_t body_behind(const char *length, const char *end) {
    int size = digits(length, end, LONGEST_LENGTH);
    return size < 0 ? 0 : (uint64_t)size + 2;
}

/* MSG <subject> <sid> <bytes>; PING wants a PONG, and the PONG behind a SUB says that it is in force. */
static void nats_line(peer_t *p) {
    const char *end = p->head + p->head_size, *space = memrchr(p->head, ' ', p->head_size);
    if (*p->head == 'M' && space) p->left = body_behind(space + 1, end);
    else if (*p->head == '-') refused(p->head, p->head_size);
    else if (p->head_size > 1 && p->head[0] == 'P' && p->head[1] == 'I') out_put(&p->out, "PONG\r\n", 6);
    else if (p->head_size > 1 && p->head[0] == 'P' && p->head[1] == 'O' && p->state == SUBSCRIBING) subscribed(p);
}

/* Bulk strings are all that has a body; a number answers a PUBLISH, or is the last of what answers a SUBSCRIBE. */
static void redis_line(peer_t *p) {
    if (*p->head == '$') p->left = body_behind(p->head + 1, p->head + p->head_size);
    else if (*p->head == '-') refused(p->head, p->head_size);
    else if (*p->head == ':' && is_publisher(p)) p->seen++;
    else if (*p->head == ':' && p->state == SUBSCRIBING) subscribed(p);
}

static void drain_lines(peer_t *p, const char *data, size_t size, void (*look)(peer_t *p)) {
    while (size) {
        size_t part;
        if (p->left) {
            part = size < p->left ? size : (size_t)p->left;
            scan(p, data, part);
            p->left -= part;
        } else {
            const char *end = memchr(data, '\n', size);
            part = end ? (size_t)(end - data) + 1 : size;
            keep_head(p, data, part, HEAD);
            if (end) look(p), p->head_size = 0;
        }
        data += part, size -= part;
    }
}

static void drain_nats(peer_t *p, const char *data, size_t size) {
    drain_lines(p, data, size, nats_line);
}

static void drain_redis(peer_t *p, const char *data, size_t size) {
    drain_lines(p, data, size, redis_line);
}

drain_t drain_named(const char *name) {
    if (!strcmp(name, "nats")) return drain_nats;
    if (!strcmp(name, "redis")) return drain_redis;
    if (!strcmp(name, "websocket")) return drain_websocket;
    return NULL;
}

size_t take_upgrade(peer_t *p, const char *data, size_t size) {
    size_t before = p->head_size;
    keep_head(p, data, size, HEAD);
    int used = upgraded(p->head, p->head_size, &options.expect);
    if (used < 0 || (!used && p->head_size == HEAD)) {
        p->head[p->head_size] = 0;
        lost(p, p->head);
    }
    if (!used) return size;
    p->head_size = 0;
    if (is_publisher(p)) {
        subscribed(p);
    } else {
        p->state = SUBSCRIBING;
        out_frame(&p->out, TEXT_BITS, options.subscribe.bytes, options.subscribe.size);
    }
    return (size_t)used - before;
}
