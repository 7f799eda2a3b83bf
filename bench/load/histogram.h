/* A histogram of nanoseconds: 64 steps per power of two, so at most 1.6 % wrong. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { STEP_BITS = 6, STEPS = 1 << STEP_BITS };

typedef struct {
    uint64_t buckets[64 * STEPS];
    uint64_t count, most;
} histogram_t;

static inline int histogram_bucket(uint64_t value) {
    if (value < STEPS) return (int)value;
    int power = 63 - __builtin_clzll(value);
    return (power - STEP_BITS + 1) * STEPS + (int)((value >> (power - STEP_BITS)) & (STEPS - 1));
}

static inline void histogram_add(histogram_t *h, uint64_t value) {
    h->buckets[histogram_bucket(value)]++;
    h->count++;
    if (value > h->most) h->most = value;
}

static inline uint64_t histogram_value(int bucket) {
    if (bucket < STEPS) return (uint64_t)bucket;
    int shift = bucket / STEPS - 1;
    return ((uint64_t)(STEPS + bucket % STEPS) << shift) + ((1ULL << shift) >> 1);
}

static inline uint64_t histogram_quantile(const histogram_t *h, double q) {
    uint64_t rank = (uint64_t)(q * (double)h->count), seen = 0;
    for (int i = 0; i < 64 * STEPS; i++) {
        seen += h->buckets[i];
        if (seen > rank) return histogram_value(i);
    }
    return h->most;
}

#endif
