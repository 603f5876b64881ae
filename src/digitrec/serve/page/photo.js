// A picture file, made smaller where the service would not take it, and what the page shows of it.

const MAX_BYTES = 5_000_000; // the service's limits
const MAX_PIXELS = 70_000_000;
const SENT_SIDE = 2400; // the longer side of what was made smaller
const SHOWN_SIDE = 1200;

// Gives {file, bitmap, width, height}: what to send, what to show (null where the browser cannot), and the size of what
// is sent, in which the service says where it found something.
export async function fit(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    // The service may know a format that the browser does not show.
    return { file, bitmap: null };
  }
  let { width, height } = bitmap;
  if (file.size > MAX_BYTES || width * height > MAX_PIXELS) {
    ({ file, width, height } = await smaller(bitmap, file));
  }
  const shown = await createImageBitmap(drawn(bitmap, SHOWN_SIDE));
  bitmap.close();
  return { file, bitmap: shown, width, height };
}

// Says why a file cannot be sent, where that is so.
export function tooLarge(file, name) {
  if (file.size <= MAX_BYTES) return "";
  return `${name} has more than 5 MB and cannot be made smaller by this browser: save it as a JPEG`;
}

async function smaller(bitmap, file) {
  // JPEG has no transparency, which other files may have; a browser that writes no WebP writes PNG in its place.
  const type = /jpe?g|hei[cf]/.test(file.type) ? "image/jpeg" : "image/webp";
  for (let side = SENT_SIDE; ; side /= 2) {
    const canvas = drawn(bitmap, side);
    const content = await new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
    if (content.size <= MAX_BYTES) return { file: content, width: canvas.width, height: canvas.height };
  }
}

function drawn(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(bitmap.width * scale);
  canvas.height = Math.ceil(bitmap.height * scale);
  const context = canvas.getContext("2d");
  // Thin lines stay.
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
