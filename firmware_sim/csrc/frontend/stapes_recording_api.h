/* The frontend over whole recordings on a computer: one frame in each lane of a vector, the same bits as a frame at a
 * time. */

/* Lanes that this machine has: 16 (AVX-512), 8 (AVX2), 4 (SSE4.1, or NEON of a 64-bit ARM) or 1. */
int32_t stapes_recording_lanes(void);

/* As stapes_frontend_file, with `lanes` frames at a time (1, 4, 8 or 16, at most stapes_recording_lanes()); work:
 * int32[n_fft * lanes], aligned to 64 bytes. */
void stapes_recording(const stapes_frontend_tables *tables, const int16_t *pcm, size_t samples, int32_t lanes,
                      int32_t *work, int8_t *features, int16_t *log2_bands);
