/* What the parts of the load generator share: options, connections, counters.
 *
 * The generator sends one prepared message over and over, patches only the numbers in
 * it, keeps a window of unanswered messages per connection, and counts the answers.
 * It knows how an answer looks (wire.c); what a message says is the caller's affair. */
#ifndef LOAD_H
#define LOAD_H

#include "common.h"

enum { MAX_WINDOW = 4096, SLOT_DIGITS = 4 };

typedef struct connection connection_t;

/* Consumes whole answers from the start of data; returns the bytes used, or -1 to give up. */
typedef long (*parser_t)(connection_t *c, char *data, size_t size);

typedef struct {
    int port;
    int connections;
    int window;         /* unanswered messages per connection */
    int answers;        /* answers that one message gets: 1,000 for a pipeline of 1,000 commands */
    long total;         /* messages in all; 0: until the time is over */
    double seconds;     /* a bound on the time, always */
    double warm;        /* seconds at the start that are not counted */
    double rate;        /* messages per second over all connections; 0: as fast as the window allows */
    bool idle;          /* only open connections and hold them until standard input ends */
    bool websocket;
    bool own;           /* the hello and message are each connection's own: its number stands for @@@@ */
    int frame_bits;     /* WebSocket: FIN, RSV and opcode of a message */
    blob_t hello;       /* sent first: a preface, or the HTTP upgrade */
    blob_t message;
    int slot_at;        /* where the message carries its slot; -1: answers come in order */
    int serial_at[4];   /* where it carries a number that never comes twice */
    int serials;
    expect_t expect;
    parser_t parse;
} options_t;

struct connection {
    int fd;
    enum { CONNECTING, UPGRADING, OPEN, CLOSED } state;
    bool want_write;
    blob_t hello, message;
    out_t out;
    char *kept;         /* the torn answer at the end of the last read */
    size_t kept_size;
    uint64_t *sent;     /* per slot: when it was (to be) sent */
    uint16_t *free;     /* stack of free slots, or ring of used ones where answers come in order */
    int free_count;
    int head, waiting;  /* in order: oldest slot, and answers that it still waits for */
};

extern options_t options;

extern connection_t *connections;
extern uint64_t stop_at;
extern bool sending, input_ready;

/* connection.c */
void answered(connection_t *c, int slot);   /* one answer to the message in that slot, or -1: the oldest */
bool more_wanted(void);
bool send_one(connection_t *c, uint64_t due);  /* false when every slot waits for its answer */
void fill(connection_t *c);
void flush(connection_t *c);
void turn(uint64_t until);                     /* one wait and all that came of it, back at that time at the latest */
void open_all(void);
void watch_input(void);                        /* sets input_ready when standard input has a byte or ends */

/* wire.c */
parser_t parser_named(const char *name);
blob_t own_copy(blob_t shared, int number);
void put_message(connection_t *c, int slot, uint64_t serial);

#endif
