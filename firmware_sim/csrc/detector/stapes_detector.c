/* stapes_detector.c -- the loop of a detector: ring buffer, frontend, model, event decoder. Apache-2.0.
 *
 * Names that are private to this file begin with stapes_detector_ or STAPES_DETECTOR_.
 *
 * THE RING has one producer (stapes_push) and one consumer (stapes_poll). Each word that both of them access is
 * written by only one of them, and always through the two macros below: the data that the word guards is written
 * before the release and read after the acquire.
 *
 *   written  all samples below this index are in the ring             producer -> consumer
 *   read     all samples below this index may be overwritten          consumer -> producer
 *   gaps     the number of gaps that have begun; the producer
 *            stores nothing more until ...                            producer -> consumer
 *   closed   ... this number has caught up with `gaps`                consumer -> producer
 *
 * Hence at most one gap is open at any time, and it lies behind everything that is in the ring. `lost` does not change
 * while the consumer reads it: the producer writes it after the consumer has closed a gap and before it releases the
 * first sample behind that gap.
 *
 * Indices run over twice the length of the ring, so that a full ring differs from an empty one, and so that the length
 * need not be a power of two. */
#include "stapes_detector.h"

#include <string.h>

#if defined __GNUC__ || defined __clang__
#define STAPES_DETECTOR_LOAD_ACQUIRE(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define STAPES_DETECTOR_STORE_RELEASE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)
#else /* one core, and a compiler that does not reorder volatile accesses and calls: sufficient for an interrupt */
#define STAPES_DETECTOR_LOAD_ACQUIRE(word) (*(volatile uint32_t *)&(word))
#define STAPES_DETECTOR_STORE_RELEASE(word, value) (*(volatile uint32_t *)&(word) = (value))
#endif

#ifdef STAPES_BOARD /* in emulation, instructions are counted per stage */
#include "stapes_board.h"
STAPES_REGION(frontend)
STAPES_REGION(model)
STAPES_REGION(events)
#else
#define STAPES_BEGIN(stage) ((void)0)
#define STAPES_END(stage) ((void)0)
#endif

/* Return the number of samples from index `read` to index `written`: 0..size. */
static uint32_t stapes_detector_samples_between(uint32_t read, uint32_t written, uint32_t size)
{
    return written >= read ? written - read : written + 2 * size - read;
}

/* Return the index n <= size samples further on, below 2 * size. The sum is below 3 * size <= 3 * 2^30 < 2^32. */
static uint32_t stapes_detector_advanced(uint32_t index, uint32_t n, uint32_t size)
{
    return index + n < 2 * size ? index + n : index + n - 2 * size;
}

/* Return where in the ring the sample with this index lies. */
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

void stapes_detector_restart(stapes_detector *self)
{
    stapes_events_init(&self->events, self->setup->events, self->memory.classes);
    self->fresh = 1;
}

uint32_t stapes_push(stapes_detector *self, const int16_t *samples, uint32_t n)
{
    uint32_t size = self->setup->ring_samples;
    uint32_t written = self->written;
    uint32_t place = stapes_detector_ring_position(written, size);

    if (n == 0) {
        return 0; /* only a sample that is stored ends a gap */
    }
    if (self->in_gap) {
        if (STAPES_DETECTOR_LOAD_ACQUIRE(self->closed) != self->gaps) {
            self->losing += n;
            return 0;
        }
        self->in_gap = 0;
        self->lost = self->losing;
    }
    /* After a gap the ring is empty, so at least one sample is stored here: the consumer accounts for the previous
     * gap before another one can open. */
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

/* Return the number of samples in the ring that the consumer may read. */
static uint32_t stapes_detector_available(const stapes_detector *self)
{
    return stapes_detector_samples_between(self->read, STAPES_DETECTOR_LOAD_ACQUIRE(self->written),
                                           self->setup->ring_samples);
}

/* Return samples [read, read + window) as one array; they are copied to memory.frame where they wrap around. */
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

/* Give the room of n samples back to the producer and advance the clock by as many. */
static void stapes_detector_consume(stapes_detector *self, uint32_t n)
{
    self->sample += n;
    STAPES_DETECTOR_STORE_RELEASE(self->read, stapes_detector_advanced(self->read, n, self->setup->ring_samples));
}

/* Begin a segment without a gap at the current sample: reset the model and the event decoder. */
static void stapes_detector_begin_segment(stapes_detector *self)
{
    self->fresh = 0;
    self->step_frames = 0;
    stapes_events_restart(&self->events, self->sample);
    self->setup->model_reset(self->memory.model);
}

/* Process one frame, and the model and the event decoder if it completes a step. Returns the number of events. */
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

/* Add the samples that were lost in the gap that has ended to the clock and the counters. This is called before the
 * first sample behind the gap is processed. */
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
    /* `gaps` is read first: then all samples before an open gap are in the ring. */
    uint32_t gaps = STAPES_DETECTOR_LOAD_ACQUIRE(self->gaps);
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
