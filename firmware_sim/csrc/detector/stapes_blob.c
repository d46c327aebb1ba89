/* stapes_blob.c -- checks a blob before a detector runs it; see stapes_blob_api.h. Apache-2.0.
 *
 * After these checks no kernel leaves its memory, and none computes what its header excludes, because
 *
 *   - the code holds every address, size and stride: a blob of another shape is refused by its hash;
 *   - tables of 256 entries are read at any int8, and weights are multiplied as they are;
 *   - every other number is checked here.
 *
 * Names that are private to this file begin with stapes_blob_ or STAPES_BLOB_. */
#include "stapes_blob.h"

#include <string.h>

#include "stapes_selftest.h"

enum {
    STAPES_BLOB_WIDE_SHIFT = 64,            /* STAPES_NN_WIDE_SHIFT of stapes_nn.h */
    STAPES_BLOB_LARGEST_SUM = 0x40000000,   /* of the kernels that round twice: 2^30 */
    STAPES_BLOB_LARGEST_RESULT = 0x7fffff00 /* leaves room for the zero point: 2^31 - 2^8 */
};

/* These are read as structs where they lie. */
typedef char stapes_blob_head_has_128_bytes[sizeof(stapes_blob_head) == 128 ? 1 : -1];
typedef char stapes_blob_config_has_20_bytes[sizeof(stapes_event_config) == 20 ? 1 : -1];

stapes_blob_parts stapes_blob_parts_of(const void *blob, const stapes_blob_kind *kind)
{
    const uint8_t *bytes = blob;
    stapes_blob_parts parts;

    bytes += sizeof(stapes_blob_head);
    parts.events = (const stapes_event_config *)(const void *)bytes;
    bytes += kind->n_classes * sizeof(stapes_event_config);
    parts.constants = (const int8_t *)bytes;
    parts.labels = (const char *)bytes + kind->rules->bytes;
    return parts;
}

/* Return |x| of an int32_t, 0..2^31. */
static int64_t stapes_blob_magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

static int32_t stapes_blob_values_fit(const int32_t *values, const stapes_blob_rules *rules)
{
    for (uint32_t i = 0; i < rules->n_values; i++) {
        if (values[i] < rules->values[i].least || values[i] > rules->values[i].most) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < rules->n_sums; i++) {
        const int32_t *sum = values + rules->sums[i];
        /* at most 2^7 * 2^32 + 2^31 */
        int64_t most =
            128 * (stapes_blob_magnitude(sum[0]) + stapes_blob_magnitude(sum[1])) + stapes_blob_magnitude(sum[2]);
        if (most >= INT64_C(0x80000000)) {
            return 0;
        }
    }
    return 1;
}

/* Whether stapes_nn_round_twice or stapes_nn_round_any take every sum up to `most` < 2^32 with this shift. */
static int32_t stapes_blob_shift_fits(int32_t shift, int64_t most)
{
    int32_t wide = shift > 31;
    int32_t right = wide ? STAPES_BLOB_WIDE_SHIFT - shift : -shift; /* -31..128 */

    if (right > 31 || right < (wide ? 1 : -30)) {
        return 0;
    }
    if (right > 0) {
        return most < (wide ? STAPES_BLOB_LARGEST_RESULT : STAPES_BLOB_LARGEST_SUM);
    }
    return most << -right < STAPES_BLOB_LARGEST_RESULT; /* below 2^62 */
}

static int32_t stapes_blob_channels_fit(const int8_t *constants, const stapes_blob_channels *layer)
{
    const int32_t *bias = (const int32_t *)(const void *)(constants + layer->bias);
    const int32_t *multiplier = (const int32_t *)(const void *)(constants + layer->multiplier);
    const int8_t *shift = constants + layer->shift;

    for (uint32_t i = 0; i < layer->count; i++) {
        int64_t most = stapes_blob_magnitude(bias[i]) + layer->reach; /* below 2^32 */
        int32_t fits = layer->once ? shift[i] >= 1 && shift[i] <= 62 && most < INT64_C(0x80000000)
                                   : stapes_blob_shift_fits(shift[i], most);
        if (!fits || multiplier[i] < 0) {
            return 0;
        }
    }
    return 1;
}

static int32_t stapes_blob_host_sums_fit(const int8_t *weights, const stapes_blob_host_sums *layer)
{
    for (uint32_t block = 0; block < layer->blocks; block++) {
        int64_t sums[8] = {0, 0, 0, 0, 0, 0, 0, 0}; /* |sum| <= 2^7 * 2^17, times 2^7 it is at most 2^31 */
        for (uint32_t i = 0; i < 8 * layer->taps; i++) {
            sums[i / 4 % 8] -= *weights++;
        }
        for (uint32_t channel = 0; channel < 8; channel++, weights += 4) {
            int32_t found;
            memcpy(&found, weights, sizeof found);
            if (found != 128 * sums[channel]) {
                return 0;
            }
        }
    }
    return 1;
}

static int32_t stapes_blob_constants_fit(const int8_t *constants, const stapes_blob_rules *rules)
{
    int32_t fits = stapes_blob_values_fit((const int32_t *)(const void *)constants, rules);

    for (uint32_t i = 0; i < rules->n_channels && fits; i++) {
        fits = stapes_blob_channels_fit(constants, &rules->channels[i]);
    }
    for (uint32_t i = 0; i < rules->n_host_sums && fits; i++) {
        fits = stapes_blob_host_sums_fit(constants + rules->host_sums[i].weights, &rules->host_sums[i]);
    }
    return fits;
}

static int32_t stapes_blob_event_fits(const stapes_event_config *config)
{
    uint32_t most = INT32_MAX; /* of a number of steps */

    return config->on_score >= -127 && config->off_score >= -127 && config->off_score <= config->on_score &&
           config->smoothing_steps <= STAPES_MAX_SMOOTHING_STEPS && config->smoothing_steps % 2 == 1 &&
           config->min_duration_steps >= 1 && config->min_duration_steps <= most && config->merge_gap_steps <= most &&
           config->refractory_steps <= most && config->max_duration_steps <= most &&
           (config->max_duration_steps == 0 || config->max_duration_steps >= config->min_duration_steps);
}

/* Whether `n` strings fill these bytes exactly. */
static int32_t stapes_blob_labels_fit(const char *labels, size_t bytes, uint32_t n)
{
    uint32_t ends = 0;

    for (size_t i = 0; i < bytes; i++) {
        ends += labels[i] == 0;
    }
    return ends == n && labels[bytes - 1] == 0;
}

/* Check everything that does not depend on the program. */
static int32_t stapes_blob_check_head(const stapes_blob_head *head, size_t size)
{
    const uint32_t before = (uint32_t)(offsetof(stapes_blob_head, crc32) + sizeof head->crc32);

    if (head == NULL) {
        return STAPES_BLOB_NOT_A_BLOB;
    }
    if (((uintptr_t)head & 3) != 0) {
        return STAPES_BLOB_MISALIGNED;
    }
    if (size < sizeof *head || (head->magic != STAPES_BLOB_MAGIC && head->magic != STAPES_BLOB_SWAPPED)) {
        return STAPES_BLOB_NOT_A_BLOB;
    }
    if (head->magic == STAPES_BLOB_SWAPPED) {
        return STAPES_BLOB_OTHER_BYTE_ORDER;
    }
    if (head->format > STAPES_BLOB_FORMAT || head->format < STAPES_BLOB_LEAST_FORMAT) {
        return STAPES_BLOB_OTHER_FORMAT;
    }
    if (head->bytes < sizeof *head || head->bytes > size) {
        return STAPES_BLOB_BAD_SIZE;
    }
    return stapes_crc32(0, (const uint8_t *)head + before, head->bytes - before) == head->crc32 ? STAPES_BLOB_OK
                                                                                                : STAPES_BLOB_BAD_CRC;
}

int32_t stapes_blob_check(const void *blob, size_t size, const stapes_blob_kind *kind)
{
    const stapes_blob_head *head = blob;
    int32_t found = stapes_blob_check_head(head, size);

    if (found != STAPES_BLOB_OK) {
        return found;
    }
    if (head->layout != kind->layout) {
        return STAPES_BLOB_OTHER_PROCESSOR;
    }
    if (memcmp(head->frontend, kind->frontend, sizeof head->frontend) != 0) {
        return STAPES_BLOB_OTHER_FRONTEND;
    }
    if (memcmp(head->shape, kind->shape, sizeof head->shape) != 0) {
        return STAPES_BLOB_OTHER_SHAPE;
    }
    size_t labels_at = sizeof *head + kind->n_classes * sizeof(stapes_event_config) + kind->rules->bytes;
    if (head->bytes <= labels_at) {
        return STAPES_BLOB_BAD_SIZE;
    }
    stapes_blob_parts parts = stapes_blob_parts_of(blob, kind);
    if (!stapes_blob_labels_fit(parts.labels, head->bytes - labels_at, kind->n_classes) ||
        !stapes_blob_constants_fit(parts.constants, kind->rules)) {
        return STAPES_BLOB_BAD_VALUES;
    }
    for (uint32_t i = 0; i < kind->n_classes; i++) {
        if (!stapes_blob_event_fits(&parts.events[i])) {
            return STAPES_BLOB_BAD_VALUES;
        }
    }
    return STAPES_BLOB_OK;
}
