/* Log-mel frontend in fixed point: int16 PCM in, log2 (Q10) and int8 bands out, one frame a call, the same bits
 * everywhere. Nothing is kept between calls; all memory is the caller's. The tables are made once
 * (stapes.firmware_sim.device.frontend.make_tables).
 */

/* Bins between two neighbouring band centres, where one band falls and the next rises: at n bins before the last one
 * the falling weight is last + n * slope, at most one; the rising weight is the rest to one. */
typedef struct stapes_frontend_segment {
    uint32_t bins;
    uint32_t last, slope; /* Q32 */
} stapes_frontend_segment;

/* Head of the table blob. Little endian, the blob lies 4-byte aligned; offsets are in bytes from the head. */
typedef struct stapes_frontend_tables {
    uint32_t magic;
    uint32_t arithmetic; /* version of the arithmetic that the tables are for */
    uint32_t bytes;      /* of the whole blob */
    uint32_t crc32;      /* CRC-32 (IEEE) of all that follows this word */
    uint32_t sample_rate_hz;
    uint16_t n_fft;       /* 64..2048, a power of two */
    uint16_t window;      /* samples, even, at most n_fft */
    uint16_t hop;         /* samples */
    uint16_t n_bands;     /* 1..128 */
    uint16_t dc_blocker;  /* 1: the frame's mean is removed first */
    uint16_t band_scale;  /* 0 Slaney, 1 HTK, 2 linear */
    uint16_t first_radix; /* 4, or 2 where n_fft / 2 is an odd power of two */
    uint16_t first_bin;   /* of the lowest band, at least 1 */
    uint16_t int8_shift;  /* int8 = (log2 * int8_multiplier + int8_offset * 2^16) >> int8_shift; 32..47 */
    int32_t int8_multiplier;
    int32_t int8_offset;
    int32_t log2_offset;  /* log2 of the output's unit, Q15, for input that was not shifted */
    uint16_t window_at;   /* int32[window / 2 + 1], rising half, 2^(input bits + 1) at the centre; odd ones negative */
    uint16_t twiddles_at; /* int32[n_fft / 8 - 1][3][2], (cosine, sine) * 2^31 in 18 bits and a sign: 1, 2, 3 turns */
    uint16_t odd_turns_at; /* int32[n_fft / 8][2], the same for odd bins of the real FFT */
    uint16_t order_at;     /* uint16[n_fft / 2 / first_radix], bytes to the groups of the first stage */
    uint16_t segments_at;  /* stapes_frontend_segment[n_bands + 1] */
    uint16_t log2_at;      /* uint16[65], Q15 */
    uint32_t settings[8];  /* four float64 of the configuration, for people and Python: f_min, f_max, zero, step */
} stapes_frontend_tables;

enum {
    STAPES_FRONTEND_MAGIC = 0x45465453, /* "STFE" */
    STAPES_FRONTEND_ARITHMETIC = 5      /* changes whenever a bit of the output or of the tables could */
};

enum {
    STAPES_FRONTEND_OK = 0,
    STAPES_FRONTEND_NOT_TABLES = 1,       /* the magic number is missing, or the blob is not 4-byte aligned */
    STAPES_FRONTEND_OTHER_ARITHMETIC = 2, /* made for another version of this file */
    STAPES_FRONTEND_BAD_SIZE = 3,         /* truncated, or sizes outside of what is supported */
    STAPES_FRONTEND_BAD_CRC = 4           /* damaged */
};

/* Whether `tables` can be used: magic, version, sizes. `bytes`: length of the blob. Returns STAPES_FRONTEND_OK or what
 * is wrong. */
int32_t stapes_frontend_init(const stapes_frontend_tables *tables, size_t bytes);

/* Whether the blob is whole, by its CRC: about 40 instructions a byte. After stapes_frontend_init. */
int32_t stapes_frontend_check_crc(const stapes_frontend_tables *tables);

/* One frame: pcm[window] to features[n_bands] and log2_bands[n_bands]; either output may be NULL. work: int32[n_fft].
 * log2_bands: log2 of the band's power in Q10, less 20: power is the sum of |X|^2 (DFT of pcm * Hann, unscaled, LSB^2)
 * times the band's triangle (peak 1). -32768 is a power of zero. features: the affine of that value, rounded,
 * saturated. */
void stapes_frontend_frame(const stapes_frontend_tables *tables, const int16_t *pcm, int32_t *work, int8_t *features,
                           int16_t *log2_bands);

/* Frames in a recording of `samples`: frame t covers samples [t * hop, t * hop + window). */
size_t stapes_frontend_frames(const stapes_frontend_tables *tables, size_t samples);

/* All frames of a recording: features[frames][n_bands] and log2_bands[frames][n_bands]; either may be NULL. work:
 * int32[n_fft]. */
void stapes_frontend_file(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t *work,
                          int8_t *features, int16_t *log2_bands);
