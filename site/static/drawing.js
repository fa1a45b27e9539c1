// A drawing as a list of what was done, and how it becomes a picture like those of the data.
//
// A drawing is a list of steps, in units of the pad (0 to 1 on both axes):
//   {points: [[x, y], ...], width, shade}   a stroke; shade 0 erases
//   {fill: true, shade}                     fills what the lines enclose
//   {pixels: Uint8Array}                    a picture of the data, laid over the whole pad
// It is drawn at any size, so that a small drawing does not get coarse strokes when it is enlarged.
(() => {
  "use strict";
  const SIDE = 28, FINE = 8; // of a picture; each pixel is the mean of FINE x FINE finer ones
  const INK = 40; // greys below are ground

  const inkOf = (pixels) => {
    let left = SIDE, right = -1, top = SIDE, bottom = -1;
    pixels.forEach((grey, i) => {
      if (grey <= INK) return;
      const x = i % SIDE, y = (i - x) / SIDE;
      left = Math.min(left, x); right = Math.max(right, x + 1);
      top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
    });
    return right < 0 ? [] : [[left / SIDE, top / SIDE], [right / SIDE, bottom / SIDE]];
  };

  // The box of all ink, or null. With a stroke width of the data, of the lines' middles alone.
  function bounds(steps, ownWidth) {
    let box = null;
    const include = ([x, y], margin) => {
      box = box || [x - margin, y - margin, x + margin, y + margin];
      box = [Math.min(box[0], x - margin), Math.min(box[1], y - margin),
             Math.max(box[2], x + margin), Math.max(box[3], y + margin)];
    };
    for (const step of steps) {
      if (step.points && step.shade > INK)
        for (const point of step.points) include(point, ownWidth ? step.width / 2 : 0);
      if (step.pixels) for (const corner of inkOf(step.pixels)) include(corner, 0);
    }
    return box;
  }

  // The scale and shift that bring a drawing to the size and the middle of the data's pictures.
  function fit(steps, { box, stroke }) {
    const found = bounds(steps, stroke === null);
    if (!found) return { scale: SIDE, x: 0, y: 0, width: stroke };
    const [left, top, right, bottom] = found;
    const longest = Math.max(right - left, bottom - top);
    const scale = Math.min((box - (stroke || 0)) / Math.max(longest, 1e-6), 4 * SIDE);
    return {
      scale,
      x: SIDE / 2 - scale * (left + right) / 2,
      y: SIDE / 2 - scale * (top + bottom) / 2,
      width: stroke,
    };
  }

  // Draws the steps on a canvas of any size; `view` maps the pad to pixels of a picture.
  function paint(canvas, steps, view) {
    const pen = canvas.getContext("2d", { willReadFrequently: true }), zoom = canvas.width / SIDE;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000"; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.lineCap = pen.lineJoin = "round";
    for (const step of steps) {
      const grey = `rgb(${step.shade},${step.shade},${step.shade})`;
      if (step.points) {
        pen.strokeStyle = grey;
        pen.lineWidth = zoom * (view.width || step.width * view.scale);
        pen.beginPath();
        step.points.forEach(([x, y], i) => {
          const at = [zoom * (view.scale * x + view.x), zoom * (view.scale * y + view.y)];
          if (i === 0) pen.moveTo(at[0] - 0.01, at[1]); // so that a single point is a dot
          pen.lineTo(...at);
        });
        pen.stroke();
      } else if (step.pixels) {
        const sheet = pictureCanvas(Float32Array.from(step.pixels, (grey) => grey / 255));
        pen.imageSmoothingEnabled = false;
        pen.drawImage(sheet, zoom * view.x, zoom * view.y, zoom * view.scale, zoom * view.scale);
      } else if (step.fill) fillInside(canvas, step.shade);
    }
  }

  // Gives all ground that the border does not reach a shade.
  function fillInside(canvas, shade) {
    const pen = canvas.getContext("2d"), { width, height } = canvas;
    const image = pen.getImageData(0, 0, width, height), grey = image.data;
    const outside = new Uint8Array(width * height), open = [];
    const visit = (x, y) => {
      const i = y * width + x;
      if (x < 0 || y < 0 || x >= width || y >= height || outside[i] || grey[4 * i] > INK) return;
      outside[i] = 1; open.push(i);
    };
    for (let x = 0; x < width; x++) { visit(x, 0); visit(x, height - 1); }
    for (let y = 0; y < height; y++) { visit(0, y); visit(width - 1, y); }
    while (open.length) {
      const i = open.pop(), x = i % width, y = (i - x) / width;
      visit(x + 1, y); visit(x - 1, y); visit(x, y + 1); visit(x, y - 1);
    }
    for (let i = 0; i < outside.length; i++)
      if (!outside[i] && grey[4 * i] < shade) grey[4 * i] = grey[4 * i + 1] = grey[4 * i + 2] = shade;
    pen.putImageData(image, 0, 0);
  }

  const fine = document.createElement("canvas");
  fine.width = fine.height = SIDE * FINE;

  // The picture that the encoder sees: SIDE * SIDE numbers in [0, 1].
  function picture(steps, layout) {
    if (steps.length === 1 && steps[0].pixels)  // a picture of the data, as it is
      return Float32Array.from(steps[0].pixels, (grey) => grey / 255);
    paint(fine, steps, fit(steps, layout));
    const data = fine.getContext("2d").getImageData(0, 0, fine.width, fine.height).data;
    const sums = new Float32Array(SIDE * SIDE);
    for (let y = 0; y < fine.height; y++)
      for (let x = 0; x < fine.width; x++)
        sums[Math.floor(y / FINE) * SIDE + Math.floor(x / FINE)] += data[4 * (y * fine.width + x)];
    return sums.map((sum) => sum / (255 * FINE * FINE));
  }

  // A canvas of SIDE x SIDE pixels that holds numbers in [0, 1] as greys.
  function pictureCanvas(pixels, canvas = document.createElement("canvas")) {
    canvas.width = canvas.height = SIDE;
    const pen = canvas.getContext("2d"), image = pen.createImageData(SIDE, SIDE);
    pixels.forEach((value, i) => {
      image.data.fill(Math.round(255 * value), 4 * i, 4 * i + 3);
      image.data[4 * i + 3] = 255;
    });
    pen.putImageData(image, 0, 0);
    return canvas;
  }

  const PAD = { scale: SIDE, x: 0, y: 0, width: null }; // the pad as it is
  window.courseDrawing = { SIDE, PAD, paint, picture, pictureCanvas, bounds };
})();
