// Runs in the audio thread: hands the microphone's samples on as int16, with their level, about ten times a second.

const BLOCK = 4096;  // samples; a whole number of the 128 that the browser gives at a time

class Recorder extends AudioWorkletProcessor {
  #pcm = new Int16Array(BLOCK);
  #filled = 0;
  #squares = 0;
  #peak = 0;

  constructor() {
    super();
    this.port.onmessage = () => this.#send(true);  // the only message: the recording ends
  }

  process([[samples]]) {
    if (!samples) return true;  // the microphone was taken away; the page notices by itself
    for (const sample of samples) {
      this.#pcm[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      this.#squares += sample * sample;
      this.#peak = Math.max(this.#peak, Math.abs(sample));
      if (this.#filled === BLOCK) this.#send(false);
    }
    return true;
  }

  #send(isLast) {
    const pcm = this.#pcm.slice(0, this.#filled);
    this.port.postMessage(
      { pcm, meanSquare: this.#filled ? this.#squares / this.#filled : 0, peak: this.#peak, isLast }, [pcm.buffer]);
    [this.#filled, this.#squares, this.#peak] = [0, 0, 0];
  }
}

registerProcessor("recorder", Recorder);
