/* A producer and a consumer that share a detector, for ThreadSanitizer: both pause at random. The frontend is a
 * check: every sample must be the one that the clock expects, over all gaps. Exit code 0: no frame was wrong. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "stapes_detector.h"

enum { WINDOW = 48, HOP = 20, RING = 101, STREAM = 400000 };

static stapes_frontend_tables tables;
static stapes_detector detector;
static int producer_done;
static uint32_t produced;
static int consumer_paused;
static uint64_t pushed_into_ring;
static uint32_t wrong_frames;

void stapes_frontend_frame(const stapes_frontend_tables *unused_tables, const int16_t *pcm, int32_t *work,
                           int8_t *features, int16_t *log2_bands)
{
    (void)unused_tables, (void)work, (void)log2_bands;
    for (int32_t i = 0; i < WINDOW; i++) {
        if (pcm[i] != (int16_t)(uint16_t)(detector.sample + i)) {
            wrong_frames++;
            break;
        }
    }
    features[0] = 0;
}

static void model_reset(void *model)
{
    (void)model;
}

static void model_step(void *model, const int8_t *features, int8_t *scores)
{
    (void)model, (void)features;
    scores[0] = 100;
}

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 16;
}

/* Wait until more samples have arrived than the ring holds, so that there is an overrun whatever the scheduler does.
 */
static void fall_behind(void)
{
    __atomic_store_n(&consumer_paused, 1, __ATOMIC_RELEASE);
    uint32_t since = __atomic_load_n(&produced, __ATOMIC_RELAXED);
    while (__atomic_load_n(&produced, __ATOMIC_RELAXED) - since < 2 * RING &&
           !__atomic_load_n(&producer_done, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
}

/* Wait until the consumer has paused once more: on a busy machine the whole stream could else pass in one overrun. */
static void wait_for_the_consumer(void)
{
    while (!__atomic_exchange_n(&consumer_paused, 0, __ATOMIC_ACQ_REL)) {
        sched_yield();
    }
}

static void *produce(void *unused)
{
    uint32_t random = 1;
    uint32_t blocks = 0;
    uint32_t position = 0;
    int16_t block[64];

    (void)unused;
    while (position < STREAM) {
        uint32_t n = 1 + draw(&random) % 64;
        for (uint32_t i = 0; i < n; i++) {
            block[i] = (int16_t)(uint16_t)position++;
        }
        pushed_into_ring += stapes_push(&detector, block, n);
        __atomic_store_n(&produced, position, __ATOMIC_RELAXED);
        if (++blocks % 1024 == 0) {
            wait_for_the_consumer();
        }
        for (uint32_t pause = draw(&random) % 8; pause > 0; pause--) {
            sched_yield();
        }
    }
    __atomic_store_n(&producer_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

int main(void)
{
    static const stapes_event_config config = {0, 0, 1, 1, 0, 0, 0};
    static const stapes_event_setup events = {&config, 1, HOP, 0, 0};
    static int16_t ring[RING], frame[WINDOW];
    static int8_t features[1], scores[1];
    static stapes_event_class classes[1];
    static const stapes_detector_memory memory = {ring, frame, NULL, features, scores, classes, NULL};
    stapes_detector_setup setup = {&tables, &events, RING, 1, model_reset, model_step};
    stapes_event out[2];
    pthread_t producer;
    uint32_t random = 2;
    uint32_t polls = 0;
    int32_t balance = 0;

    tables.window = WINDOW, tables.hop = HOP, tables.n_bands = 1;
    stapes_detector_init(&detector, &setup, &memory);
    /* Just below the wrap of the counters. */
    detector.gaps = detector.closed = detector.overruns = 0xFFFFFFF0U;
    if (pthread_create(&producer, NULL, produce, NULL) != 0) {
        return 2;
    }
    for (;;) {
        int done = __atomic_load_n(&producer_done, __ATOMIC_ACQUIRE);
        int32_t n = stapes_poll(&detector, out);
        for (int32_t i = 0; i < n; i++) {
            balance += out[i].kind == STAPES_EVENT_ANNOUNCED ? 1 : -1;
        }
        if (n == STAPES_IDLE && done) {
            break;
        }
        for (uint32_t pause = draw(&random) % 8; pause > 0; pause--) {
            sched_yield();
        }
        if (++polls % 128 == 0) {
            fall_behind();
        }
    }
    pthread_join(producer, NULL);
    while (stapes_finish(&detector, out) > 0) {
        balance--;
    }
    uint32_t overruns = detector.overruns - 0xFFFFFFF0U;
    printf("{\"frames\": %u, \"overruns\": %u, \"lost\": %lld, \"stored\": %llu, \"clock\": %lld, \"wrong\": %u, "
           "\"open_events\": %d}\n",
           detector.frames, overruns, (long long)detector.samples_lost, (unsigned long long)pushed_into_ring,
           (long long)detector.sample, wrong_frames, balance);
    return wrong_frames == 0 ? 0 : 1;
}
