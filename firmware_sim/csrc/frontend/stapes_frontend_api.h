/* stapes_frontend_api.h -- a log-mel frontend in fixed point: int16 PCM in, log2 (Q10) and int8 bands out, one frame
 * per call, with the same bits on every machine. Apache-2.0. Nothing is kept between calls; the caller owns all
 * memory. The tables are made once, by stapes.firmware_sim.device.frontend.make_tables.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * stapes_frontend.h, which includes this file with the headers that it needs. */

/* The bins between two neighbouring band centres, where the weight of one band falls and that of the next one rises. n
 * bins before the last one the falling weight is last + n * slope, at most 1; the rising weight is 1 minus that. */
typedef struct stapes_frontend_segment {
    uint32_t bins;
    uint32_t last, slope; /* Q32 */
} stapes_frontend_segment;

/* The head of the tables, which are one blob. The blob must be 4-byte aligned. Fields named ..._at are offsets in
 * bytes from the head; log2_at and order_at are the last two. In memory, numbers have the byte order of the processor;
 * in frontend.bin they are little-endian, so that a little-endian processor can use the file where it lies. */
typedef struct stapes_frontend_tables {
    uint32_t magic;
    uint32_t arithmetic; /* version of the arithmetic for which the tables were made */
    uint32_t bytes;      /* of the whole blob */
    uint32_t crc32;      /* CRC-32 (IEEE 802.3) of everything after this word */
    uint32_t sample_rate_hz;
    uint16_t n_fft;       /* 64..2048, a power of two */
    uint16_t window;      /* samples, even, at most n_fft */
    uint16_t hop;         /* samples */
    uint16_t n_bands;     /* 1..128 */
    uint16_t dc_blocker;  /* 1: the mean of each frame is removed first */
    uint16_t band_scale;  /* 0 Slaney, 1 HTK, 2 linear */
    uint16_t first_radix; /* 4, or 2 where n_fft / 2 is an odd power of two */
    uint16_t first_bin;   /* the first bin of the lowest band, at least 1 */
    uint16_t int8_shift;  /* int8 = (log2 * int8_multiplier + int8_offset * 2^16) >> int8_shift; 32..47 */
    int32_t int8_multiplier;
    int32_t int8_offset;
    int32_t log2_offset; /* added to log2 of the power, in Q15, for input that was not shifted */
    /* int32[window / 2 + 1]: the rising half of the window, 2^(input bits + 1) at its centre; the weights of odd
     * samples are negative */
    uint16_t window_at;
    /* int32[n_fft / 8 - 1][3][2]: (cos, sin) * 2^31 of one, two and three times an angle, with 18 bits and a sign */
    uint16_t twiddles_at;
    uint16_t odd_twiddles_at; /* int32[n_fft / 8][2]: the same for the odd bins of the real FFT */
    uint16_t order_at;        /* uint16[n_fft / 2 / first_radix]: byte offsets of the groups of the first stage */
    uint16_t segments_at;     /* stapes_frontend_segment[n_bands + 1] */
    uint16_t log2_at;         /* uint16[65], Q15: fractions of log2 */
    uint32_t settings[8];     /* four float64 that the C does not read: f_min, f_max, int8_zero_db, int8_step_db */
} stapes_frontend_tables;

enum {
    STAPES_FRONTEND_MAGIC = 0x45465453, /* "STFE" */
    STAPES_FRONTEND_ARITHMETIC = 5      /* changes whenever a bit of the output or of the tables may change */
};

enum {
    STAPES_FRONTEND_OK = 0,
    STAPES_FRONTEND_NOT_TABLES = 1,       /* the magic number is missing, or the blob is not 4-byte aligned */
    STAPES_FRONTEND_OTHER_ARITHMETIC = 2, /* the tables were made for another version of the arithmetic */
    STAPES_FRONTEND_BAD_SIZE = 3,         /* the blob is truncated, or its sizes are not supported */
    STAPES_FRONTEND_BAD_CRC = 4           /* the blob is damaged */
};

/* Copy frontend.bin into memory, with its numbers in the byte order of this processor. memory: at least `bytes` bytes,
 * rounded up to a multiple of 4. Nothing is checked. */
void stapes_frontend_read(uint32_t *memory, const uint8_t *file, size_t bytes);

/* Check the magic number, the version and the sizes of the tables. bytes: the length of the blob. Returns
 * STAPES_FRONTEND_OK or what is wrong. */
int32_t stapes_frontend_init(const stapes_frontend_tables *tables, size_t bytes);

/* Check the CRC of the tables, which is that of frontend.bin, after stapes_frontend_init: about 40 instructions per
 * byte. Returns STAPES_FRONTEND_OK or STAPES_FRONTEND_BAD_CRC. */
int32_t stapes_frontend_check_crc(const stapes_frontend_tables *tables);

/* Compute one frame: pcm[window] to features[n_bands] and log2_bands[n_bands], each of which may be NULL. work:
 * int32[n_fft].
 *
 *   log2_bands  log2(power) - 20 in Q10, and -32768 for a power of 0
 *   features    an affine function of log2_bands (see int8_shift), rounded and saturated
 *
 * The power of a band is the sum of |X|^2 times the triangle of the band, whose peak is 1; X is the unscaled DFT of
 * pcm * Hann, in units of the samples. */
void stapes_frontend_frame(const stapes_frontend_tables *tables, const int16_t *pcm, int32_t *work, int8_t *features,
                           int16_t *log2_bands);

/* Return the number of frames in a recording of `samples` samples. Frame t covers samples [t * hop, t * hop + window).
 */
size_t stapes_frontend_frames(const stapes_frontend_tables *tables, size_t samples);

/* Compute all frames of a recording: features[frames][n_bands] and log2_bands[frames][n_bands], each of which may be
 * NULL. work: int32[n_fft]. */
void stapes_frontend_file(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t *work,
                          int8_t *features, int16_t *log2_bands);
