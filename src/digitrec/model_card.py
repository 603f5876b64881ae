"""What a person should know before using the exported network."""

from collections.abc import Mapping
from typing import Any


def model_card(description: Mapping[str, Any], calibration: Mapping[str, Any], n_parameters: int, n_bytes: int) -> str:
    """Write the card.

    Parameters
    ----------
    description : mapping
        As stage `export` writes it to `model.json`.
    calibration : mapping
        As stage `calibrate` writes it to `metrics/calibrate.json`.
    n_parameters, n_bytes : int
        Of the network and its file.

    Returns
    -------
    str
        Markdown.
    """
    low, high = (100 * bound for bound in description["accuracy_ci95"])
    after, answered = calibration["after"], calibration["answered"]
    sure = f"{100 * answered['coverage']:.2f} % of the test images are answered"
    if answered["answered"]:
        sure += f", {100 * answered['accuracy']:.2f} % of them right ({answered['errors']} errors)"
    recipe = ", ".join(f"{key} {value}" for key, value in description["recipe"].items())
    return f"""\
# {description["model"]} on {description["dataset"]}

A network that reads single handwritten digits, by digitrec. `model.onnx` takes `images`, uint8 of shape (n, 28, 28)
for any n, 0 for paper and 255 for ink, the digit fitted into the middle 20x20 pixels as in MNIST; it gives
`probabilities`, float32 of shape (n, {description["classes"]}). Normalization, temperature and softmax are inside.
`model.json` beside it holds every setting, and the SHA-256 of the file.

```python
import numpy, onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
(probabilities,) = session.run(None, {{"images": numpy.zeros((1, 28, 28), "uint8")}})
```

## Training

{n_parameters:,} parameters ({n_bytes:,} bytes), {description["max_epochs"]} epochs of batches of
{description["batch_size"]} with {description["optimizer"]}, learning rate {description["lr"]}, seed
{description["seed"]}. Recipe: {recipe}.

## Results

* {100 * description["accuracy"]:.2f} % of {description["n"]:,} test images are right (95 % interval {low:.2f} to
  {high:.2f}; {description["errors"]} errors). Nothing was chosen by them.
* Calibrated with temperature {description["temperature"]:.3f}, fitted on {calibration["n_valid"]:,} validation images:
  expected calibration error {100 * after["ece"]:.2f} %, negative log-likelihood {after["negative_log_likelihood"]:.4f},
  Brier score {after["brier"]:.4f} on the test images.
* With `unsure` below a probability of {description["threshold"]:.4f}, {sure}.

## Limits

* One digit an image, upright, centred and scaled as in MNIST: `digitrec predict` prepares other images so.
* Whatever is not a digit gets an answer all the same; its probability means nothing.
* The images are of people in the United States around 1990; sevens with a bar and ones with a long upstroke are rare
  among them.

## Licence

MIT, as digitrec. MNIST is by Yann LeCun, Corinna Cortes and Christopher J. C. Burges.
"""
