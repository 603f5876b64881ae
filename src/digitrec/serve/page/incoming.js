// Files that come in, however a person brings them, and what the service answers to them.

// The service's address, whatever path a proxy puts before it.
export const SERVICE = new URL("..", import.meta.url);
export const NO_SERVICE = "The service does not answer: is it still running?";

// Gives the answer, or {error} in its place.
export async function answerOf(path, body) {
  try {
    const response = await fetch(new URL(path, SERVICE), { method: "POST", body });
    const other = { error: `Not the service, but something before it answers: ${response.status}` };
    return await response.json().catch(() => other);
  } catch {
    return { error: NO_SERVICE };
  }
}

// Calls open with a file that is chosen, photographed, pasted or dropped.
export function takeFiles(open) {
  const first = (files) => {
    if (files?.length) open(files[0]);
  };
  for (const id of ["file", "camera"]) {
    document.getElementById(id).addEventListener("change", (event) => {
      first(event.target.files);
      // The same file can be chosen again.
      event.target.value = "";
    });
  }
  addEventListener("paste", (event) => first(event.clipboardData?.files));
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
    first(event.dataTransfer.files);
  });
}
