// "Draw your own": the pad, the encoder and the decoder, and the plane between them.
(() => {
  "use strict";
  const root = document.getElementById("draw-your-own");
  if (!root) return;
  const { SIDE, PAD, paint, picture, pictureCanvas } = window.courseDrawing;
  const plane = window.coursePlane, mlp = window.courseMlp;
  const find = (name) => root.querySelector(".play-" + name);
  const pad = find("pad"), map = find("plane"), status = find("status");
  const NEAR = 15; // dots that say what is around a code
  const MINUS = "\u2212";
  const number = (value, digits = 2) => value.toFixed(digits).replace("-", MINUS);

  let asked = null, model = null, network = null; // name of the model; what has been loaded
  let steps = [], stroke = null, nextExample = 0; // the drawing
  let finger = null; // the pointer that draws; a second finger, or a palm, does not
  let code = null, z = [0, 0]; // of the drawing; where the cross is
  let pixels = new Float32Array(SIDE * SIDE);
  let cursor = [0.5, 0.5], penDown = false; // of the keyboard
  const ground = document.createElement("canvas"); // the plane with its dots, drawn once a model
  ground.width = map.width; ground.height = map.height;

  // ------------------------------------------------------------------ loading
  const loading = {};
  function load(wanted) { // as a script: a page from file:// may not fetch
    loading[wanted] = loading[wanted] || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `models/${wanted}.js`;
      script.onload = () => resolve(window.courseModels[wanted]);
      script.onerror = () => {
        delete loading[wanted];
        reject(new Error(`${script.src} could not be loaded`));
      };
      document.head.append(script);
    });
    return loading[wanted];
  }

  async function choose(wanted) {
    status.textContent = "Loading the network.";
    asked = wanted;
    let loaded = null, failed = "";
    try {
      loaded = await load(wanted);
    } catch (error) {
      failed = `${error.message}. Is the folder models/ beside this page?`;
    }
    if (asked !== wanted) return; // another one was asked for meanwhile
    if (!loaded) { status.textContent = failed; return; }
    model = loaded;
    network = mlp.unpack(model);
    for (const button of root.querySelectorAll("[data-model]"))
      button.setAttribute("aria-pressed", String(button.dataset.model === wanted));
    find("shade-row").hidden = find("fill").hidden = model.stroke !== null;
    find("width").parentElement.hidden = model.stroke !== null;
    plane.draw(ground, model.dots, model.names);
    status.textContent = model.stroke === null
      ? "Draw an outline, then fill it; or begin with an example."
      : "Write one capital letter; or begin with an example.";
    find("board").hidden = false;
    steps = []; nextExample = 0; cursor = [0.5, 0.5]; penDown = false;
    root.dataset.awake = wanted;
    encode();
  }

  // ------------------------------------------------------------------ what is computed
  function encode() {
    pixels = picture(steps, model);
    code = steps.length ? network.encode(pixels) : null;
    z = code ? [...code.mean] : [0, 0];
    show();
  }

  function around(point) { // the most frequent class among the nearest dots
    const near = model.dots
      .map(([a, b, label]) => [Math.hypot(a / 100 - point[0], b / 100 - point[1]), label])
      .sort((one, other) => one[0] - other[0]).slice(0, NEAR);
    const counts = {};
    for (const [, label] of near) counts[label] = (counts[label] || 0) + 1;
    const [label, count] = Object.entries(counts).sort((one, other) => other[1] - one[1])[0];
    return `${count} of the ${NEAR} nearest dots are ${model.names[label]}`;
  }

  function words(decoded) {
    const place = `z = (${number(z[0])}, ${number(z[1])})`;
    if (!code) return `Nothing is drawn yet. The cross is at ${place}: ${around(z)}.`;
    const moved = Math.hypot(z[0] - code.mean[0], z[1] - code.mean[1]) > 1e-9;
    if (moved) return `The cross is at ${place}: ${around(z)}.`;
    const sigma = code.logVar.map((v) => Math.exp(v / 2));
    return `Your drawing's code: mean ${place}, standard deviations ${number(sigma[0])} and ` +
      `${number(sigma[1])}. ${around(z)}. Reconstruction at the mean ` +
      `${number(mlp.reconstruction(pixels, decoded.logits), 0)} nats, KL ${number(mlp.kl(code), 1)} nats.`;
  }

  // ------------------------------------------------------------------ what is shown
  function show() {
    paint(pad, steps, PAD);
    if (document.activeElement === pad) drawPen();
    const decoded = network.decode(z);
    pictureCanvas(pixels, find("seen"));
    pictureCanvas(decoded.pixels, find("made"));
    const pen = map.getContext("2d");
    pen.drawImage(ground, 0, 0);
    if (code) plane.ellipse(map, code.mean, code.logVar.map((v) => Math.exp(v / 2)));
    plane.cross(map, z);
    find("words").textContent = words(decoded);
    root.dataset.code = JSON.stringify(code && code.mean);
    root.dataset.z = JSON.stringify(z);
  }

  function drawPen() { // where the keyboard's pen is
    const pen = pad.getContext("2d"), [x, y] = cursor.map((value) => value * pad.width);
    pen.lineWidth = 3; pen.strokeStyle = penDown ? "#e69f00" : "#56b4e9";
    pen.beginPath(); pen.arc(x, y, 12, 0, 7); pen.stroke();
  }

  let planned = false;
  function later() { // at most once a frame
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => { planned = false; encode(); });
  }

  // ------------------------------------------------------------------ the pad
  const brush = () => model.stroke === null
    ? { width: find("width").value / 100, shade: Number(find("shade").value) }
    : { width: 0.09, shade: 255 };
  const begin = (point) => { stroke = { points: [point], ...brush() }; steps.push(stroke); later(); };
  const onPad = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  pad.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    if (finger !== null) return;
    finger = event.pointerId;
    pad.focus({ preventScroll: true });
    pad.setPointerCapture(finger);
    penDown = false; cursor = onPad(event);
    begin(cursor);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!stroke || event.pointerId !== finger) return;
    const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of passed.length ? passed : [event]) stroke.points.push(onPad(one));
    cursor = onPad(event);
    later();
  });
  for (const end of ["pointerup", "pointercancel"])
    pad.addEventListener(end, (event) => {
      if (event.pointerId !== finger) return;
      finger = null;
      if (!penDown) stroke = null;
    });
  pad.addEventListener("focus", () => model && show());
  pad.addEventListener("blur", () => { penDown = false; stroke = null; if (model) show(); });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      penDown = !penDown;
      if (penDown) begin([...cursor]); else { stroke = null; show(); }
      return;
    }
    const move = ARROWS[event.key];
    if (!move) return;
    event.preventDefault();
    const size = event.shiftKey ? 0.01 : 0.04;
    cursor = cursor.map((value, i) => Math.max(0, Math.min(1, value + size * move[i])));
    if (penDown && stroke) { stroke.points.push([...cursor]); later(); } else show();
  });

  // ------------------------------------------------------------------ the buttons
  const on = (button, act) => find(button).addEventListener("click", () => { act(); encode(); });
  const lift = () => { penDown = false; stroke = null; };
  on("clear", () => { steps = []; lift(); });
  on("undo", () => { steps.pop(); lift(); });
  on("fill", () => { steps.push({ fill: true, shade: Math.max(60, brush().shade) }); lift(); });
  on("example", () => {
    const example = model.examples[nextExample++ % model.examples.length];
    steps = [{ pixels: mlp.bytes(example.pixels) }]; lift();
  });
  find("back").addEventListener("click", () => { z = code ? [...code.mean] : [0, 0]; show(); });
  for (const button of root.querySelectorAll("[data-model]"))
    button.addEventListener("click", () => choose(button.dataset.model));

  // ------------------------------------------------------------------ the plane
  const walk = (event) => { if (model) { z = plane.under(map, event); show(); } };
  map.addEventListener("pointerdown", (event) => {
    event.preventDefault(); map.focus({ preventScroll: true });
    map.setPointerCapture(event.pointerId); walk(event);
  });
  map.addEventListener("pointermove", (event) => {
    if (map.hasPointerCapture(event.pointerId)) walk(event);
  });
  map.addEventListener("keydown", (event) => {
    const move = ARROWS[event.key];
    if (!move || !model) return;
    event.preventDefault();
    const size = event.shiftKey ? 0.02 : 0.1;
    z = [plane.clip(z[0] + size * move[0]), plane.clip(z[1] - size * move[1])];
    show();
  });
})();
