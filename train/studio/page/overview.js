// The strip of the whole recording above the editor: where the view is, and where labels are. Dragging moves the view.
import { clean } from "./canvas.js";
import { colourOf, style } from "./colours.js";

const MARKS = 6;  // height of the marks of labels

export class Overview {
  // editor: {view, spectrogram, labels, classes, playhead}
  constructor(canvas, editor) {
    [this.canvas, this.editor] = [canvas, editor];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#moveTo(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) this.#moveTo(event); });
  }

  #moveTo({ offsetX }) {
    const { view } = this.editor, middle = offsetX / this.canvas.clientWidth * view.duration;
    view.show(middle - view.length / 2, middle + view.length / 2);
  }

  draw() {
    const [context, width, height, scale] = clean(this.canvas);
    if (!width) return;
    const { view, spectrogram, labels, classes, playhead } = this.editor;
    const xOf = (seconds) => seconds / view.duration * width;
    spectrogram.draw(context, { x: 0, y: 0, width, height: height - MARKS }, { from: 0, until: view.duration }, scale);
    for (const event of labels.events) {
      context.fillStyle = colourOf(classes, event.label);
      context.fillRect(xOf(event.onset), height - MARKS + 1, Math.max(1.5, xOf(event.offset) - xOf(event.onset)), MARKS - 1);
    }
    const [left, right] = [xOf(view.from), xOf(view.until)];
    context.fillStyle = style("--page");
    context.globalAlpha = 0.55;
    context.fillRect(0, 0, left, height - MARKS);
    context.fillRect(right, 0, width - right, height - MARKS);
    context.globalAlpha = 1;
    context.strokeStyle = style("--text");
    context.lineWidth = 1.5;
    context.strokeRect(Math.min(left, width - 4) + 0.75, 0.75, Math.max(2.5, right - left - 1.5), height - MARKS - 1.5);
    if (spectrogram.progress !== null) {
      context.fillStyle = style("--dim");
      context.textAlign = "center";
      context.fillText(`The whole recording is being read: ${Math.round(100 * spectrogram.progress)} %`, width / 2, (height - MARKS) / 2);
    }
    if (playhead !== null) {
      context.fillStyle = style("--text");
      context.fillRect(xOf(playhead) - 1, 0, 2, height);
    }
  }
}
