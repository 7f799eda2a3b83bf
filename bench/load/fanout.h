/* What the parts of the fan-out generator share: options, and its peers.
 *
 * It is one publisher and all subscribers at once. What it sends is prepared: only the
 * stamp behind each event's marker and the serial numbers are written into it. */
#ifndef FANOUT_H
#define FANOUT_H

#include "common.h"

/* MARKER occurs once in each event's payload and in nothing else of any protocol; a stamp of so many digits is behind it. */
enum { MARKER = '~', STAMP_DIGITS = 20, HEAD = 1024, MOST_CONTROL = 125 };

typedef struct peer peer_t;

/* Reads what came, wherever it is torn. */
typedef void (*drain_t)(peer_t *p, const char *data, size_t size);

typedef struct {
    int port;
    int subscribers;
    long together;      /* events published at once */
    long window;        /* events that are published before all before them are delivered, at most */
    int answers;        /* that the publisher gets for one message */
    double seconds;     /* a bound on the time, always */
    double warm;        /* seconds at the start that are not counted */
    double rate;        /* events per second; 0: as fast as the window allows */
    size_t room;        /* bytes that are read at once, at most: few of them tear everything */
    bool websocket;
    blob_t hello;       /* what the publisher sends first, and what each subscriber does */
    blob_t subscriber;
    blob_t subscribe;   /* WebSocket: the subscriber's message once it is upgraded */
    blob_t message;
    expect_t expect;
    drain_t drain;
} options_t;

struct peer {
    int fd;
    int number;         /* of a subscriber; the publisher has the one behind the last of them */
    enum { CONNECTING, UPGRADING, SUBSCRIBING, OPEN } state;
    bool want_write;
    out_t out;
    long seen;          /* events that came; of the publisher: answers */
    int digits_left;    /* of a stamp that is torn between two reads: what is missing, and its value so far */
    uint64_t stamp;
    uint64_t left;      /* bytes of the body or of the frame that are still to come */
    size_t frame_size, control_size, head_size;
    unsigned char frame[10];
    char control[MOST_CONTROL + 1];
    char head[HEAD + 1]; /* the answer to the upgrade; then how the line or the message begins */
};

extern options_t options;
extern uint64_t read_at; /* when the bytes that are being read came */

/* fanout.c */
bool is_publisher(const peer_t *p);
void subscribed(peer_t *p);
void delivered(peer_t *p, long events);
void lost(const peer_t *p, const char *why);

/* drain.c */
drain_t drain_named(const char *name);
size_t take_upgrade(peer_t *p, const char *data, size_t size); /* bytes used; the peer's state tells whether it is done */

#endif
