/* stapes_board_detector.c -- firmware with a whole detector: it reads PCM from a file of the host and writes events as
 * lines of JSON to the UART. Apache-2.0. Its arguments select a mode:
 *
 *   free                    pushes a hop, then does all work, until the file ends; also writes features and scores to
 *                           files
 *   paced N                 every N ticks the timer's interrupt pushes a hop, as a DMA does with half a buffer,
 *                           whether or not the work is done
 *   answers SAMPLES STEPS   reads no file, but computes the known answers of stapes_selftest.c
 *
 * The build names the detector by -DDETECTOR_HEADER="NAME_detector.h" and -DDETECTOR(x)=NAME_ ## x. A loadable
 * detector has -DDETECTOR_BLOB_BYTES=N, too: it then loads model.blob, of up to N bytes, where the host has such a
 * file. */
#include "stapes_board.h"

#include DETECTOR_HEADER
#include "stapes_selftest.h"

#ifdef STAPES_BOARD
STAPES_REGION(push)
#else
#undef STAPES_BEGIN
#undef STAPES_END
#define STAPES_BEGIN(stage) ((void)0)
#define STAPES_END(stage) ((void)0)
#endif

static DETECTOR(detector_t) detector;
#ifdef DETECTOR_BLOB_BYTES
static uint32_t blob[(DETECTOR_BLOB_BYTES + 3) / 4];
static int32_t loaded = -1; /* what NAME_load returned; -1: there was no blob */
#define LABEL(class_index) DETECTOR(label)(&detector, class_index)
#else
#define LABEL(class_index) DETECTOR(labels)[class_index]
#endif
static int32_t pcm_file, features_file, scores_file; /* negative: the file is not open */
static volatile uint32_t pcm_at_end;
static int64_t lost_so_far;

static void print_string(const char *text)
{
    char letter[2] = {0, 0};

    board_print("\"");
    for (; *text != 0; text++) {
        letter[0] = *text;
        if (*text == '"' || *text == '\\') {
            board_print("\\");
        } else if ((uint8_t)*text < ' ') {
            board_print(*text & 0x10 ? "\\u001" : "\\u000");
            letter[0] = "0123456789abcdef"[*text & 15];
        }
        board_print(letter);
    }
    board_print("\"");
}

static void print_number(const char *name, int64_t number)
{
    board_print(", \"");
    board_print(name);
    board_print("\": ");
    board_print_i64(number);
}

static void print_events(const stapes_event *events, int32_t n)
{
    for (const stapes_event *event = events; event < events + n; event++) {
        board_print("{\"event\": ");
        board_print(event->kind == STAPES_EVENT_ANNOUNCED ? "\"announced\"" : "\"completed\"");
        board_print(", \"label\": ");
        print_string(LABEL(event->class_index));
        print_number("onset_sample", event->onset_sample);
        if (event->kind == STAPES_EVENT_COMPLETED) {
            print_number("offset_sample", event->offset_sample);
        }
        print_number("score", event->confidence);
        board_print("}\n");
    }
}

/* Print the gap that ended at sample `resumed`, if samples were lost since the last call. */
static void print_gap(int64_t resumed)
{
    int64_t lost = detector.core.samples_lost - lost_so_far;

    if (lost != 0) {
        board_print("{\"event\": \"gap\"");
        print_number("at_sample", resumed - lost);
        print_number("lost_samples", lost);
        board_print("}\n");
        lost_so_far += lost;
    }
}

/* Push one hop of the file; the last one may be shorter. */
static void push_hop(void)
{
    static int16_t hop[sizeof detector.frame / sizeof detector.frame[0]]; /* a hop is at most a window */
    int32_t bytes = (int32_t)detector.core.setup->tables->hop * 2;
    int32_t n = board_read(pcm_file, hop, bytes) / 2;

    STAPES_BEGIN(push);
    stapes_push(&detector.core, hop, (uint32_t)n);
    STAPES_END(push);
    pcm_at_end = 2 * n < bytes;
}

void board_on_timer(void)
{
    if (!pcm_at_end) {
        push_hop();
    }
}

/* Do all work that the pushed samples allow. */
static void work_off(void)
{
    stapes_event events[sizeof detector.classes / sizeof detector.classes[0] * 2];
    uint32_t bands = detector.core.setup->tables->n_bands;
    int32_t n;

    for (;;) {
        uint32_t frame = detector.core.step_frames, frames = detector.core.frames, steps = detector.core.steps;
        n = stapes_poll(&detector.core, events);
        if (n == STAPES_IDLE) {
            return;
        }
        if (features_file >= 0 && detector.core.frames != frames) {
            board_write(features_file, detector.features + frame * bands, (int32_t)bands);
        }
        if (scores_file >= 0 && detector.core.steps != steps) {
            board_write(scores_file, detector.scores, sizeof detector.scores);
        }
        print_gap(detector.core.events.first_sample);
        print_events(events, n);
    }
}

static uint32_t number(const char *digits)
{
    uint32_t value = 0;
    while (*digits != 0) {
        value = value * 10U + (uint32_t)(*digits++ - '0');
    }
    return value;
}

static void print_answers(stapes_event *events)
{
    stapes_answers answers;

    stapes_answer(&detector.core, events, number(board_argument(1)), number(board_argument(2)), &answers);
    board_print("{\"summary\": \"answers\"");
    print_number("features_crc32", answers.features_crc32);
    print_number("scores_crc32", answers.scores_crc32);
    print_number("events_crc32", answers.events_crc32);
    board_print("}\n");
}

#ifdef DETECTOR_BLOB_BYTES
static void load_blob(void)
{
    int32_t file = board_open("model.blob", 'r');

    if (file >= 0) {
        loaded = DETECTOR(load)(&detector, blob, (size_t)board_read(file, blob, DETECTOR_BLOB_BYTES));
        board_close(file);
    }
}
#endif

int main(void)
{
    stapes_event events[sizeof detector.classes / sizeof detector.classes[0] * 2];
    const char *mode = board_argument(0);
    int32_t n;

    if (mode == NULL || DETECTOR(start)(&detector) != STAPES_FRONTEND_OK) {
        return 2;
    }
#ifdef DETECTOR_BLOB_BYTES
    load_blob();
#endif
    if (mode[0] == 'a') {
        print_answers(events);
        return 0;
    }
    pcm_file = board_open("in.pcm", 'r');
    features_file = scores_file = -1;
    if (mode[0] == 'p') {
        board_timer_start(number(board_argument(1)));
        while (!pcm_at_end) {
            work_off();
            board_wait();
        }
        board_timer_stop();
    } else {
        features_file = board_open("features.bin", 'w');
        scores_file = board_open("scores.bin", 'w');
        while (!pcm_at_end) {
            push_hop();
            work_off();
        }
        board_close(features_file);
        board_close(scores_file);
    }
    work_off();
    while ((n = stapes_finish(&detector.core, events)) > 0) {
        print_events(events, n);
    }
    print_gap(detector.core.sample);
    board_print("{\"summary\": \"run\"");
    print_number("frames", detector.core.frames);
    print_number("steps", detector.core.steps);
    print_number("overruns", detector.core.overruns);
    print_number("samples_lost", detector.core.samples_lost);
    print_number("detector_bytes", (int64_t)sizeof detector);
#ifdef DETECTOR_BLOB_BYTES
    print_number("loaded", loaded);
#endif
    board_print("}\n");
    return 0;
}
