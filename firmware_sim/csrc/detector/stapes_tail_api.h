/* stapes_tail_api.h -- the tail that continues a recording which has ended, so that a detector that answers late
 * answers for all of it. Apache-2.0.
 *
 * The tail is the quietest step of the recording's last samples, played backward and forward in turn: the background
 * without the event that may lie at the very end. Silence would be a drop in level, which itself may be detected as an
 * event, and mirroring the end would repeat the last event. A live stream does not end and needs no tail.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * <stddef.h> and <stdint.h> first. */

/* Write the `samples` samples that follow a recording to `out`. recent: the last n samples of the recording, n >= 1,
 * ideally as many as `samples`. step: samples of one step of the detector, below 2^16. */
void stapes_tail(const int16_t *recent, uint32_t n, uint32_t step, int16_t *out, uint32_t samples);
