"""The fifteen corruptions of MNIST-C (Mu and Gilmer, arXiv 1906.02337), for images of any size and colour.

Kinds and severities are those of https://github.com/google-research/mnist-c, as its `corruptions.py` sets them for the
data set. Random numbers are drawn otherwise, so images are alike, not the same. Lengths are given for MNIST's 28
pixels and grow with the shorter side. Noise is drawn for each channel, everything else is the same in all channels.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter
from skimage.feature import canny

from digitrec.pipeline.seeding import derive_seed

# The side of the images that all lengths here are given for.
SIDE = 28
# Values that are corrupted at a time, so that memory does not grow with the images: as many as MNIST's test set has.
AT_A_TIME = 10_000 * SIDE * SIDE


def shot_noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Count photons, three for a white pixel."""
    return rng.poisson(3 * pixels) / 3


def impulse_noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make 17 % of the pixels black or white, as likely the one as the other."""
    drawn = rng.random(pixels.shape, np.float32)
    return np.where(drawn < 0.17, drawn < 0.085, pixels)


def glass_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur a little, twice swap pixels with neighbours above and left, blur again."""
    size, reach = _size(pixels), _whole(pixels, 1)
    blurred = _blur(pixels, 0.7 * size)
    images = np.arange(len(pixels))
    for _ in range(2):
        for row in range(pixels.shape[1] - 1, reach, -1):
            for column in range(pixels.shape[2] - 1, reach, -1):
                # Half of the images keep this pixel, the others take one of those that end here.
                swapped = images[rng.random(len(images)) < 0.5]
                up, left = rng.integers(0, reach + 1, (2, len(swapped)))
                here, there = (swapped, row, column), (swapped, row - up, column - left)
                blurred[here], blurred[there] = blurred[there], blurred[here]
    return _blur(blurred, 0.7 * size)


def motion_blur(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smear along a line at -45 to 45 degrees: weights of half a Gaussian with a deviation of 3 pixels, cut at 10."""
    rows, columns = _grid(pixels)
    angle = np.deg2rad(rng.uniform(-45, 45, len(pixels)))
    weights = np.exp(-(np.arange(_whole(pixels, 10) + 1) ** 2) / (2 * (3 * _size(pixels)) ** 2))
    images, smeared = np.arange(len(pixels))[:, None, None], np.zeros_like(pixels)
    for distance, weight in enumerate(weights / weights.sum()):
        down = np.rint(distance * np.sin(angle)).astype(int)[:, None, None]
        right = np.rint(distance * np.cos(angle)).astype(int)[:, None, None]
        there = (rows + down).clip(0, rows.max()), (columns + right).clip(0, columns.max())
        smeared += np.float32(weight) * pixels[images, *there]
    return smeared


def shear(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Slant by 0.4 radians, to the left or to the right, which makes what is shown a little taller too."""
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
    rows, columns = _grid(pixels)
    far = _whole(pixels, 3)
    down, right = far * rng.choice([-1, 1], (2, len(pixels)))[..., None, None]
    padded = np.pad(pixels, ((0, 0), (far, far), (far, far), (0, 0)))
    return padded[np.arange(len(pixels))[:, None, None], rows + far - down, columns + far - right]


def stripe(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Invert the left and the right quarter."""
    _, columns = _grid(pixels)
    width = pixels.shape[2]
    outer = (columns < width // 4) | (columns >= width - width // 4)
    return np.where(outer[..., None], 1 - pixels, pixels)


def fog(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay a cloud three times as bright as white over the image, then bring it back to its brightness."""
    _, height, width, _ = pixels.shape
    # A cloud of 4 x 4 cells serves 16 images, each with a window of its own: for MNIST of 256 x 256 pixels.
    cell = 2 ** (max(height, width) - 1).bit_length() * 2
    clouds = _clouds(-(-len(pixels) // 16), 4 * cell, 1.4, rng)
    windows = clouds.reshape(-1, 4, cell, 4, cell).swapaxes(2, 3).reshape(-1, cell, cell)
    windows = windows[: len(pixels), :height, :width, None]
    brightest = pixels.max((1, 2, 3), keepdims=True)
    return (pixels + 3 * windows) * brightest / (brightest + 3)


def spatter(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover the image with drops of mud, a quarter as bright as white."""
    size = _size(pixels)
    liquid = _blur(rng.normal(0.65, 0.3, (*pixels.shape[:3], 1)).astype(np.float32), size)
    drops = _blur((liquid > 0.65).astype(np.float32), 1.5 * size)
    drops[drops < 0.8] = 0
    return pixels * (1 - drops) + 63 / 255 * drops


def dotted_line(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a line from the left to the right border, two pixels on, two off."""
    left, right = rng.integers(0, SIDE - 1, (2, len(pixels)))
    lines = _lines(pixels, 0, left, SIDE - 1, right)
    _, columns = _grid(pixels)
    lines[:, :, columns[0] // _whole(pixels, 2) % 2 == 0] = 0
    return pixels + lines


def zigzag(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a zigzag line, with points 2 pixels above and below its middle and 4 apart, from border to border."""
    margin = 2
    start = rng.integers(0, SIDE - 1, len(pixels))
    end = start + rng.integers(-5, 5, len(pixels))
    across_image = SIDE - 2 * margin - 1
    angle = np.arctan((end - start) / across_image)
    length = across_image / np.cos(angle)
    along = [np.zeros_like(length), *(np.full_like(length, 2 + 4 * k) for k in range(6)), length]
    across = [0, *(2 * (-1) ** k for k in range(6)), 0]
    x = [margin + a * np.cos(angle) - b * np.sin(angle) for a, b in zip(along, across, strict=True)]
    y = [start + a * np.sin(angle) + b * np.cos(angle) for a, b in zip(along, across, strict=True)]
    drawn = pixels.copy()
    for k in range(len(x) - 1):
        drawn += _lines(pixels, x[k], y[k], x[k + 1], y[k + 1])
    return drawn


def canny_edges(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave the edges that Canny's detector finds in the mean of the channels."""
    size = _size(pixels)
    # The wider an edge is blurred the less steep it is.
    edges = [canny(image, size, 0.1 / size, 0.2 / size) for image in pixels.mean(3)]
    return np.broadcast_to(np.stack(edges)[..., None], pixels.shape)


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
        uint8 of shape (n, height, width, channels), 255 = ink or white.
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
    corrupted = np.empty(images.shape, np.uint8)
    step = max(1, AT_A_TIME // images[0].size)
    for start in range(0, len(images), step):
        pixels = CORRUPTIONS[name](images[start : start + step] / np.float32(255), rng)
        corrupted[start : start + step] = np.rint(255 * np.clip(pixels, 0, 1))
    return corrupted


def _size(pixels: np.ndarray) -> float:
    """How many times as large as MNIST's the images are."""
    return min(pixels.shape[1:3]) / SIDE


def _whole(pixels: np.ndarray, length: int) -> int:
    """Bring a length to the images' size, in whole pixels, at least one."""
    return max(1, round(length * _size(pixels)))


def _grid(pixels: np.ndarray) -> np.ndarray:
    """Rows and columns of all pixels: integers of shape (2, height, width)."""
    return np.indices(pixels.shape[1:3])


def _blur(pixels: np.ndarray, deviation: float) -> np.ndarray:
    return gaussian_filter(pixels, deviation, mode="nearest", axes=(1, 2))


def _warp(pixels: np.ndarray, matrices: list) -> np.ndarray:
    """Take each image's pixel (row, column), counted from the centre, from where its matrix maps it to."""
    centre = (np.array(pixels.shape[1:3]) - 1) / 2
    warped = np.empty_like(pixels)
    for number, matrix in enumerate(matrices):
        offset = centre - np.asarray(matrix) @ centre
        for channel in range(pixels.shape[3]):
            image = pixels[number, :, :, channel]
            warped[number, :, :, channel] = affine_transform(image, matrix, offset, order=1, mode="grid-constant")
    return warped


def _lines(
    pixels: np.ndarray, x0: np.ndarray | int, y0: np.ndarray, x1: np.ndarray | int, y1: np.ndarray
) -> np.ndarray:
    """Draw a line for each image, from and to places on MNIST's grid: 1 in its middle, 0 from 1.5 pixels on.

    Returns
    -------
    array
        float32 of shape (n, height, width, 1).
    """
    rows, columns = _grid(pixels)
    height, width = rows.shape
    # A line has a length also across a single column.
    wider, higher = max(1, width - 1) / (SIDE - 1), (height - 1) / (SIDE - 1)
    left, start, right, end = (
        np.asarray(place * scaled, np.float32).reshape(-1, 1, 1)
        for place, scaled in ((x0, wider), (y0, higher), (x1, wider), (y1, higher))
    )
    # In small images too, a line is as thick as a pixel.
    thickness = max(0.5, _size(pixels))
    distance = np.abs(rows - start - (end - start) / (right - left) * (columns - left)) / thickness
    strength = np.maximum(1 + np.log1p(-np.minimum(distance, 2.2) / 2.3), 0)
    drawn = np.where((np.floor(left) <= columns) & (np.ceil(right) > columns), strength, 0)
    return drawn.astype(np.float32)[..., None]


def _clouds(n: int, side: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Make plasma fractals of shape (n, side, side) from 0 to 1 by the diamond-square algorithm; edges wrap around.

    `side` is a power of two. From one level to the next what is added at random falls by the square of `decay`.
    """
    clouds = np.zeros((n, side, side), np.float32)
    step, amount = side, 1.0
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
