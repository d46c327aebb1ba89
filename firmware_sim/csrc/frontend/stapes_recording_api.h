/* stapes_recording_api.h -- the frontend over whole recordings on a computer: one frame in each lane of a vector, with
 * the same bits as one frame at a time. Apache-2.0.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. */

/* Return the number of lanes of this machine: 16 (AVX-512), 8 (AVX2), 4 (SSE4.1, or NEON of a 64-bit Arm) or 1. */
int32_t stapes_recording_lanes(void);

/* Compute the same as stapes_frontend_file, `lanes` frames at a time: 1, 4, 8 or 16, at most stapes_recording_lanes().
 * work: int32[n_fft * lanes], aligned to 64 bytes. */
void stapes_recording(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t lanes,
                      int32_t *work, int8_t *features, int16_t *log2_bands);
