/* How messages and answers look on each wire: Forward, NATS, Redis, WebSocket.
 *
 * Answers are found, matched with their message and counted; nothing else of them is read. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* {"ack": "<slot><serial>"} in msgpack. */
static long parse_forward(connection_t *c, char *data, size_t size) {
    size_t used = 0;
    while (size - used >= 6) {
        char *at = data + used;
        if (memcmp(at, "\x81\xa3" "ack", 5) != 0) return -1;
        unsigned char mark = (unsigned char)at[5];
        size_t head = 6, length;
        if ((mark & 0xe0) == 0xa0) {
            length = mark & 0x1f;
        } else if (mark == 0xd9) {
            if (size - used < 7) break;
            length = (unsigned char)at[6];
            head = 7;
        } else {
            return -1;
        }
        if (size - used < head + length) break;
        answered(c, digits(at + head, at + head + length, SLOT_DIGITS));
        used += head + length;
    }
    return (long)used;
}

/* MSG <subject> <sid> <bytes>, the PubAck behind it; PING wants a PONG; INFO and +OK are passed over. */
static long parse_nats(connection_t *c, char *data, size_t size) {
    size_t used = 0;
    while (used < size) {
        char *at = data + used, *end = memchr(at, '\n', size - used);
        if (!end) break;
        size_t line = (size_t)(end - at) + 1;
        if (*at == 'M') {
            char *space = memrchr(at, ' ', line);
            size_t length = space ? (size_t)digits(space + 1, end, 9) : 0;
            if (size - used < line + length + 2) break;
            if (memmem(end, length, "\"error\"", 7)) refused(end + 1, length);
            answered(c, -1);
            line += length + 2;
        } else if (*at == 'P' && at[1] == 'I') {
            out_put(&c->out, "PONG\r\n", 6);
        } else if (*at == '-') {
            refused(at, line);
            return -1;
        }
        used += line;
    }
    return (long)used;
}

/* One bulk string per XADD: the length's line, then the entry's identifier. */
static long parse_redis(connection_t *c, char *data, size_t size) {
    size_t used = 0;
    while (used < size) {
        char *at = data + used, *end = memchr(at, '\n', size - used);
        if (!end) break;
        size_t line = (size_t)(end - at) + 1;
        if (*at == '$') {
            size_t length = (size_t)digits(at + 1, end, 9);
            if (size - used < line + length + 2) break;
            line += length + 2;
        } else if (*at == '-') {
            refused(at, line);
        }
        answered(c, -1);
        used += line;
    }
    return (long)used;
}

static void text_answer(connection_t *c, char *data, size_t size) {
    if (memmem(data, size, "\"nack\"", 6) || memmem(data, size, "\"error\"", 7)) refused(data, size);
    char *id = memmem(data, size, "\"id\":", 5);
    if (!id) return;
    id += 5;
    while (id < data + size && (*id == '"' || *id == ' ')) id++;
    answered(c, digits(id, data + size, SLOT_DIGITS));
}

/* A server's frames are not masked; fragments are not expected in short answers. */
static long parse_websocket(connection_t *c, char *data, size_t size) {
    size_t used = 0;
    while (size - used >= 2) {
        unsigned char *at = (unsigned char *)data + used;
        size_t head = 2, length = at[1] & 0x7f;
        if (at[1] & 0x80) return -1;
        if (length == 127) return -1;
        if (length == 126) {
            if (size - used < 4) break;
            length = (size_t)at[2] << 8 | at[3];
            head = 4;
        }
        if (size - used < head + length) break;
        char *payload = (char *)at + head;
        int opcode = at[0] & 0x0f;
        if (opcode == OPCODE_CLOSE) {
            refused(payload, length);
            return -1;
        }
        if (opcode == OPCODE_PING) out_frame(&c->out, PONG_BITS, payload, length);
        if (opcode == OPCODE_PONG) answered(c, digits(payload, payload + length, SLOT_DIGITS));
        if (opcode == 1 || opcode == 2) text_answer(c, payload, length);
        used += head + length;
    }
    return (long)used;
}

parser_t parser_named(const char *name) {
    if (!strcmp(name, "forward")) return parse_forward;
    if (!strcmp(name, "nats")) return parse_nats;
    if (!strcmp(name, "redis")) return parse_redis;
    if (!strcmp(name, "websocket")) return parse_websocket;
    return NULL;
}

blob_t own_copy(blob_t shared, int number) {
    static const char marker[] = "@@@@";
    blob_t own = {malloc(shared.size), shared.size};
    memcpy(own.bytes, shared.bytes, shared.size);
    for (char *at = own.bytes; (at = memmem(at, own.size - (size_t)(at - own.bytes), marker, 4)); at += 4)
        write_digits(at, (uint64_t)number, 4);
    return own;
}

void put_message(connection_t *c, int slot, uint64_t serial) {
    char *bytes = c->message.bytes;
    if (options.slot_at >= 0) write_digits(bytes + options.slot_at, (uint64_t)slot, SLOT_DIGITS);
    for (int i = 0; i < options.serials; i++) write_digits(bytes + options.serial_at[i], serial, SERIAL_DIGITS);
    if (options.websocket) out_frame(&c->out, options.frame_bits, bytes, c->message.size);
    else out_put(&c->out, bytes, c->message.size);
}
