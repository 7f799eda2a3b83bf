/* What the programs of the benchmark have in common: the clock, files, options, sockets on
 * loopback, bytes on their way out, WebSocket frames, and the counts that are the result.
 *
 * It keeps no connections: who is connected, and what is said, is each program's affair. */
#ifndef COMMON_H
#define COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

enum { SERIAL_DIGITS = 12, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10, PONG_BITS = 0x8a, TEXT_BITS = 0x81 };

typedef struct {
    char *bytes;
    size_t size;
} blob_t;

/* Bytes that the socket did not take yet. */
typedef struct {
    char *bytes;
    size_t start, end, room;
} out_t;

/* What the answer to an HTTP upgrade must contain. */
typedef struct {
    const char *texts[4];
    int count;
} expect_t;

typedef struct {
    long opened, sent, answered, counted, errors, closed, missed;
    uint64_t first, last;      /* monotonic nanoseconds of the first message and the last answer */
    uint64_t count_from;       /* answers before it are warm-up */
    histogram_t latency;
} counters_t;

extern const char *program;    /* what errors begin with */
extern counters_t counters;

void fail(const char *what);
void refused(const char *text, size_t size); /* counts an error; the first one is told */
uint64_t now_ns(void);
double processor_seconds(void);
blob_t slurp(const char *path);
void prepare_process(void);    /* as many files as may be, exact timers, no SIGPIPE */
void each_option(int count, char **arguments, void (*set)(const char *name, const char *value));
void report(double cpu);       /* the counters as one line of JSON */

int connecting(int port);      /* a socket on its way to a port of this machine; it does not block */
void out_put(out_t *out, const void *data, size_t size);
bool out_send(out_t *out, int fd); /* what the socket takes; false when the connection is lost */
void out_frame(out_t *out, int bits, const char *payload, size_t size); /* a client's frame: masked */
int upgraded(const char *data, size_t size, const expect_t *expect); /* bytes of a good answer to the upgrade; 0: more is needed; -1: bad */

int digits(const char *text, const char *end, int most); /* the number at the start; -1 where there is none */
void write_digits(char *at, uint64_t value, int count);

#endif
