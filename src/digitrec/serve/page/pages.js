// Pages of digits: the picture with a box over each digit, and the text.

const MAX_BYTES = 5_000_000; // the service's limits
const MAX_PIXELS = 25_000_000;
const SENT_SIDE = 3000; // the longer side of a picture that is made smaller to be sent
const NO_SERVICE = "The service does not answer: is it still running?";

const byId = (id) => document.getElementById(id);
let opened = 0; // pages opened so far: an answer is for the last one alone

async function open(file) {
  const number = ++opened;
  show(null);
  tell("reading…");
  let bitmap = null;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // The service may know a format that the browser does not show.
  }
  if (bitmap && (file.size > MAX_BYTES || bitmap.width * bitmap.height > MAX_PIXELS)) file = await smaller(bitmap);
  let response, answer;
  try {
    response = await fetch("read?pixels=true", { method: "POST", body: file });
    answer = await response.json();
  } catch {
    return tell(NO_SERVICE);
  }
  if (number !== opened) return;
  if (!response.ok) return tell(answer.error);
  show(answer, bitmap);
}

function smaller(bitmap) {
  const scale = Math.min(1, SENT_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale)];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

function tell(text) {
  byId("verdict").textContent = text;
}

function show(answer, bitmap) {
  document.querySelectorAll(".box").forEach((box) => box.remove());
  document.querySelector("figure").hidden = true;
  byId("hint").hidden = Boolean(answer);
  byId("text").textContent = answer ? answer.text.join("\n") : "";
  byId("copy").disabled = !answer?.text.length;
  const picture = byId("picture");
  [picture.width, picture.height] = [answer?.width ?? 0, answer?.height ?? 0];
  if (!answer) return;
  if (bitmap) picture.getContext("2d").drawImage(bitmap, 0, 0, answer.width, answer.height);
  for (const box of answer.others) place(box, answer, "div", "other");
  for (const digit of answer.rows.flat()) {
    const button = place(digit.box, answer, "button", digit.unsure ? "unsure" : "sure");
    button.type = "button";
    const name = document.createElement("span");
    name.textContent = digit.best + (digit.unsure ? "?" : "");
    button.append(name);
    button.setAttribute("aria-label", described(digit));
    button.addEventListener("click", () => showSeen(digit));
  }
  const count = answer.rows.flat().length;
  tell(answer.reason ?? `${count} ${count === 1 ? "digit" : "digits"} in ${answer.rows.length} ${answer.rows.length === 1 ? "row" : "rows"}`);
}

function place([left, top, right, bottom], { width, height }, tag, kind) {
  const box = document.createElement(tag);
  box.className = `box ${kind}`;
  const share = (value, whole) => `${(100 * value) / whole}%`;
  box.style.left = share(left, width);
  box.style.top = share(top, height);
  box.style.width = share(right - left, width);
  box.style.height = share(bottom - top, height);
  byId("page").append(box);
  return box;
}

const percent = (value) => `${(100 * value).toFixed(1)}\u00a0%`;

function described(digit) {
  const second = `${digit.second} ${percent(digit.second_probability)}`;
  return `${digit.unsure ? "unsure: " : ""}${digit.best} ${percent(digit.probability)}, second ${second}`;
}

function showSeen(digit) {
  const seen = byId("seen");
  [seen.width, seen.height] = [digit.pixels[0].length, digit.pixels.length];
  const context = seen.getContext("2d");
  const image = context.createImageData(seen.width, seen.height);
  digit.pixels.flat().forEach((level, index) => image.data.set([level, level, level, 255], 4 * index));
  context.putImageData(image, 0, 0);
  document.querySelector("figcaption").textContent = described(digit);
  document.querySelector("figure").hidden = false;
}

for (const id of ["file", "camera"]) {
  byId(id).addEventListener("change", (event) => {
    if (event.target.files.length) open(event.target.files[0]);
    // The same file can be chosen again.
    event.target.value = "";
  });
}
addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) open(event.clipboardData.files[0]);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
});
byId("copy").addEventListener("click", async () => {
  const text = byId("text");
  try {
    await navigator.clipboard.writeText(text.textContent);
    byId("copy").textContent = "Copied";
  } catch {
    // Without a secure address browsers give no clipboard: the text is selected to be copied by hand.
    getSelection().selectAllChildren(text);
  }
});
