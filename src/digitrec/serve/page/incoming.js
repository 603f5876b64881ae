// Files that come in, however a person brings them: chosen, photographed, pasted or dropped.

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
