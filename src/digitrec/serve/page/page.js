// A sheet to draw on, or to show a picture on where the network takes pictures whole. Strokes are kept as points from 0
// to 1, so that the sheet can be of any size and in either colour scheme; what the service gets is always black on white.

import { answerOf, NO_SERVICE, SERVICE, takeFiles } from "./incoming.js";
import { fit, tooLarge } from "./photo.js";

const SENT_SIDE = 280;
const PEN = 0.07; // the width of a stroke, as a share of the sheet
const STEP = 1 / 28; // what an arrow key moves the pen by
const MOST_STEPS = 100; // that can be taken back
const MOST_SHOWN = 12; // classes whose probabilities are shown
const LONGEST_NAME = 18; // letters for which there is room
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const byId = (id) => document.getElementById(id);
const sheet = byId("sheet");
const rows = [];

let model = null; // as the service describes it: what the network takes, and its classes
let strokes = [];
let picture = null; // of a file: {file, bitmap, width, height, box}
const past = []; // what was on the sheet before each step, {strokes, picture}
const future = []; // and what steps that were taken back had led to
let turn = 0; // grows with each step
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
  const { width, height } = picture;
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
  byId("hint").hidden = Boolean(picture);
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

// Steps: a stroke, a picture, a clearance

function put(now) {
  // Lists of strokes are never changed, but for points that are added to the last stroke while it is drawn.
  ({ strokes, picture } = now);
  drawingPointer = null;
  keyPen.down = false;
  turn += 1;
}

function step(now) {
  past.push({ strokes, picture });
  if (past.length > MOST_STEPS) past.shift();
  future.length = 0;
  put(now);
}

function clear() {
  if (strokes.length || picture) step({ strokes: [], picture: null });
  // A picture that is being opened comes no more.
  else turn += 1;
  changed();
}

function begin(point) {
  step({ strokes: [...(picture ? [] : strokes), [point]], picture: null });
}

function go(from, to) {
  if (!from.length) return;
  to.push({ strokes, picture });
  put(from.pop());
  changed();
}

const undo = () => go(past, future);
const redo = () => go(future, past);

// Mouse, pen, finger

function pointOf(event) {
  const { left, top, width, height } = sheet.getBoundingClientRect();
  return [(event.clientX - left) / width, (event.clientY - top) / height];
}

sheet.addEventListener("pointerdown", (event) => {
  if (takesPictures()) return;
  // A second finger or a palm does not disturb the stroke.
  if (drawingPointer !== null || event.button !== 0) return;
  keyPen.shown = false;
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

// Pictures have no pen: the sheet is a button that opens one.
sheet.addEventListener("click", () => takesPictures() && byId("file").click());

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
  if (takesPictures()) {
    if (event.key === "Enter" || event.key === " ") byId("file").click();
    return;
  }
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
// By what is on the key where that is a Latin letter, else by its place: keyboards have Greek or Cyrillic letters there.
function letterOf(event) {
  return (/^[a-z]$/i.test(event.key) ? event.key : event.code.replace("Key", "")).toLowerCase();
}

addEventListener("keydown", (event) => {
  const held = (event.ctrlKey || event.metaKey) && !event.altKey ? letterOf(event) : "";
  if (held === "z" && !event.shiftKey) undo();
  else if (held === "z" || held === "y") redo();
  else if (["Delete", "Backspace", "Escape"].includes(event.key)) clear();
  else return;
  event.preventDefault();
});
byId("clear").addEventListener("click", clear);
byId("undo").addEventListener("click", undo);

// Files

async function open(file) {
  step({ strokes: [], picture: null });
  repaint();
  tell(`opening ${file.name}`);
  const mine = turn;
  const opened = await fit(file);
  // Something was drawn or opened in between.
  if (mine !== turn) return;
  const refusal = tooLarge(opened.file, file.name);
  if (refusal) return tell(refusal);
  picture = { ...opened, box: null };
  changed();
}

takeFiles(open);

// Asking the service: one request at a time, the next with what is on the sheet by then

let asking = false;
let stale = false;

async function refresh() {
  stale = true;
  if (asking) return;
  busy(true);
  while (stale) {
    stale = false;
    await ask();
  }
  busy(false);
}

function busy(now) {
  asking = now;
  byId("probabilities").setAttribute("aria-busy", now);
}

async function ask() {
  if (!strokes.length && !picture) return show(null);
  const asked = picture;
  const answer = await answerOf("predict?pixels=true", asked ? asked.file : await drawing());
  // Cleared, or another file opened, while the answer was under way.
  if (asked !== picture || (!asked && !strokes.length)) return;
  if (answer.error) return tell(answer.error);
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
  if (!model) return;
  const values = answer?.probabilities;
  const { classes } = model.dataset.image;
  // All classes in order, or the most probable of many.
  const shown = classes.map((_, index) => index);
  if (values && classes.length > rows.length) shown.sort((one, other) => values[other] - values[one]);
  rows.forEach((row, place) => {
    const name = values || classes.length === rows.length ? classes[shown[place]] : "";
    const value = values ? values[shown[place]] : 0;
    row.name.textContent = row.name.title = name;
    row.bar.style.transform = `scaleX(${value})`;
    row.share.textContent = values ? percent(value) : "";
    row.item.classList.toggle("empty", !name);
    row.item.classList.toggle("best", Boolean(values) && name === answer.best);
  });
  const unsure = values && answer.label === null;
  byId("label").textContent = values ? answer.best : "";
  document.body.classList.toggle("unsure", Boolean(unsure));
  byId("verdict").textContent = verdict(answer, unsure);
  showSeen(answer?.pixels);
}

function verdict(answer, unsure) {
  if (!answer) return takesPictures() ? "no picture yet" : "nothing drawn yet";
  if (!answer.probabilities) return answer.reason;
  if (!unsure) return `${percent(answer.probability)} sure`;
  const option = (name, probability) => `${name}\u00a0(${percent(probability)})`;
  return `unsure: ${option(answer.best, answer.probability)} or ${option(answer.second, answer.second_probability)}?`;
}

function showSeen(pixels) {
  const { height, width, channels } = model.dataset.image;
  const context = byId("seen").getContext("2d");
  context.fillRect(0, 0, width, height);
  if (!pixels) return;
  const image = context.createImageData(width, height);
  pixels.flat().forEach((level, index) => {
    const colour = channels === 1 ? [level, level, level] : level;
    image.data.set([...colour, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}

// What the network takes, which the page is made for

const takesPictures = () => model?.dataset.image.preparation === "resize";

function makeRow() {
  const item = document.createElement("li");
  item.innerHTML = `<span class="name"></span><div class="track"><div class="bar"></div></div><span class="share"></span>`;
  byId("probabilities").append(item);
  const [name, bar, share] = ["name", "bar", "share"].map((part) => item.querySelector(`.${part}`));
  rows.push({ item, name, bar, share });
}

async function describe() {
  model = await (await fetch(new URL("model", SERVICE))).json();
  const { classes, height, width } = model.dataset.image;
  const pictures = takesPictures();
  document.body.classList.toggle("pictures", pictures);
  byId("title").textContent = pictures ? "Show a picture" : `Draw a ${model.shows}`;
  if (pictures) {
    sheet.setAttribute("role", "button");
    sheet.setAttribute("aria-label", "Open a picture");
    sheet.removeAttribute("aria-describedby");
  }
  const count = Math.min(MOST_SHOWN, classes.length);
  for (let place = 0; place < count; place++) makeRow();
  const longest = Math.max(...classes.map((name) => [...name].length));
  const style = document.documentElement.style;
  // The same for bold letters, which "ch" is not.
  style.setProperty("--name", `${0.6 * Math.min(LONGEST_NAME, longest)}rem`);
  style.setProperty("--half", Math.ceil(count / 2));
  document.body.classList.toggle("words", longest > 2);
  const seen = byId("seen");
  [seen.width, seen.height] = [width, height];
  seen.setAttribute("aria-label", `The ${width} by ${height} pixels that the network gets`);
  const accuracy = `${(100 * model.accuracy).toFixed(2)} % right on its test set`;
  byId("model").textContent = `Answered by ${model.training.model}, trained on ${model.dataset.title}, ${accuracy}.`;
  changed();
}

new ResizeObserver(repaint).observe(sheet);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
describe().catch(() => tell(NO_SERVICE));
