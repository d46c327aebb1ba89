// Plays a recording from any moment, in pieces that the server sends, at full or half speed; loops a stretch.

const FIRST_S = 3, NEXT_S = 12;  // lengths of pieces: a short first one, so that sound comes at once
const AHEAD_S = 5;  // the next piece is asked for this long before the last one ends
const LONGEST_S = 60;  // that the server sends in one piece

export class Player {
  speed = 1;
  #api; #recording; #seconds; #failed;
  #context = null;
  #run = 0;  // number of the present playback; pieces that arrive for an older one are not played
  #pieces = [];  // {source, starts: time of the audio context, at: second of the recording, length}
  #loops = null;  // {from, until} or null
  #startedAt = 0;
  isPlaying = false;

  // failed(sentence) is called when the sound cannot be had.
  constructor(api, recording, seconds, failed) {
    [this.#api, this.#recording, this.#seconds, this.#failed] = [api, recording, seconds, failed];
  }

  close() {
    this.stop();
    this.#context?.close();
  }

  // The moment that is heard now, or null.
  get position() {
    if (!this.isPlaying) return null;
    const now = this.#context.currentTime;
    const piece = this.#pieces.findLast(({ starts }) => starts <= now);
    if (!piece) return this.#startedAt;
    const heard = (now - piece.starts) * this.speed;
    return piece.at + (this.#loops ? heard % piece.length : Math.min(heard, piece.length));
  }

  play(from) { this.#start(from, null); }

  loop(from, until) { this.#start(from, { from, until: Math.min(until, from + LONGEST_S) }); }

  get isLooping() { return this.isPlaying && this.#loops !== null; }

  stop() {
    this.#run += 1;
    for (const { source } of this.#pieces) source.stop();
    this.#pieces = [];
    this.isPlaying = false;
  }

  setSpeed(speed) {
    const at = this.position, loops = this.#loops, wasPlaying = this.isPlaying;
    this.speed = speed;
    if (wasPlaying) this.#start(loops ? loops.from : at, loops);
  }

  #start(from, loops) {
    this.stop();
    this.#context ||= new AudioContext();
    this.#context.resume();
    [this.isPlaying, this.#loops, this.#startedAt] = [true, loops, from];
    (loops ? this.#feedLoop(this.#run, loops) : this.#feed(this.#run, from)).catch((error) => {
      this.stop();
      this.#failed(`The sound cannot be played: ${error.message}`);
    });
  }

  async #feedLoop(run, { from, until }) {
    const buffer = await this.#sound(from, until - from);
    if (run !== this.#run) return;
    this.#schedule(buffer, from, this.#context.currentTime + 0.02, true);
  }

  async #feed(run, from) {
    let at = from, starts = 0;
    while (at < this.#seconds - 1e-3) {
      const buffer = await this.#sound(at, Math.min(at === from ? FIRST_S : NEXT_S, this.#seconds - at));
      if (run !== this.#run) return;
      starts = Math.max(starts, this.#context.currentTime + 0.02);
      this.#schedule(buffer, at, starts, false);
      starts += buffer.duration / this.speed;
      at += buffer.duration;
      while (this.#context.currentTime < starts - AHEAD_S) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (run !== this.#run) return;
      }
    }
    while (run === this.#run && this.#context.currentTime < starts) await new Promise((resolve) => setTimeout(resolve, 50));
    if (run === this.#run) this.stop();
  }

  #schedule(buffer, at, starts, loops) {
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.loop = loops;
    source.playbackRate.value = this.speed;
    source.connect(this.#context.destination);
    source.start(starts);
    this.#pieces.push({ source, starts, at, length: buffer.duration });
    if (this.#pieces.length > 4) this.#pieces.shift();
  }

  async #sound(from, seconds) {
    const answer = await this.#api.fetch("sound", { recording: this.#recording, from, seconds });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `the server answered ${answer.status}`);
    return this.#context.decodeAudioData(await answer.arrayBuffer());
  }
}
