/* Known answers: a detector hears a sound that it makes itself, and tells what it made of it in three checksums. */

typedef struct stapes_answers {
    uint32_t features_crc32; /* of every frame */
    uint32_t scores_crc32;   /* of every step */
    uint32_t events_crc32;   /* of the events that made-up scores lead to */
} stapes_answers;

/* The sound of stapes.firmware_sim.device.selftest, sample after sample; begin with {1, 0}. */
typedef struct stapes_sound {
    uint32_t noise;
    uint32_t made; /* samples so far */
} stapes_sound;

int16_t stapes_sound_next(stapes_sound *self);

/* CRC-32 (IEEE) over more bytes; begin with 0. */
uint32_t stapes_crc32(uint32_t crc, const void *bytes, uint32_t n);

/* Hear `samples` samples and `steps` made-up steps. `self` is fresh from stapes_detector_init and must be initialized
 * again afterwards; out[2 * n_classes] is room to work in. */
void stapes_answer(stapes_detector *self, stapes_event *out, uint32_t samples, uint32_t steps,
                   stapes_answers *answers);

/* What stapes_selftest says. */
enum {
    STAPES_SELFTEST_OK = 0,
    STAPES_SELFTEST_TABLES = 1,   /* the frontend's tables in flash are damaged, or of another version */
    STAPES_SELFTEST_FEATURES = 2, /* the frontend computes something else than where the detector was trained */
    STAPES_SELFTEST_SCORES = 3,   /* the model does */
    STAPES_SELFTEST_EVENTS = 4    /* the event decoder does */
};

/* The first thing that differs. */
int32_t stapes_compare_answers(const stapes_answers *found, const stapes_answers *expected);
