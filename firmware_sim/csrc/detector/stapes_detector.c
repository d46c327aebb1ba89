/* The ring has one producer and one consumer. A word that both see is written by one of them only, and goes through
 * two macros; what it guards is written before the release and read behind the acquire.
 *
 *   written  samples below it are in the ring          producer -> consumer
 *   read     samples below it may be overwritten       consumer -> producer
 *   gaps     nothing more is stored until ...          producer -> consumer
 *   closed   ... this has caught up with it            consumer -> producer
 *
 * So one gap at most is open, it lies behind all that is in the ring, and `lost` is still when the consumer reads it:
 * it is written between the closing of a gap and the release of the first sample behind it.
 *
 * Indices go round twice the ring: a full ring and an empty one differ, and any length is as good as a power of two.
 */
#include "stapes_detector.h"

#include <string.h>

#if defined __GNUC__ || defined __clang__
#define STAPES_DETECTOR_LOAD_ACQUIRE(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define STAPES_DETECTOR_STORE_RELEASE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)
#else /* one core, and a compiler that keeps volatile accesses in order with calls: enough for an interrupt */
#define STAPES_DETECTOR_LOAD_ACQUIRE(word) (*(volatile uint32_t *)&(word))
#define STAPES_DETECTOR_STORE_RELEASE(word, value) (*(volatile uint32_t *)&(word) = (value))
#endif

#ifdef STAPES_BOARD /* in emulation, instructions are counted by stage */
#include "stapes_board.h"
STAPES_REGION(frontend)
STAPES_REGION(model)
STAPES_REGION(events)
#else
#define STAPES_BEGIN(stage) ((void)0)
#define STAPES_END(stage) ((void)0)
#endif

/* Samples from index `read` to index `written`, 0..size. */
static uint32_t stapes_detector_samples_between(uint32_t read, uint32_t written, uint32_t size)
{
    return written >= read ? written - read : written + 2 * size - read;
}

/* The index n <= size samples on: below 2 * size again; the sum is below 3 * size, and that below 2^32. */
static uint32_t stapes_detector_advanced(uint32_t index, uint32_t n, uint32_t size)
{
    return index + n < 2 * size ? index + n : index + n - 2 * size;
}

static uint32_t stapes_detector_ring_position(uint32_t index, uint32_t size)
{
    return index < size ? index : index - size;
}

void stapes_detector_init(stapes_detector *self, const stapes_detector_setup *setup,
                          const stapes_detector_memory *memory)
{
    memset(self, 0, sizeof *self);
    self->setup = setup;
    self->memory = *memory;
    self->fresh = 1;
    stapes_events_init(&self->events, setup->events, memory->classes);
}

uint32_t stapes_push(stapes_detector *self, const int16_t *samples, uint32_t n)
{
    uint32_t size = self->setup->ring_samples;
    uint32_t written = self->written;
    uint32_t place = stapes_detector_ring_position(written, size);

    if (n == 0) {
        return 0; /* a gap ends with a sample */
    }
    if (self->in_gap) {
        if (STAPES_DETECTOR_LOAD_ACQUIRE(self->closed) != self->gaps) {
            self->losing += n;
            return 0;
        }
        self->in_gap = 0;
        self->lost = self->losing;
    }
    /* Behind a gap the ring is empty, so a sample is stored: the gap before is passed before another one can open. */
    uint32_t room = size - stapes_detector_samples_between(STAPES_DETECTOR_LOAD_ACQUIRE(self->read), written, size);
    uint32_t stored = n < room ? n : room;
    uint32_t before_wrap = stored < size - place ? stored : size - place;
    memcpy(self->memory.ring + place, samples, before_wrap * sizeof *samples);
    memcpy(self->memory.ring, samples + before_wrap, (stored - before_wrap) * sizeof *samples);
    STAPES_DETECTOR_STORE_RELEASE(self->written, stapes_detector_advanced(written, stored, size));
    if (stored < n) {
        self->in_gap = 1;
        self->losing = n - stored;
        STAPES_DETECTOR_STORE_RELEASE(self->gaps, self->gaps + 1);
    }
    return stored;
}

/* Samples in the ring that the consumer may read. */
static uint32_t stapes_detector_available(const stapes_detector *self)
{
    return stapes_detector_samples_between(self->read, STAPES_DETECTOR_LOAD_ACQUIRE(self->written),
                                           self->setup->ring_samples);
}

/* Samples [read, read + window), in one piece. */
static const int16_t *stapes_detector_frame_samples(const stapes_detector *self)
{
    uint32_t window = self->setup->tables->window;
    uint32_t size = self->setup->ring_samples;
    uint32_t place = stapes_detector_ring_position(self->read, size);
    uint32_t before_wrap = size - place;
    const int16_t *ring = self->memory.ring;

    if (window <= before_wrap) {
        return ring + place;
    }
    memcpy(self->memory.frame, ring + place, before_wrap * sizeof *ring);
    memcpy(self->memory.frame + before_wrap, ring, (window - before_wrap) * sizeof *ring);
    return self->memory.frame;
}

/* Let the producer have n samples of the ring; the clock goes with them. */
static void stapes_detector_consume(stapes_detector *self, uint32_t n)
{
    self->sample += n;
    STAPES_DETECTOR_STORE_RELEASE(self->read, stapes_detector_advanced(self->read, n, self->setup->ring_samples));
}

static void stapes_detector_begin_segment(stapes_detector *self)
{
    self->fresh = 0;
    self->step_frames = 0;
    stapes_events_restart(&self->events, self->sample);
    self->setup->model_reset(self->memory.model);
}

static int32_t stapes_detector_process_frame(stapes_detector *self, stapes_event *out)
{
    const stapes_detector_setup *setup = self->setup;
    int8_t *features = self->memory.features + self->step_frames * setup->tables->n_bands;
    int32_t written;

    STAPES_BEGIN(frontend);
    stapes_frontend_frame(setup->tables, stapes_detector_frame_samples(self), self->memory.work, features, NULL);
    STAPES_END(frontend);
    stapes_detector_consume(self, setup->tables->hop);
    self->frames++;
    if (++self->step_frames < setup->frames_per_step) {
        return 0;
    }
    self->step_frames = 0;
    STAPES_BEGIN(model);
    setup->model_step(self->memory.model, self->memory.features, self->memory.scores);
    STAPES_END(model);
    self->steps++;
    STAPES_BEGIN(events);
    written = stapes_events_push(&self->events, self->memory.scores, 1, out);
    STAPES_END(events);
    return written;
}

/* What the gap that ended has lost; called before the first sample behind it is heard. */
static void stapes_detector_account_for_gap(stapes_detector *self)
{
    if (self->overruns != self->closed) {
        self->overruns = self->closed;
        self->sample += self->lost;
        self->samples_lost += self->lost;
    }
}

int32_t stapes_poll(stapes_detector *self, stapes_event *out)
{
    uint32_t gaps =
        STAPES_DETECTOR_LOAD_ACQUIRE(self->gaps); /* first: where a gap is open, all before it is in the ring */
    uint32_t available = stapes_detector_available(self);

    if (!self->closing) {
        if (self->fresh && available > 0) {
            stapes_detector_account_for_gap(self);
            stapes_detector_begin_segment(self);
        }
        if (available >= self->setup->tables->window) {
            return stapes_detector_process_frame(self, out);
        }
        if (gaps == self->closed) {
            return STAPES_IDLE;
        }
        self->closing = 1;
    }
    int32_t written = stapes_events_flush(&self->events, out);
    if (written == 0) {
        stapes_detector_consume(self, available);
        self->closing = 0;
        self->fresh = 1;
        STAPES_DETECTOR_STORE_RELEASE(self->closed, gaps);
    }
    return written;
}

int32_t stapes_finish(stapes_detector *self, stapes_event *out)
{
    int32_t written = self->fresh ? 0 : stapes_events_flush(&self->events, out);

    if (written > 0) {
        return written;
    }
    stapes_detector_consume(self, stapes_detector_available(self));
    if (self->in_gap) {
        self->in_gap = 0;
        self->lost = self->losing;
        self->closed = self->gaps;
        stapes_detector_account_for_gap(self);
    }
    self->closing = 0;
    self->fresh = 1;
    return 0;
}
