// The latent plane on a canvas: the codes of test images as dots, and what a page marks on it.
(() => {
  "use strict";
  const REACH = 3.6; // the plane shows -3.6 to 3.6 on both axes
  const PRIOR = 2.448; // the radius that holds 95% of N(0, I) in two dimensions
  const COLOURS = [ // Okabe-Ito, then darker and lighter ones
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9",
    "#d55e00", "#8c6d00", "#5a5a5a", "#7a3fa0", "#1b7f3b",
  ];
  const place = (canvas, z) => [
    (z[0] + REACH) / (2 * REACH) * canvas.width,
    (REACH - z[1]) / (2 * REACH) * canvas.height,
  ];

  // The code under a pointer, kept within the plane.
  function under(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    return [clip((2 * across - 1) * REACH), clip((1 - 2 * down) * REACH)];
  }
  const clip = (value) => Math.max(-REACH, Math.min(REACH, value));
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

  // Draws axes, the prior's circle and dots; dots are [100 z_1, 100 z_2, label], names one for each label.
  function draw(canvas, dots, names) {
    const pen = canvas.getContext("2d"), { width, height } = canvas;
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, width, height);
    pen.strokeStyle = "#ccc"; pen.lineWidth = 1; pen.fillStyle = "#555";
    pen.font = `${width / 30}px sans-serif`; pen.textAlign = "left"; pen.textBaseline = "top";
    for (let z = -3; z <= 3; z++) {
      const [x, y] = place(canvas, [z, z]);
      pen.globalAlpha = z === 0 ? 1 : 0.4;
      pen.beginPath(); pen.moveTo(x, 0); pen.lineTo(x, height);
      pen.moveTo(0, y); pen.lineTo(width, y); pen.stroke();
      pen.globalAlpha = 1;
      pen.fillText(String(z).replace("-", "\u2212"), x + 4, height - width / 24);
      if (z) pen.fillText(String(z).replace("-", "\u2212"), 4, y + 3);
    }
    pen.fillText("z\u2081", width - width / 18, height - width / 12);
    pen.fillText("z\u2082", width / 40, width / 60);
    const [x, y] = place(canvas, [0, 0]);
    pen.setLineDash([8, 8]); pen.strokeStyle = "#888";
    pen.beginPath(); pen.arc(x, y, PRIOR / (2 * REACH) * width, 0, 7); pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 0.55;
    for (const [a, b, label] of dots) {
      const [x, y] = place(canvas, [a / 100, b / 100]);
      pen.fillStyle = COLOURS[label % COLOURS.length];
      pen.beginPath(); pen.arc(x, y, width / 160, 0, 7); pen.fill();
    }
    pen.globalAlpha = 1;
    writeNames(canvas, dots, names);
  }

  // Each name at the median of its dots, moved up or down until it hides no other.
  function writeNames(canvas, dots, names) {
    const pen = canvas.getContext("2d"), line = canvas.width / 24, taken = [];
    pen.font = `bold ${canvas.width / 28}px sans-serif`;
    pen.textAlign = "center"; pen.textBaseline = "middle";
    pen.lineWidth = canvas.width / 80; pen.strokeStyle = "#fff"; pen.lineJoin = "round";
    names.forEach((name, label) => {
      const own = dots.filter((dot) => dot[2] === label);
      if (!own.length) return;
      const middle = [median(own.map((dot) => dot[0])) / 100, median(own.map((dot) => dot[1])) / 100];
      const half = pen.measureText(name).width / 2;
      let [x, y] = place(canvas, middle);
      x = Math.max(half + 4, Math.min(canvas.width - half - 4, x));
      const hidden = (at) => taken.some(
        (other) => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - at) < line);
      const free = [0, 1, -1, 2, -2, 3, -3, 4, -4].map((k) => y + k * line).find((at) => !hidden(at));
      y = free ?? y;
      taken.push({ x, y, half });
      pen.strokeText(name, x, y); pen.fillStyle = "#222"; pen.fillText(name, x, y);
    });
  }

  // An ellipse of two standard deviations around a code.
  function ellipse(canvas, mean, sigma) {
    const pen = canvas.getContext("2d"), [x, y] = place(canvas, mean);
    const unit = canvas.width / (2 * REACH);
    for (const [colour, wide] of [["#fff", 6], ["#000", 3]]) {
      pen.strokeStyle = colour; pen.lineWidth = wide;
      pen.beginPath();
      pen.ellipse(x, y, Math.max(2 * sigma[0] * unit, 6), Math.max(2 * sigma[1] * unit, 6), 0, 0, 7);
      pen.stroke();
    }
  }

  // A cross where one stands.
  function cross(canvas, z) {
    const pen = canvas.getContext("2d"), [x, y] = place(canvas, z), arm = canvas.width / 30;
    for (const [colour, wide] of [["#fff", 9], ["#d55e00", 4]]) {
      pen.strokeStyle = colour; pen.lineWidth = wide;
      pen.beginPath(); pen.moveTo(x - arm, y); pen.lineTo(x + arm, y);
      pen.moveTo(x, y - arm); pen.lineTo(x, y + arm); pen.stroke();
    }
  }

  window.coursePlane = { REACH, draw, ellipse, cross, under, clip };
})();
