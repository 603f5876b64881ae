"""Images as points in a plane: t-SNE."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from openTSNE import TSNE
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from digitrec.pipeline.progress import progress_bar

# As van der Maaten (2014, jmlr.org/papers/v15/vandermaaten14a.html) did with MNIST.
COMPONENTS, PERPLEXITY = 50, 30
# openTSNE's own numbers: with attraction exaggerated, then without.
EXAGGERATED_ITERATIONS, ITERATIONS = 250, 500
REPORT_EVERY = 25


def embed(images: np.ndarray, seed: int) -> np.ndarray:
    """Give images places in the plane, so that similar ones lie together.

    Principal components, then t-SNE (van der Maaten and Hinton 2008, jmlr.org/papers/v9/vandermaaten08a.html) as
    openTSNE computes it (Policar et al. 2024, doi 10.18637/jss.v109.i03): approximate neighbours, start along the
    first two components, from 10,000 images on forces by interpolation.

    Parameters
    ----------
    images : array
        uint8 of shape (n, height, width, channels), n >= 2.
    seed : int

    Returns
    -------
    array
        float64 of shape (n, 2); the same place for all where no two images differ.
    """
    n = len(images)
    if (images == images[:1]).all():
        return np.zeros((n, 2))
    pixels = images.reshape(n, -1) / np.float32(255)
    bar = progress_bar(EXAGGERATED_ITERATIONS + ITERATIONS, f"t-SNE of {n:,} images", unit="step")

    def report(iteration: int, divergence: float, embedding: np.ndarray) -> None:
        bar.set_postfix_str(f"divergence {divergence:.3f}", refresh=False)
        bar.update(REPORT_EVERY)

    tsne = TSNE(
        perplexity=min(PERPLEXITY, (n - 1) / 3),
        early_exaggeration_iter=EXAGGERATED_ITERATIONS,
        n_iter=ITERATIONS,
        # The neighbours that are found depend on the number of threads, and with them every place; so does the last
        # digit of the components.
        n_jobs=1,
        random_state=seed,
        callbacks=[report],
        callbacks_every_iters=REPORT_EVERY,
    )
    with bar, threadpool_limits(1, user_api="blas"):
        components = PCA(min(COMPONENTS, *pixels.shape), random_state=seed).fit_transform(pixels)
        # Images of one value have a single component, and places have two.
        return np.array(tsne.fit(np.pad(components, ((0, 0), (0, max(0, 2 - components.shape[1]))))))


def embedding_rows(points: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Make a row for each image: x, y and label, its class's name.

    Parameters
    ----------
    points, labels : array
        Floats of shape (n, 2) and integers of shape (n,).
    classes : sequence of str
        Names.
    """
    return [
        {"x": round(float(x), 4), "y": round(float(y), 4), "label": classes[label]}
        for (x, y), label in zip(points, labels, strict=True)
    ]
