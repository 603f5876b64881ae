// A sheet to draw on. Strokes are kept as points from 0 to 1, so that the sheet can be of any size and in either colour
// scheme; what the service gets is always black on white.

const SENT_SIDE = 280;
const PEN = 0.07; // the width of a stroke, as a share of the sheet
const STEP = 1 / 28; // what an arrow key moves the pen by
const MAX_BYTES = 5_000_000; // the service's limit
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const byId = (id) => document.getElementById(id);
const sheet = byId("sheet");
const rows = [];

let strokes = [];
let picture = null; // of a file: {bitmap, file, box}
let drawingPointer = null;
let keyPen = { x: 0.5, y: 0.3, down: false, shown: false };
const heldArrows = new Set();

// Drawing

function paint(context, side, ink) {
  context.lineWidth = PEN * side;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = ink;
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0][0] * side, stroke[0][1] * side);
    // A stroke of one point is a dot.
    for (const [x, y] of stroke) context.lineTo(x * side, y * side);
    context.stroke();
  }
}

function paintPicture(context, side, colour) {
  const { width, height } = picture.bitmap;
  const scale = Math.min(side / width, side / height);
  const left = (side - width * scale) / 2;
  const top = (side - height * scale) / 2;
  context.drawImage(picture.bitmap, left, top, width * scale, height * scale);
  if (!picture.box) return;
  const [x0, y0, x1, y1] = picture.box.map((value) => value * scale);
  context.lineWidth = Math.max(2, side / 160);
  context.strokeStyle = colour;
  context.strokeRect(left + x0, top + y0, x1 - x0, y1 - y0);
}

function repaint() {
  const side = Math.round(sheet.clientWidth * devicePixelRatio);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  sheet.width = sheet.height = side;
  const context = sheet.getContext("2d");
  if (picture?.bitmap) paintPicture(context, side, colour("--best"));
  paint(context, side, colour("--ink"));
  if (keyPen.shown) {
    context.beginPath();
    context.arc(keyPen.x * side, keyPen.y * side, (PEN / 2) * side, 0, 2 * Math.PI);
    context.lineWidth = side / 120;
    context.strokeStyle = colour(keyPen.down ? "--best" : "--soft");
    context.stroke();
  }
}

function changed() {
  repaint();
  refresh();
}

function clear() {
  strokes = [];
  picture?.bitmap?.close();
  picture = null;
  drawingPointer = null;
  keyPen.down = false;
  changed();
}

function begin(point) {
  if (picture) clear();
  strokes.push([point]);
}

function undo() {
  if (!strokes.length) return;
  strokes.pop();
  drawingPointer = null;
  keyPen.down = false;
  changed();
}

// Mouse, pen, finger

function pointOf(event) {
  const { left, top, width, height } = sheet.getBoundingClientRect();
  return [(event.clientX - left) / width, (event.clientY - top) / height];
}

sheet.addEventListener("pointerdown", (event) => {
  // A second finger or a palm does not disturb the stroke.
  if (drawingPointer !== null || event.button !== 0) return;
  keyPen.shown = keyPen.down = false;
  begin(pointOf(event));
  drawingPointer = event.pointerId;
  sheet.setPointerCapture(event.pointerId);
  changed();
});
sheet.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawingPointer) return;
  const events = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1).push(...(events.length ? events : [event]).map(pointOf));
  changed();
});
for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  sheet.addEventListener(name, (event) => {
    if (event.pointerId === drawingPointer) drawingPointer = null;
  });
}

// Keys

function movePen() {
  const clip = (value) => Math.min(1, Math.max(0, value));
  // Two arrows held together move it aslant.
  for (const key of heldArrows) {
    keyPen.x = clip(keyPen.x + STEP * ARROWS[key][0]);
    keyPen.y = clip(keyPen.y + STEP * ARROWS[key][1]);
  }
  if (keyPen.down) strokes.at(-1).push([keyPen.x, keyPen.y]);
}

sheet.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in ARROWS) {
    heldArrows.add(event.key);
    movePen();
  } else if (event.key === " " && !event.repeat) {
    const lowered = !keyPen.down;
    if (lowered) begin([keyPen.x, keyPen.y]);
    keyPen.down = lowered;
  } else if (event.key !== " ") {
    return;
  }
  event.preventDefault();
  keyPen.shown = true;
  if (keyPen.down) changed();
  else repaint();
});
sheet.addEventListener("keyup", (event) => heldArrows.delete(event.key));
sheet.addEventListener("blur", () => {
  heldArrows.clear();
  keyPen.shown = keyPen.down = false;
  repaint();
});
addEventListener("keydown", (event) => {
  if (event.key === "Delete" || event.key === "Backspace" || event.key === "Escape") clear();
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
  else return;
  event.preventDefault();
});
byId("clear").addEventListener("click", clear);
byId("undo").addEventListener("click", undo);

// Files

async function open(file) {
  clear();
  if (file.size > MAX_BYTES) return tell(`${file.name} has more than 5 MB, the most that is taken`);
  const opened = { file, bitmap: null, box: null };
  picture = opened;
  refresh();
  try {
    opened.bitmap = await createImageBitmap(file);
  } catch {
    // The service may know a format that the browser does not show.
    return;
  }
  if (picture === opened) repaint();
}

byId("file").addEventListener("change", (event) => {
  if (event.target.files.length) open(event.target.files[0]);
  // The same file can be chosen again.
  event.target.value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});

// Asking the service: one request at a time, the next with what is on the sheet by then

let asking = false;
let stale = false;

async function refresh() {
  stale = true;
  if (asking) return;
  asking = true;
  while (stale) {
    stale = false;
    await ask();
  }
  asking = false;
}

async function ask() {
  if (!strokes.length && !picture) return show(null);
  const asked = picture;
  let response, answer;
  try {
    const body = asked ? asked.file : await drawing();
    response = await fetch("/predict?pixels=true", { method: "POST", body });
    answer = await response.json();
  } catch {
    return tell("The service does not answer: is it still running?");
  }
  // Cleared, or another file opened, while the answer was under way.
  if (asked !== picture || (!asked && !strokes.length)) return;
  if (!response.ok) return tell(answer.error);
  if (asked) {
    asked.box = answer.box;
    repaint();
  }
  show(answer);
}

function drawing() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SENT_SIDE;
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, SENT_SIDE, SENT_SIDE);
  paint(context, SENT_SIDE, "black");
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// Showing the answer

// No answer is certain.
const percent = (value) => (value > 0.9995 ? ">99.9\u00a0%" : `${(100 * value).toFixed(1)}\u00a0%`);

function tell(text) {
  show(null);
  byId("verdict").textContent = text;
}

function show(answer) {
  const values = answer?.probabilities;
  const best = answer?.best;
  rows.forEach((row, digit) => {
    const value = values ? values[digit] : 0;
    row.bar.style.transform = `scaleX(${value})`;
    row.share.textContent = values ? percent(value) : "";
    row.item.classList.toggle("best", digit === best);
  });
  const unsure = values && answer.digit === null;
  byId("digit").textContent = values ? best : "";
  document.body.classList.toggle("unsure", Boolean(unsure));
  byId("verdict").textContent = verdict(answer, unsure);
  showSeen(answer?.pixels);
}

function verdict(answer, unsure) {
  if (!answer) return "nothing drawn yet";
  if (!answer.probabilities) return "no digit found";
  if (!unsure) return `${percent(answer.probability)} sure`;
  const option = (digit, probability) => `${digit}\u00a0(${percent(probability)})`;
  return `unsure: ${option(answer.best, answer.probability)} or ${option(answer.second, answer.second_probability)}?`;
}

function showSeen(pixels) {
  const context = byId("seen").getContext("2d");
  const image = context.createImageData(28, 28);
  for (let index = 0; index < 784; index++) {
    const level = pixels ? pixels[Math.floor(index / 28)][index % 28] : 0;
    image.data.set([level, level, level, 255], 4 * index);
  }
  context.putImageData(image, 0, 0);
}

async function describe() {
  const about = await (await fetch("/model")).json();
  const accuracy = "accuracy" in about ? `, ${(100 * about.accuracy).toFixed(2)} % right on its test set` : "";
  byId("model").textContent = `Read by ${about.model ?? "a network"}, trained on ${about.dataset ?? "unknown images"}${accuracy}.`;
}

for (let digit = 0; digit < 10; digit++) {
  const item = document.createElement("li");
  item.innerHTML = `<span>${digit}</span><div class="track"><div class="bar"></div></div><span class="share"></span>`;
  byId("probabilities").append(item);
  rows.push({ item, bar: item.querySelector(".bar"), share: item.querySelector(".share") });
}
new ResizeObserver(repaint).observe(sheet);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
show(null);
describe();
