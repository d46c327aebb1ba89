// Records a microphone of the browser's machine as WAV: one channel, 16 bits, at the microphone's own sample rate.

const LOUDEST = 0.99;  // of full scale; beyond it the sound is clipped
const LONGEST_S = 3600;  // kept in the browser's memory: 350 MB at 48 kHz

export class Microphone {
  #context; #stream; #node; #blocks = []; #samples = 0; #ended = null; #isClipped = false;

  // level({decibels, isClipped, seconds}) is told about ten times a second; stopped() when the microphone is taken away
  // or the recording reaches its longest time. Throws an Error whose message says what to do.
  static async open(level, stopped) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers open a microphone only for a page of their own machine (http://127.0.0.1) or by https."
        + " Record with another program there, and drop the files here.");
    }
    const made = new Microphone();
    try {
      await made.#start(level, stopped);
    } catch (error) {
      made.#release();
      throw new Error(REASONS[error.name] || `The microphone cannot be opened: ${error.message}`);
    }
    return made;
  }

  get seconds() { return this.#samples / this.#context.sampleRate; }

  get isClipped() { return this.#isClipped; }

  // Ends the recording and returns it as a Blob.
  async end() {
    const last = new Promise((resolve) => { this.#ended = resolve; });
    this.#node.port.postMessage("end");
    await last;
    const rate = this.#context.sampleRate;
    this.#release();
    return new Blob([wavHeader(rate, 2 * this.#samples), ...this.#blocks], { type: "audio/wav" });
  }

  async #start(level, stopped) {
    // What makes speech clearer changes the sound that a detector has to know.
    const raw = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: raw });
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule(new URL("recorder_worklet.js", import.meta.url));
    this.#node = new AudioWorkletNode(this.#context, "recorder", {
      numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
    });
    this.#node.port.onmessage = ({ data }) => this.#receive(data, level, stopped);
    for (const track of this.#stream.getTracks()) track.onended = stopped;
    this.#context.createMediaStreamSource(this.#stream).connect(this.#node);
    await this.#context.resume();
  }

  #receive({ pcm, meanSquare, peak, isLast }, level, stopped) {
    if (pcm.length) this.#blocks.push(pcm);
    this.#samples += pcm.length;
    this.#isClipped ||= peak >= LOUDEST;
    if (isLast) {
      this.#ended();
      return;
    }
    level({ decibels: 10 * Math.log10(meanSquare + 1e-10), isClipped: peak >= LOUDEST, seconds: this.seconds });
    if (this.seconds >= LONGEST_S) stopped();
  }

  #release() {
    for (const track of this.#stream?.getTracks() || []) {
      track.onended = null;
      track.stop();
    }
    this.#context?.close();
  }
}

const REASONS = {
  NotAllowedError: "The browser was not allowed to use the microphone. Allow it for this page (the sign beside the address), and try again.",
  NotFoundError: "There is no microphone. Plug one in, and try again.",
  NotReadableError: "Another program has the microphone. Close it there, and try again.",
};

// The 44 bytes before the samples of a WAV with one channel of 16 bits.
function wavHeader(rate, bytes) {
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, letters) => [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  const [PCM, CHANNELS, FRAME_BYTES, BITS] = [1, 1, 2, 16];
  text(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, PCM, true);
  header.setUint16(22, CHANNELS, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * FRAME_BYTES, true);
  header.setUint16(32, FRAME_BYTES, true);
  header.setUint16(34, BITS, true);
  text(36, "data");
  header.setUint32(40, bytes, true);
  return header.buffer;
}
