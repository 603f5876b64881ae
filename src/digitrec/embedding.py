"""Images as points in a plane: t-SNE."""

import numpy as np
from matplotlib.figure import Figure
from openTSNE import TSNE
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from digitrec.progress import progress_bar

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
        uint8 of shape (n, 28, 28), n >= 10.
    seed : int

    Returns
    -------
    array
        float64 of shape (n, 2).
    """
    n = len(images)
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
        components = PCA(min(COMPONENTS, n), random_state=seed).fit_transform(pixels)
        return np.array(tsne.fit(components))


def embedding_figure(points: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw embedded images as dots coloured by label, each label written where its dots are densest.

    Parameters
    ----------
    points : array
        Floats of shape (n, 2).
    labels : array
        Integers of shape (n,), from 0 to 9.
    """
    figure = Figure(figsize=(7, 6.6), layout="constrained")
    axes = figure.subplots()
    # Together about the same ink, however many.
    size = float(np.clip(20_000 / len(points), 1, 14))
    # Without smoothed edges: with them, the PNG of 50,000 dots is six times as large.
    look = {"cmap": "tab10", "vmin": -0.5, "vmax": 9.5, "s": size, "linewidths": 0, "antialiased": False}
    dots = axes.scatter(*points.T, c=labels, **look)
    for label in np.unique(labels):
        own = points[labels == label]
        # The centre of the smallest circle that holds a third of the class:
        # the median of a class in two parts would lie between them.
        candidates = own[:: 1 + len(own) // 500]
        radii = np.partition(cdist(candidates, own), len(own) // 3, axis=1)[:, len(own) // 3]
        place = candidates[radii.argmin()]
        box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": dots.to_rgba(label), "linewidth": 2}
        axes.text(*place, str(label), ha="center", va="center", weight="bold", bbox=box)
    axes.set(xticks=[], yticks=[], title=f"t-SNE of {len(points):,} training images, coloured by label")
    axes.set_aspect("equal")
    return figure
