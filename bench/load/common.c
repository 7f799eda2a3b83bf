/* See common.h. */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { FRAME_HEAD = 14 };

const char *program = "load";
counters_t counters;

void fail(const char *what) {
    fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
    exit(1);
}

void refused(const char *text, size_t size) {
    if (counters.errors++ == 0) fprintf(stderr, "%s: refused: %.*s\n", program, (int)(size < 300 ? size : 300), text);
}

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

blob_t slurp(const char *path) {
    blob_t blob = {0};
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    blob.size = (size_t)ftell(file);
    rewind(file);
    blob.bytes = malloc(blob.size + 1);
    if (fread(blob.bytes, 1, blob.size, file) != blob.size) fail(path);
    fclose(file);
    return blob;
}

void prepare_process(void) {
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1000UL);
    signal(SIGPIPE, SIG_IGN);
}

void each_option(int count, char **arguments, void (*set)(const char *name, const char *value)) {
    for (int i = 1; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) errno = EINVAL, fail(arguments[i]);
        *equals = 0;
        set(arguments[i], equals + 1);
    }
}

void report(double cpu) {
    const histogram_t *h = &counters.latency;
    printf("{\"opened\":%ld,\"sent\":%ld,\"answered\":%ld,\"counted\":%ld,\"errors\":%ld,\"closed\":%ld,\"missed\":%ld,"
           "\"first\":%llu,\"last\":%llu,\"count_from\":%llu,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"p999\":%llu,\"most\":%llu,\"cpu\":%.6f}\n",
           counters.opened, counters.sent, counters.answered, counters.counted, counters.errors, counters.closed, counters.missed,
           (unsigned long long)counters.first, (unsigned long long)counters.last, (unsigned long long)counters.count_from,
           (unsigned long long)histogram_quantile(h, 0.5), (unsigned long long)histogram_quantile(h, 0.9),
           (unsigned long long)histogram_quantile(h, 0.99), (unsigned long long)histogram_quantile(h, 0.999),
           (unsigned long long)h->most, cpu);
}

int connecting(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) fail("connect");
    return fd;
}

/* Room for so many bytes at out->end. */
static void out_reserve(out_t *out, size_t size) {
    if (out->end + size <= out->room) return;
    if (out->start) memmove(out->bytes, out->bytes + out->start, out->end - out->start);
    out->end -= out->start, out->start = 0;
    while (out->end + size > out->room) out->room = out->room ? out->room * 2 : 1024;
    if (!(out->bytes = realloc(out->bytes, out->room))) fail("memory");
}

void out_put(out_t *out, const void *data, size_t size) {
    out_reserve(out, size);
    memcpy(out->bytes + out->end, data, size);
    out->end += size;
}

bool out_send(out_t *out, int fd) {
    while (out->start < out->end) {
        ssize_t n = send(fd, out->bytes + out->start, out->end - out->start, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return true;
        if (n < 0) return false;
        out->start += (size_t)n;
    }
    out->start = out->end = 0;
    return true;
}

static uint32_t next_mask(void) {
    static uint64_t state = 0x9e3779b97f4a7c15ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)(state >> 16);
}

void out_frame(out_t *out, int bits, const char *payload, size_t size) {
    out_reserve(out, FRAME_HEAD + size);
    char *frame = out->bytes + out->end;
    int wide_length = size < 126 ? 0 : size < 65536 ? 2 : 8;
    *frame++ = (char)bits;
    *frame++ = (char)(0x80 | (wide_length == 0 ? size : wide_length == 2 ? 126 : 127));
    for (int i = wide_length - 1; i >= 0; i--) *frame++ = (char)((uint64_t)size >> (8 * i));
    uint32_t mask = next_mask();
    memcpy(frame, &mask, 4);
    frame += 4;
    uint64_t wide = (uint64_t)mask << 32 | mask, word;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, payload + i, 8);
        word ^= wide;
        memcpy(frame + i, &word, 8);
    }
    for (; i < size; i++) frame[i] = (char)(payload[i] ^ ((char *)&mask)[i & 3]);
    out->end = (size_t)(frame - out->bytes) + size;
}

int upgraded(const char *data, size_t size, const expect_t *expect) {
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - data) + 4;
    for (int i = 0; i < expect->count; i++)
        if (!memmem(data, head, expect->texts[i], strlen(expect->texts[i]))) return -1;
    return (int)head;
}

int digits(const char *text, const char *end, int most) {
    int value = 0, n = 0;
    while (text < end && n < most && *text >= '0' && *text <= '9') {
        value = value * 10 + (*text++ - '0');
        n++;
    }
    return n ? value : -1;
}

void write_digits(char *at, uint64_t value, int count) {
    while (count--) at[count] = (char)('0' + value % 10), value /= 10;
}
