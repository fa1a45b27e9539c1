// The slider over stored models: codes, decoded plane and reconstructions at six betas.
(() => {
  "use strict";
  const root = document.getElementById("one-slider");
  if (!root) return;
  const find = (name) => root.querySelector(".play-" + name);
  const slider = find("beta"), words = find("words");
  const stored = (window.courseModels || {}).betas;
  if (!stored) {
    words.textContent = "models/betas.js could not be loaded. Is the folder models/ beside this page?";
    return;
  }
  const { places, names, originals } = stored;
  const nats = (value, digits) => value.toFixed(digits);

  function show() {
    const place = places[Number(slider.value)], { beta, reconstruction, kl } = place;
    const sum = reconstruction + kl;
    find("value").textContent = String(beta);
    slider.setAttribute("aria-valuetext", `beta ${beta}`);
    words.textContent = `beta ${beta}: reconstruction ${nats(reconstruction, 1)} nats, ` +
      `KL ${nats(kl, 2)} nats, ELBO \u2212${nats(sum, 1)} nats per image. ` +
      `Training minimised ${nats(reconstruction, 1)} + ${beta} \u00d7 ${nats(kl, 2)} = ` +
      `${nats(reconstruction + beta * kl, 1)}.`;
    window.coursePlane.draw(find("plane"), place.dots, kl < 0.05 ? [] : names);
    find("plane").setAttribute("aria-label", `Codes of 700 garments at beta ${beta}`);
    find("map").src = place.map;
    find("map").alt = `What the decoder draws over the plane from -3 to 3 at beta ${beta}.`;
    find("redrawn").src = place.redrawn;
    find("redrawn").alt = `The ten garments reconstructed at beta ${beta}.`;
  }

  slider.max = String(places.length - 1);
  find("originals").src = originals;
  slider.addEventListener("input", show);
  find("board").hidden = false;
  root.dataset.awake = "yes";
  show();
})();
