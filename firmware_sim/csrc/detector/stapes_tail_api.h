/* What a recording that has ended goes on with, so that a detector that answers late answers all of it.
 *
 * The quietest step of its last samples, back and forth: the room without the event that may lie at the very end.
 * Silence would be a step down that is itself heard as an event, and the end mirrored would be the last event once
 * more. A live stream does not end and needs none of this. */

/* Write `samples` samples that go behind a recording into `out`; recent: the last n of it, n >= 1, at best as many as
 * `samples`. step: samples of one step, below 2^16. */
void stapes_tail(const int16_t *recent, uint32_t n, uint32_t step, int16_t *out, uint32_t samples);
