"""The fifteen corruptions of MNIST-C (Mu and Gilmer, arXiv 1906.02337).

Kinds and severities are those of https://github.com/google-research/mnist-c, as its `corruptions.py` sets them for the
data set. Random numbers are drawn otherwise, so images are alike, not the same.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter
from skimage.feature import canny

from digitrec.seeding import derive_seed

# Where the middle of an image lies, counted in pixels from the middle of its first one.
CENTRE = 13.5
ROWS, COLUMNS = np.mgrid[:28, :28]


def shot_noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Count photons, three for a white pixel."""
    return rng.poisson(3 * pixels) / 3


def impulse_noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make 17 % of the pixels black or white, as likely the one as the other."""
    drawn = rng.random(pixels.shape, np.float32)
    return np.where(drawn < 0.17, drawn < 0.085, pixels)


def glass_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur a little, twice swap pixels with neighbours above and left, blur again."""
    blurred = _blur(pixels, 0.7)
    images = np.arange(len(pixels))
    for _ in range(2):
        for row in range(27, 1, -1):
            for column in range(27, 1, -1):
                # Half of the images keep this pixel, the others take one of the four that end here.
                swapped = images[rng.random(len(images)) < 0.5]
                up, left = rng.integers(0, 2, (2, len(swapped)))
                here, there = (swapped, row, column), (swapped, row - up, column - left)
                blurred[here], blurred[there] = blurred[there], blurred[here]
    return _blur(blurred, 0.7)


def motion_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smear along a line at -45 to 45 degrees: weights of half a Gaussian with a deviation of 3 pixels, cut at 10."""
    angle = np.deg2rad(rng.uniform(-45, 45, len(pixels)))
    weights = np.exp(-(np.arange(11) ** 2) / (2 * 3**2))
    images, smeared = np.arange(len(pixels))[:, None, None], np.zeros_like(pixels)
    for distance, weight in enumerate(weights / weights.sum()):
        down = np.rint(distance * np.sin(angle)).astype(int)[:, None, None]
        right = np.rint(distance * np.cos(angle)).astype(int)[:, None, None]
        smeared += np.float32(weight) * pixels[images, (ROWS + down).clip(0, 27), (COLUMNS + right).clip(0, 27)]
    return smeared


def shear(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slant by 0.4 radians, to the left or to the right, which makes the digit a little taller too."""
    slant = rng.choice([-0.4, 0.4], len(pixels))
    return _warp(pixels, [[[np.cos(angle), 0], [-np.sin(angle), 1]] for angle in slant])


def scale(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrink to 70 % of width and height."""
    return _warp(pixels, [np.eye(2) / 0.7] * len(pixels))


def rotate(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn by 0.4 radians (23 degrees), to the left or to the right."""
    turn = rng.choice([-0.4, 0.4], len(pixels))
    return _warp(pixels, [[[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] for angle in turn])


def brightness(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add half of the range to every pixel."""
    return pixels + 0.5


def translate(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift by three pixels along both axes, each forwards or backwards."""
    down, right = 3 * rng.choice([-1, 1], (2, len(pixels)))[..., None, None]
    padded = np.pad(pixels, ((0, 0), (3, 3), (3, 3)))
    return padded[np.arange(len(pixels))[:, None, None], ROWS + 3 - down, COLUMNS + 3 - right]


def stripe(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Invert the left and the right quarter."""
    return np.where((COLUMNS < 7) | (COLUMNS >= 21), 1 - pixels, pixels)


def fog(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay a cloud three times as bright as white over the image, then bring it back to its brightness."""
    # A cloud of 256 x 256 pixels serves 16 images, each with a window of its own.
    clouds = _clouds(-(-len(pixels) // 16), 1.4, rng)
    windows = clouds.reshape(-1, 4, 64, 4, 64).swapaxes(2, 3).reshape(-1, 64, 64)[: len(pixels), :28, :28]
    brightest = pixels.max((1, 2), keepdims=True)
    return (pixels + 3 * windows) * brightest / (brightest + 3)


def spatter(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover the image with drops of mud, a quarter as bright as white."""
    liquid = _blur(rng.normal(0.65, 0.3, pixels.shape).astype(np.float32), 1)
    drops = _blur((liquid > 0.65).astype(np.float32), 1.5)
    drops[drops < 0.8] = 0
    return pixels * (1 - drops) + 63 / 255 * drops


def dotted_line(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a line from the left to the right border, two pixels on, two off."""
    left, right = rng.integers(0, 27, (2, len(pixels)))
    lines = _lines(0, left, 27, right)
    lines[:, :, COLUMNS[0] // 2 % 2 == 0] = 0
    return pixels + lines


def zigzag(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a zigzag line, with points 2 pixels above and below its middle and 4 apart, from border to border."""
    start = rng.integers(0, 27, len(pixels))
    end = start + rng.integers(-5, 5, len(pixels))
    angle = np.arctan((end - start) / 23)
    length = 23 / np.cos(angle)
    along = [np.zeros_like(length), *(np.full_like(length, 2 + 4 * k) for k in range(6)), length]
    across = [0, *(2 * (-1) ** k for k in range(6)), 0]
    x = [2 + a * np.cos(angle) - b * np.sin(angle) for a, b in zip(along, across, strict=True)]
    y = [start + a * np.sin(angle) + b * np.cos(angle) for a, b in zip(along, across, strict=True)]
    drawn = pixels.copy()
    for k in range(len(x) - 1):
        drawn += _lines(x[k], y[k], x[k + 1], y[k + 1])
    return drawn


def canny_edges(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave the edges that Canny's detector finds."""
    return np.stack([canny(image) for image in pixels])


# In the paper's order.
CORRUPTIONS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    function.__name__: function
    for function in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}


def corrupt(images: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Corrupt every image.

    Parameters
    ----------
    images : array
        uint8 of shape (n, 28, 28), 255 = ink.
    name : str
        A key of `CORRUPTIONS`.
    seed : int
        Of all that is drawn at random.

    Returns
    -------
    array
        uint8 of the same shape; what leaves the range of pixels is cut off there.
    """
    rng = np.random.default_rng(derive_seed(seed, "corruption", name))
    pixels = CORRUPTIONS[name](images / np.float32(255), rng)
    return np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def _blur(pixels: np.ndarray, deviation: float) -> np.ndarray:
    return gaussian_filter(pixels, deviation, mode="nearest", axes=(1, 2))


def _warp(pixels: np.ndarray, matrices: list) -> np.ndarray:
    """Take each image's pixel (row, column), counted from the centre, from where its matrix maps it to."""
    centre = np.full(2, CENTRE)
    return np.stack(
        [
            affine_transform(image, matrix, centre - np.asarray(matrix) @ centre, order=1, mode="grid-constant")
            for image, matrix in zip(pixels, matrices, strict=True)
        ]
    )


def _lines(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
    """Draw a line for each image: 1 in its middle, 0 from 1.5 pixels above and below on."""
    x0, y0, x1, y1 = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (x0, y0, x1, y1))
    distance = np.abs(ROWS - y0 - (y1 - y0) / (x1 - x0) * (COLUMNS - x0))
    strength = np.maximum(1 + np.log1p(-np.minimum(distance, 2.2) / 2.3), 0)
    return np.where((np.floor(x0) <= COLUMNS) & (np.ceil(x1) > COLUMNS), strength, 0).astype(np.float32)


def _clouds(n: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Make plasma fractals of shape (n, 256, 256) from 0 to 1 by the diamond-square algorithm; edges wrap around.

    From one level to the next what is added at random falls by the square of `decay`.
    """
    clouds = np.zeros((n, 256, 256), np.float32)
    step, amount = 256, 1.0
    while step > 1:
        half = step // 2
        corners = clouds[:, ::step, ::step]
        above = corners + np.roll(corners, -1, 2)
        beside = corners + np.roll(corners, -1, 1)
        centres = (above + np.roll(above, -1, 1)) / 4 + _noise(corners.shape, amount, rng)
        clouds[:, half::step, half::step] = centres
        above_centre = (above + centres + np.roll(centres, 1, 1)) / 4
        beside_centre = (beside + centres + np.roll(centres, 1, 2)) / 4
        clouds[:, ::step, half::step] = above_centre + _noise(corners.shape, amount, rng)
        clouds[:, half::step, ::step] = beside_centre + _noise(corners.shape, amount, rng)
        step, amount = half, amount / decay**2
    low, high = (function(clouds, (1, 2), keepdims=True) for function in (np.min, np.max))
    return (clouds - low) / (high - low)


def _noise(shape: tuple[int, ...], amount: float, rng: np.random.Generator) -> np.ndarray:
    return np.float32(amount) * (2 * rng.random(shape, np.float32) - 1)
