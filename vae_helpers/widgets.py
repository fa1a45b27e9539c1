"""Two ways to walk through a two-dimensional latent plane by hand, and a pen.

`explore_latent` asks the model at every move and needs a running kernel. `hover_explorer` asks it
once, carries the answers along, and works wherever a web page does. `write_words` writes what you
type in the hand of a conditional VAE, and needs a kernel too.
"""

from __future__ import annotations

import base64
import html
import json
import string

import numpy as np

from vae_helpers.plots import CLASS_COLOURS, array_to_png, spread_apart, word

REACH = 3.0  # both look at -3 to 3 on each axis: 99.5% of the prior
MAX_BYTES = 300_000


def _check_plane(vae, what: str) -> None:
    if vae.latent_dim != 2:
        raise ValueError(
            f"{what} needs a VAE with latent_dim = 2, and this one has latent_dim = "
            f"{vae.latent_dim}: a plane has two directions. Train one with LatentDistribution(2), "
            "or look at samples with plots.image_grid(vae.generate(30))."
        )


def explore_latent(vae):
    """Two sliders, z_1 and z_2, and the image that the decoder draws there.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`, from z (n, 2) to images (n, h, w[, 1]).

    Returns:
        An ipywidgets box (ipywidgets 7.7 or 8); it needs a running kernel.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    _check_plane(vae, "explore_latent")
    import ipywidgets

    def draw(_change=None):
        image.value = array_to_png(vae.decode(np.array([[z_1.value, z_2.value]], np.float32)))

    options = {"min": -REACH, "max": REACH, "step": 0.05, "value": 0.0, "readout_format": ".2f"}
    z_1 = ipywidgets.FloatSlider(description="z_1", **options)
    z_2 = ipywidgets.FloatSlider(description="z_2", **options)
    image = ipywidgets.Image(format="png", layout={"width": "168px", "height": "168px"})
    draw()  # the first picture, and the first call of the decoder, which is the slow one
    for slider in (z_1, z_2):
        slider.observe(draw, names="value")
    return ipywidgets.HBox([image, ipywidgets.VBox([z_1, z_2])])


MOST_LETTERS = 24  # of a word: more would be too small to read
WORD_WIDTH = 840  # pixels


def letter_labels(text: str) -> np.ndarray:
    """The labels of a text's letters, A = 0 to Z = 25, without its spaces; small ones count too.

    Raises:
        ValueError: naming the characters that are neither A-Z nor a space, or the length.
    """
    text = text.upper()
    strange = sorted(set(text) - set(string.ascii_uppercase + " "))
    if strange:
        raise ValueError(
            f"letters A to Z and spaces only: no {', '.join(map(repr, strange))}, please"
        )
    if not text.strip():
        raise ValueError("type a word of letters A to Z")
    if len(text) > MOST_LETTERS:
        raise ValueError(f"at most {MOST_LETTERS} letters and spaces, these are {len(text)}")
    letters = text.replace(" ", "")
    return np.array([string.ascii_uppercase.index(letter) for letter in letters])


def write_words(vae, text="ADA", directions=None, names=("style 1", "style 2")):
    """A text field, two sliders for the style, and what a conditional VAE writes.

    All letters are drawn from one code, z = style_1 * directions[0] + style_2 * directions[1]. A
    text that cannot be written is said in words, and the last picture stays.

    Args:
        vae: anything with `latent_dim` and `decode`, from z (n, latent_dim) and labels (n,), A = 0
            to Z = 25, to images (n, h, w[, 1]); such as a `ConditionalVAE`.
        text: what stands there first.
        directions: (2, latent_dim); the first two axes when None.
        names: of the two sliders.

    Returns:
        An ipywidgets box (ipywidgets 7.7 or 8); it needs a running kernel.

    Raises:
        ValueError: if `text` cannot be written, or `directions` has another shape.
    """
    letter_labels(text)
    directions = np.eye(2, vae.latent_dim) if directions is None else np.asarray(directions)
    if directions.shape != (2, vae.latent_dim):
        raise ValueError(
            f"directions have shape {directions.shape}, expected (2, {vae.latent_dim}): two rows, "
            "each as long as a code"
        )
    import ipywidgets

    def draw(_change=None):
        try:
            labels = letter_labels(field.value)
        except ValueError as error:
            message.value = html.escape(f"Not written: {error}.", quote=False)
            return
        message.value = ""
        z = np.array([sliders[0].value, sliders[1].value]) @ directions
        letters = vae.decode(np.tile(z, (len(labels), 1)).astype(np.float32), labels)
        sheet = word(letters, field.value)
        image.value = array_to_png(sheet, scale=max(1, min(4, WORD_WIDTH // sheet.shape[1])))

    field = ipywidgets.Text(value=text, description="write")
    options = {"min": -REACH, "max": REACH, "step": 0.05, "value": 0.0, "readout_format": ".2f"}
    sliders = [ipywidgets.FloatSlider(description=name, **options) for name in names]
    message = ipywidgets.HTML()
    image = ipywidgets.Image(format="png", layout={"max_width": "100%", "height": "auto"})
    draw()  # the first picture, and the first call of the decoder, which is the slow one
    for control in (field, *sliders):
        control.observe(draw, names="value")
    # An image that may stretch to the width of its column would be squeezed: it stands alone.
    frame = ipywidgets.HBox([image])
    return ipywidgets.VBox([ipywidgets.HBox([field, *sliders]), message, frame])


def _sprite(images: np.ndarray, n: int) -> bytes:
    """n * n images as one PNG, in as many greys as fit."""
    images = np.asarray(images, dtype=float)
    for levels in (256, 64, 32, 16, 8, 4):
        png = array_to_png(np.round(images * (levels - 1)) / (levels - 1), scale=1, columns=n)
        if len(png) <= MAX_BYTES * 0.65:  # base64 adds a third
            break
    return png


def hover_explorer(vae, images=None, labels=None, class_names=None, n: int = 25, most: int = 1500):
    """A map of the latent plane; the decoded image beside it follows the pointer. No kernel needed.

    The output is one piece of HTML that holds everything: the images decoded on an n x n grid, the
    drawing of the plane and a short script. Mouse, finger and arrow keys move. It makes no request.
    Where scripts do not run, the map of decoded images is still seen.

    Args:
        vae: anything with `latent_dim` = 2 and `decode`; with `encode` too if images are given.
        images: None, or images (m, 28, 28) whose codes are drawn as dots in place of the map.
        labels: None, or (m,) integers that colour the dots.
        class_names: None, or the names of the labels, written at the median of each.
        n: images on each axis, from -3 to 3; odd, so that the middle is z = (0, 0).
        most: at most so many dots are drawn, picked evenly.

    Returns:
        IPython.display.HTML of at most 300 KB.

    Raises:
        ValueError: if latent_dim is not 2.
    """
    _check_plane(vae, "hover_explorer")
    from IPython.display import HTML

    z = np.linspace(-REACH, REACH, n, dtype=np.float32)
    decoded = np.asarray(vae.decode(np.stack(np.meshgrid(z, z[::-1]), axis=-1).reshape(-1, 2)))
    height, width = decoded.shape[1:3]
    sprite = base64.b64encode(_sprite(decoded, n)).decode("ascii")

    facts = {"n": n, "width": width, "height": height, "reach": REACH, "colours": CLASS_COLOURS}
    facts["dots"], facts["names"] = [], []
    if images is not None:
        shown = np.linspace(0, len(images) - 1, min(most, len(images))).astype(int)
        places = np.asarray(vae.encode(np.asarray(images)[shown])[0])
        classes = np.zeros(len(shown), int) if labels is None else np.asarray(labels)[shown]
        inside = (np.abs(places) <= REACH).all(axis=1)
        facts["dots"] = [
            [int(round(100 * x)), int(round(100 * y)), int(c)]
            for (x, y), c in zip(places[inside], classes[inside], strict=True)
        ]
        if class_names is not None:
            facts["names"] = _names(places[inside], classes[inside], class_names)
    page = PAGE.replace("[[FACTS]]", html.escape(json.dumps(facts, separators=(",", ":"))))
    return HTML(page.replace("[[SPRITE]]", sprite))


def _names(places, classes, class_names) -> list:
    """[name, 100 z_1, 100 z_2] for each class, at its median but clear of the others."""
    present = np.unique(classes)
    medians = np.array([np.median(places[classes == i], axis=0) for i in present])
    # In units of z, as the script writes them: a letter is about 0.085 wide and a line 0.22 high.
    sizes = np.array([(0.085 * len(str(class_names[i])) + 0.1, 0.24) for i in present])
    spread = spread_apart(medians, sizes)
    return [
        [str(class_names[i]), int(round(100 * x)), int(round(100 * y))]
        for i, (x, y) in zip(present, spread, strict=True)
    ]


# The script wakes every explorer that is still asleep, so that any number of them share a page
# without names, and an explorer drawn twice is woken twice.
PAGE = """
<div class="vae-hover" data-facts="[[FACTS]]" style="background:#fff;color:#222;padding:8px;
font:14px/1.4 sans-serif;max-width:760px">
<p class="vae-hover-still" style="margin:0 0 6px">What the decoder draws over the latent plane,
z_1 from &minus;3 to 3 to the right, z_2 from &minus;3 to 3 upwards. Where scripts run (a trusted
notebook, an exported page), the picture under the pointer is shown large.</p>
<img class="vae-hover-sprite" alt="Map of decoded images over the latent plane, from -3 to 3"
 style="width:420px;max-width:100%" src="data:image/png;base64,[[SPRITE]]">
<div class="vae-hover-live" hidden style="display:none">
<div style="display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start">
<canvas class="vae-hover-plane" width="960" height="960" tabindex="0" role="application"
 aria-label="Latent plane. Move the pointer, or use the arrow keys, to choose z."
 style="width:480px;max-width:100%;touch-action:none;cursor:crosshair"></canvas>
<div>
<canvas class="vae-hover-picture" role="img" aria-label="The decoded image"
 style="width:224px;image-rendering:pixelated;background:#000;display:block"></canvas>
<p class="vae-hover-z" aria-live="polite"
 style="margin:8px 0;font-variant-numeric:tabular-nums"></p>
<p class="vae-hover-hint" style="margin:8px 0;color:#555;max-width:224px"></p>
</div></div>
</div>
</div>
<script>
(() => {
  const wake = (root) => {
    const facts = JSON.parse(root.dataset.facts), {n, width, height, reach} = facts;
    const find = (name) => root.querySelector(".vae-hover-" + name);
    const sprite = find("sprite"), plane = find("plane"), picture = find("picture");
    const step = 2 * reach / (n - 1);
    let column = (n - 1) >> 1, row = (n - 1) >> 1;          // the row counts from the top
    // The plane, in its own pixels: a margin for the axes at the left and below.
    const left = 70, side = 870, top = 10, half = reach + step / 2;
    const x = (z) => left + (z + half) / (2 * half) * side;
    const y = (z) => top + (half - z) / (2 * half) * side;

    const ground = document.createElement("canvas");        // drawn once
    ground.width = plane.width; ground.height = plane.height;
    const drawGround = () => {
      const pen = ground.getContext("2d");
      pen.fillStyle = "#fff"; pen.fillRect(0, 0, ground.width, ground.height);
      if (facts.dots.length) {
        pen.globalAlpha = 0.6;
        for (const [a, b, c] of facts.dots) {
          pen.fillStyle = facts.colours[c % facts.colours.length];
          pen.beginPath();
          if (c < facts.colours.length) pen.arc(x(a / 100), y(b / 100), 5, 0, 7);
          else pen.rect(x(a / 100) - 5, y(b / 100) - 5, 10, 10); // the colours come round again
          pen.fill();
        }
        pen.globalAlpha = 1;
        pen.font = "bold 22px sans-serif"; pen.textAlign = "center"; pen.textBaseline = "middle";
        pen.strokeStyle = "#fff"; pen.lineWidth = 8; pen.lineJoin = "round"; pen.fillStyle = "#222";
        for (const [name, a, b] of facts.names) {
          pen.strokeText(name, x(a / 100), y(b / 100));
          pen.fillText(name, x(a / 100), y(b / 100));
        }
      } else {
        pen.drawImage(sprite, left, top, side, side);
      }
      pen.strokeStyle = "#444"; pen.fillStyle = "#222"; pen.lineWidth = 2;
      pen.strokeRect(left, top, side, side);
      pen.font = "22px sans-serif";
      for (let z = -reach; z <= reach; z++) {
        const label = String(z).replace("-", "\\u2212");
        pen.textAlign = "center"; pen.textBaseline = "top";
        pen.fillText(label, x(z), top + side + 12);
        pen.textAlign = "right"; pen.textBaseline = "middle";
        pen.fillText(label, left - 12, y(z));
        pen.beginPath();
        pen.moveTo(x(z), top + side); pen.lineTo(x(z), top + side + 8);
        pen.moveTo(left, y(z)); pen.lineTo(left - 8, y(z)); pen.stroke();
      }
      pen.textAlign = "center"; pen.textBaseline = "alphabetic";
      pen.fillText("z_1", left + side / 2, plane.height - 10);
      pen.save(); pen.translate(22, top + side / 2); pen.rotate(-Math.PI / 2);
      pen.fillText("z_2", 0, 0); pen.restore();
    };
    const draw = () => {
      const z1 = -reach + column * step, z2 = reach - row * step;
      const pen = plane.getContext("2d");
      pen.drawImage(ground, 0, 0);
      const cell = side / n;
      for (const [colour, line] of [["#fff", 8], ["#d55e00", 4]]) {
        pen.strokeStyle = colour; pen.lineWidth = line;
        pen.strokeRect(left + column * cell, top + row * cell, cell, cell);
      }
      picture.getContext("2d").drawImage(
        sprite, column * width, row * height, width, height, 0, 0, width, height);
      const text = (v) => (Math.abs(v) < 1e-9 ? 0 : v).toFixed(2).replace("-", "\\u2212");
      find("z").textContent = "z = (" + text(z1) + ", " + text(z2) + ")";
      picture.setAttribute("aria-label", "The decoded image at " + find("z").textContent);
    };
    const clip = (i) => Math.max(0, Math.min(n - 1, i));
    const point = (event) => {
      const box = plane.getBoundingClientRect(), zoom = plane.width / box.width;
      column = clip(Math.floor(((event.clientX - box.left) * zoom - left) / side * n));
      row = clip(Math.floor(((event.clientY - box.top) * zoom - top) / side * n));
      draw();
    };
    const keys = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
    plane.addEventListener("pointermove", point);
    plane.addEventListener("pointerdown", point);
    plane.addEventListener("keydown", (event) => {
      const move = keys[event.key];
      if (!move) return;
      event.preventDefault(); event.stopPropagation();       // the page must not scroll away
      column = clip(column + move[0]); row = clip(row + move[1]);
      draw();
    });
    sprite.decode().then(() => {
      picture.width = width; picture.height = height;
      find("hint").textContent =
        "Move the pointer over the plane, or click it and use the arrow keys.";
      drawGround(); draw();
      sprite.style.display = "none"; find("still").style.display = "none";
      find("live").hidden = false; find("live").style.display = "block";
      root.dataset.awake = "yes";
    });
  };
  for (const root of document.querySelectorAll(".vae-hover:not([data-seen])")) {
    root.dataset.seen = "yes";
    wake(root);
  }
})();
</script>
"""
