/* stapes_selftest_api.h -- known answers: a detector processes a synthetic sound, and checksums of its features, its
 * scores and its events are compared with those from the computer on which it was trained. Apache-2.0.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * stapes_selftest.h, which includes this file with the headers that it needs. */

typedef struct stapes_answers {
    uint32_t features_crc32; /* of every frame */
    uint32_t scores_crc32;   /* of every step */
    uint32_t events_crc32;   /* of the events that synthetic scores lead to */
} stapes_answers;

/* The state of the synthetic sound; begin with {1, 0}. */
typedef struct stapes_sound {
    uint32_t noise; /* state of the random number generator */
    uint32_t made;  /* samples so far */
} stapes_sound;

/* Return the next sample of the synthetic sound. */
int16_t stapes_sound_next(stapes_sound *self);

/* Continue a CRC-32 (IEEE 802.3) with n bytes. Begin with crc = 0. */
uint32_t stapes_crc32(uint32_t crc, const void *bytes, uint32_t n);

/* Process `samples` samples of the synthetic sound, then `steps` steps of synthetic scores, and write the checksums to
 * `answers`. `self` must come fresh from stapes_detector_init and must be initialized again afterwards;
 * out[2 * n_classes] is working memory. */
void stapes_answer(stapes_detector *self, stapes_event *out, uint32_t samples, uint32_t steps,
                   stapes_answers *answers);

/* The result of the self-test. */
enum {
    STAPES_SELFTEST_OK = 0,
    STAPES_SELFTEST_TABLES = 1,   /* the frontend's tables in flash are damaged or of another version */
    STAPES_SELFTEST_FEATURES = 2, /* the frontend's features differ from those of the training computer */
    STAPES_SELFTEST_SCORES = 3,   /* the model's scores differ */
    STAPES_SELFTEST_EVENTS = 4    /* the decoded events differ */
};

/* Return STAPES_SELFTEST_OK or the first stage whose checksum differs. */
int32_t stapes_compare_answers(const stapes_answers *found, const stapes_answers *expected);
