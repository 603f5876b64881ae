"""Pixels of more than 8 bits brought to 8, whatever part of their range a camera or scanner has used."""

import cv2
import numpy as np

# Bits a sample that cameras and scanners give in files of 16 or more; one less where there is a sign.
DEPTHS = (8, 10, 12, 14, 15, 16, 24, 31, 32)
# What programs write for "no value".
NO_VALUE = 1e30
# Samples that are enough to tell the range of all.
SAMPLE = 100_000
# The range is at least so many times the noise's standard deviation, of which 6 of 255 levels are then left at most; of
# what lies within 8 times that there is nothing but noise, and less than a level is left. Not of images as small as
# what networks take, where strokes are as thin as noise.
LEAST_RANGE, NOTHING_BUT_NOISE, NO_LEVEL = 40, 8, 1000
SMALL = 28


def eight_bits(values: np.ndarray, may_be_blank: bool) -> np.ndarray:
    """Bring numbers of any kind to 8 bits: black is 0, white what so many bits can hold.

    White is told by all samples but one in a thousand, for one that is off is no reason to make all others dark.

    Parameters
    ----------
    values : array
        Of shape (height, width) or (height, width, channels), whole numbers or not.
    may_be_blank : bool
        Whether what is nothing but noise is to stay faint, as it is where white is known.

    Returns
    -------
    array
        uint8 of the same shape.
    """
    values = values.astype(np.float32)
    # Not a number is neither.
    no_value = ~((values >= -NO_VALUE) & (values <= NO_VALUE))
    # An odd step meets all channels.
    step = max(1, values.size // SAMPLE) | 1
    known = values.ravel()[::step][~no_value.ravel()[::step]]
    if not known.size:
        return np.zeros(values.shape, np.uint8)
    low, middle, high = np.percentile(known, [0.1, 50, 99.9])
    black, white = _range(float(low), float(high))
    values[no_value] = middle
    if may_be_blank:
        noise = _noise_of(values[..., 0] if values.ndim == 3 else values)
        is_blank = high - low < NOTHING_BUT_NOISE * noise and min(values.shape[:2]) > SMALL
        white = max(white, black + (NO_LEVEL if is_blank else LEAST_RANGE) * noise)
    # What is off and alone is no ink.
    off = (values < black) | (values > white)
    values[off & _alone(off)] = middle
    # In place, for there may be a hundred million of them.
    values -= black
    values *= 255 / max(white - black, 1e-12)
    return np.rint(np.clip(values, 0, 255, out=values), out=values).astype(np.uint8)


def _range(low: float, high: float) -> tuple[float, float]:
    """Give the numbers that black and white have, by the least and the greatest that are not off."""
    # Sharpening leaves a little below black.
    if low >= -0.1 * abs(high):
        # Two levels, or numbers from 0 to 1.
        return 0.0, 1.0 if high <= 2 else next((2.0**bits - 1 for bits in DEPTHS if high < 2.0**bits), high)
    most = max(-low, high)
    if most <= 2:
        return -1.0, 1.0
    # Whole numbers with a sign; others, in units of their standard deviation perhaps, are taken as they are.
    half = next((2.0 ** (bits - 1) for bits in DEPTHS if most <= 2.0 ** (bits - 1)), most)
    return (-half, half - 1) if half > 2**7 else (low, high)


def _noise_of(values: np.ndarray) -> float:
    """Give the standard deviation of noise, by how far pixels are from the middle one of those around them.

    Edges of strokes are not; of noise, four pixels in five are less than 1.36 standard deviations off, also where the
    darker half of it is cut off.
    """
    part = values[: max(9, 4 * SAMPLE // values.shape[1])] if values.size > 4 * SAMPLE else values
    return float(np.percentile(abs(part - cv2.medianBlur(np.ascontiguousarray(part), 3)), 80)) / 1.36


def _alone(mask: np.ndarray) -> np.ndarray:
    """Tell which pixels have at most one other of the mask beside them."""
    count = cv2.boxFilter(mask.astype(np.uint8), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return count.reshape(mask.shape) <= 2
