// A small dense VAE in plain JavaScript. The weights come as 8-bit numbers with one scale for each
// output (benchmarks/rounded.py); Keras with the same rounded weights gives the same codes and
// pictures, to 1e-4 (tests/site/test_play.py).
(() => {
  "use strict";
  const WIDEST_LOG_VAR = 10; // as vae_helpers.parts.LatentDistribution

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);

  function unpackLayer(layer) {
    const whole = new Int8Array(bytes(layer.kernel).buffer), scale = floats(layer.scale);
    const { inputs, outputs } = layer;
    const kernel = new Float32Array(inputs * outputs); // row by row, one row for each input
    for (let i = 0; i < inputs; i++)
      for (let j = 0; j < outputs; j++)
        kernel[i * outputs + j] = whole[i * outputs + j] * scale[j];
    return { inputs, outputs, silu: layer.silu, kernel, bias: floats(layer.bias) };
  }

  function run(layers, values) {
    for (const { inputs, outputs, silu, kernel, bias } of layers) {
      const sums = Float64Array.from(bias);
      for (let i = 0; i < inputs; i++) {
        const value = values[i];
        if (value === 0) continue; // most pixels of a drawing
        const row = i * outputs;
        for (let j = 0; j < outputs; j++) sums[j] += value * kernel[row + j];
      }
      if (silu) for (let j = 0; j < outputs; j++) sums[j] /= 1 + Math.exp(-sums[j]);
      values = sums;
    }
    return values;
  }

  // Returns {encode, decode} of a stored model.
  //   encode(pixels in [0, 1])  ->  {mean, logVar}, one number for each latent
  //   decode(z)                 ->  {logits, pixels}, one number for each pixel
  function unpack(model) {
    const encoder = model.encoder.map(unpackLayer), decoder = model.decoder.map(unpackLayer);
    return {
      encode(pixels) {
        const head = run(encoder, pixels), half = head.length / 2;
        return {
          mean: Array.from(head.subarray(0, half)),
          logVar: Array.from(head.subarray(half), (v) => Math.min(v, WIDEST_LOG_VAR)),
        };
      },
      decode(z) {
        const logits = run(decoder, z);
        return { logits, pixels: logits.map((a) => 1 / (1 + Math.exp(-a))) };
      },
    };
  }

  // KL(q(z|x) || N(0, I)) in nats.
  const kl = ({ mean, logVar }) =>
    mean.reduce((sum, m, i) => sum + 0.5 * (m * m + Math.exp(logVar[i]) - 1 - logVar[i]), 0);

  // Cross-entropy of pixels in [0, 1] under logits, summed, in nats; written so that no exponential
  // overflows.
  const reconstruction = (pixels, logits) => {
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      const a = logits[i];
      sum += Math.max(a, 0) - a * pixels[i] + Math.log1p(Math.exp(-Math.abs(a)));
    }
    return sum;
  };

  window.courseMlp = { unpack, kl, reconstruction, bytes };
})();
