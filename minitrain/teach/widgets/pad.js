// The drawing pad's browser side: one canvas, one button. It draws at full size and sends a small picture.
const EVERY = 50;                                       // milliseconds between pictures while the hand moves

function render({ model, el }) {
  const n = model.get("size"), side = model.get("shown"), channels = model.get("colour") ? 3 : 1;
  const big = document.createElement("canvas"), small = document.createElement("canvas");
  const zoom = Math.max(1, Math.round(side / n)), full = n * zoom;      // whole pixels, so that shrinking is an even mean
  big.width = big.height = full;
  small.width = small.height = n;
  big.style.cssText = `width:${side}px;max-width:100%;aspect-ratio:1;touch-action:none;cursor:crosshair;border:1px solid #8a8a8a;border-radius:4px`;
  big.className = "minitrain-pad";
  big.tabIndex = 0;
  big.setAttribute("role", "img");
  big.setAttribute("aria-label", model.get("label"));
  const clear = document.createElement("button");
  clear.textContent = "Clear";
  clear.className = "jupyter-button minitrain-pad-clear";
  clear.setAttribute("aria-label", `Clear: ${model.get("label")}`);
  clear.style.cssText = "display:block;margin:4px 0;width:max-content";
  el.append(big, clear);

  const pen = big.getContext("2d", { willReadFrequently: true }), tiny = small.getContext("2d", { willReadFrequently: true });
  let last = null, timer = null, mine = null, sent = -EVERY;

  function wipe() { pen.fillStyle = model.get("paper"); pen.fillRect(0, 0, full, full); }

  function send() {                                     // each small pixel is the mean of the zoom x zoom pixels it covers
    timer = null;
    sent = performance.now();
    const source = pen.getImageData(0, 0, full, full).data, out = new Uint8Array(n * n * channels);
    for (let row = 0; row < n; row++) for (let column = 0; column < n; column++) {
      const sum = [0, 0, 0];
      for (let y = row * zoom; y < (row + 1) * zoom; y++) for (let x = column * zoom; x < (column + 1) * zoom; x++)
        for (let c = 0; c < 3; c++) sum[c] += source[4 * (y * full + x) + c];
      const mean = sum.map(s => s / (zoom * zoom)), at = (row * n + column) * channels;
      if (channels === 3) for (let c = 0; c < 3; c++) out[at + c] = Math.round(mean[c]);
      else out[at] = Math.round((mean[0] + mean[1] + mean[2]) / 3);
    }
    mine = new DataView(out.buffer);
    model.set("picture", mine);
    model.save_changes();
  }
  function soon() { if (timer === null) timer = setTimeout(send, Math.max(0, sent + EVERY - performance.now())); }
  function now() { clearTimeout(timer); send(); }

  function show() {                                     // a picture that Python set
    const got = model.get("picture");
    if (!got || got === mine || got.byteLength !== n * n * channels) return;
    const bytes = new Uint8Array(got.buffer, got.byteOffset, got.byteLength), pixels = tiny.createImageData(n, n);
    for (let i = 0; i < n * n; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = bytes[channels === 3 ? 3 * i + c : i];
      pixels.data[4 * i + 3] = 255;
    }
    tiny.putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, full, full);
  }

  function place(event) {
    const box = big.getBoundingClientRect();
    return [(event.clientX - box.left) * full / box.width, (event.clientY - box.top) * full / box.height];
  }
  function draw(event) {
    const at = place(event);
    pen.strokeStyle = model.get("ink");
    pen.lineWidth = model.get("stroke") * zoom;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...(last ?? at));
    pen.lineTo(...at);
    pen.stroke();
    last = at;
    soon();
  }
  big.addEventListener("pointerdown", event => { big.setPointerCapture(event.pointerId); last = null; draw(event); });
  big.addEventListener("pointermove", event => { if (last) draw(event); });
  for (const end of ["pointerup", "pointercancel"]) big.addEventListener(end, () => { if (last) { last = null; now(); } });
  clear.addEventListener("click", () => { wipe(); now(); });

  wipe();
  show();
  model.on("change:picture", show);
  return () => { clearTimeout(timer); model.off("change:picture", show); };
}

export default { render };
