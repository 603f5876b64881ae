// Pages of digits: the picture with a box over each digit, and the text.

import { answerOf, takeFiles } from "./incoming.js";
import { fit, tooLarge } from "./photo.js";

const byId = (id) => document.getElementById(id);
let opened = 0; // pages opened so far: an answer is for the last one alone

async function open(file) {
  const number = ++opened;
  show(null);
  tell("reading…");
  const { file: sent, bitmap } = await fit(file);
  if (number !== opened) return;
  const refusal = tooLarge(sent, file.name);
  if (refusal) return tell(refusal);
  const answer = await answerOf("read?pixels=true", sent);
  if (number !== opened) return;
  if (answer.error) return tell(answer.error);
  show(answer, bitmap);
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
  byId("copy").textContent = "Copy text";
  const picture = byId("picture");
  const { width, height } = bitmap ?? answer ?? { width: 0, height: 0 };
  [picture.width, picture.height] = [width, height];
  if (!answer) return;
  if (bitmap) picture.getContext("2d").drawImage(bitmap, 0, 0);
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

takeFiles(open);
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
