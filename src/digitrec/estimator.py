"""The networks as an estimator of scikit-learn: for `cross_val_score`, `GridSearchCV`, pipelines of one's own."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from digitrec.config.section import check_values, did_you_mean, one_of
from digitrec.config.yaml import read_yaml, show
from digitrec.data.statistics import pixel_statistics
from digitrec.errors import DigitrecError, ParamsError
from digitrec.evaluation.inference import predict_probabilities
from digitrec.pipeline.environment import device_from_environment
from digitrec.spec import Hyperparameters, ImageSpec, Recipe, Seed, TrainingSpec
from digitrec.training.classifier import build_classifier
from digitrec.training.fit import check_batches
from digitrec.training.hardening import hardening_callbacks

# The project's own, a link to it, which a wheel brings along.
OWN_PARAMS = Path(__file__).parent / "config/params.yaml"
# What pixels usually reach: shares, scikit-learn's own digits, bytes.
WHITES = (1, 16, 255)


class InputError(DigitrecError, ValueError):
    """Images or labels that cannot be learned from or answered: a ValueError, as scikit-learn expects."""


class SettingsError(ParamsError, ValueError):
    """Parameters of the estimator that cannot be: a ValueError, as scikit-learn expects."""

    def __init__(self, mistakes: list[str]):
        super().__init__(mistakes, "DigitClassifier")

    def __reduce__(self) -> tuple:
        # It may be raised in a worker process.
        return type(self), (self.mistakes,)


class _Settings(Hyperparameters):
    model: Annotated[str, one_of("models")]
    recipe: Recipe = Field(description="a mapping of a recipe's keys, or the name of one")
    random_state: Seed = Field(description="a whole number from 0 to 4294967295, a RandomState, or None")


class DigitClassifier(ClassifierMixin, BaseEstimator):
    """A network of the project as a scikit-learn classifier of images, of digits or of anything else.

    Images are uint8 of shape (n, height, width) or (n, height, width, channels), channels being 1 or 3 and 255 white,
    or rows of pixels, of shape (n, height * width * channels). Other numbers are taken too, from 0, which is black, to
    `white`; they are brought to whole numbers from 0 to 255. Each channel is normalized by mean and standard deviation
    of the training images. All images that `fit` is given are trained on: of the recipe, `valid_fraction` is not used.

    Parameters
    ----------
    model : str
        The network: the name of a file in `digitrec/models`. Most need images of 20 x 20 pixels, `shah` 4 x 4, `mlp`
        and `resnet18` none.
    recipe : str or mapping
        How it is trained: the name of a recipe in the project's `params.yaml`, or the keys of one; `{}` is training
        without augmentation, at a constant learning rate.
    lr : float
        Learning rate; under a one-cycle schedule its peak.
    max_epochs : int
        Passes over the training images.
    batch_size : int
        Images a step.
    optimizer : {"adam", "rmsprop", "sgd"}
    architecture : mapping, optional
        Arguments of the network's `build`, such as ``{"width": 8}`` for `fast`.
    image_shape : tuple of int, optional
        What a row of pixels is: (height, width) or (height, width, channels), one of which may be -1 and is then found
        out. By default rows are square grey images.
    white : float, optional
        The number that is white. By default 255 for uint8, and of other numbers the least of 1, 16 (scikit-learn's own
        digits) and 255 that no training image exceeds.
    device : str, optional
        `cpu`, `cuda`, `cuda:1`; by default as `DIGITREC_DEVICE` says, and where it says nothing a GPU if there is one.
    random_state : int, RandomState instance or None
        Of weights, batches, dropout and augmentation. The same whole number gives the same network on the same
        machine. `fit` sets torch's global seed.
    verbose : int
        1 prints a line for each epoch, 0 nothing.

    Attributes
    ----------
    classes_ : array
        Labels, sorted, of shape (n_classes,).
    n_features_in_ : int
        Numbers in an image: height * width * channels.
    feature_names_in_ : array
        Names of the columns, where `fit` was given a data frame that has them.
    image_ : ImageSpec
        Size and colours of the images.
    white_ : float
        The number that is white.
    training_ : TrainingSpec
        All that the network depends on but the images.
    network_ : Network
        From float32 pixels of shape (n, channels, height, width), from 0 to 1, to logits of shape (n, n_classes). It
        is pickled for the CPU.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from digitrec import DigitClassifier
    >>> X, y = load_digits(return_X_y=True)  # 1,797 rows of 64 pixels, from 0 to 16
    >>> classifier = DigitClassifier(max_epochs=5).fit(X[:1000], y[:1000])
    >>> classifier.image_.shape, classifier.white_
    ((8, 8, 1), 16)
    >>> classifier.predict_proba(X[1000:]).shape
    (797, 10)
    >>> bool(classifier.score(X[1000:], y[1000:]) > 0.8)
    True
    """

    def __init__(
        self,
        model: str = "shah",
        *,
        recipe: str | Mapping[str, Any] = "modern",
        lr: float = 0.003,
        max_epochs: int = 20,
        batch_size: int = 32,
        optimizer: str = "adam",
        architecture: Mapping[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        white: float | None = None,
        device: str | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ):
        self.model = model
        self.recipe = recipe
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.architecture = architecture
        self.image_shape = image_shape
        self.white = white
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "DigitClassifier":
        """Train the network from the start.

        Parameters
        ----------
        X : array
            Images; see above.
        y : array
            Labels of any kind, of shape (n,).

        Raises
        ------
        SettingsError
            When parameters are not what they should be, or do not go with these images.
        InputError
            When images or labels cannot be learned from. What scikit-learn finds is its own ValueError or TypeError.
        TrainingDiverged
            When the loss becomes NaN or infinite.
        """
        settings = self._settings()
        rows, shape = _as_rows(X)
        rows, y = validate_data(self, rows, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y: got only one class, {self.classes_[0]!r}, expected two or more")
        height, width, channels = shape or _shape_of_rows(rows.shape[1], self.image_shape)
        # Nothing is prepared here: images are as they are.
        self.image_ = ImageSpec(
            height=height,
            width=width,
            channels=1 if channels == 1 else 3,
            classes=tuple(map(str, self.classes_)),
            preparation="resize",
        )
        self.white_ = _white(rows) if self.white is None else self.white
        images = self._pixels(rows)
        try:
            self.training_ = self._training(settings, images)
            check_batches(self.training_, self.image_)
            classifier = build_classifier(
                self.training_,
                self.image_,
                images=images,
                train_labels=labels,
                device=_device(self.device),
                callbacks=hardening_callbacks(self.training_.recipe),
                verbose=self.verbose,
            )
            classifier.fit(np.arange(len(images)), labels)
        except ParamsError as error:
            found = f"search.architectures.{self.model}: "
            raise SettingsError([each.replace(found, "architecture: ") for each in error.mistakes]) from error
        self.network_ = classifier.module_.eval()
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class, in the order of `classes_`: float32 of shape (n, n_classes).

        Raises
        ------
        InputError
            When the images are not like those of the training.
        """
        check_is_fitted(self)
        rows, shape = _as_rows(X)
        rows = validate_data(self, rows, reset=False)
        if shape and shape != self.image_.shape:
            raise InputError(f"X: got images of shape {shape}, expected {self.image_.shape}, as they were in `fit`")
        return predict_probabilities(self.network_, self._pixels(rows))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label of each image, of shape (n,); see `predict_proba`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "network_" in state:
            state = state | {"network_": copy.deepcopy(state["network_"]).cpu()}
        return state

    def _settings(self) -> _Settings:
        """Check all parameters but those of the images."""
        recipes = read_yaml(OWN_PARAMS)["recipes"]
        values = {
            "model": self.model,
            "recipe": recipes.get(self.recipe) if isinstance(self.recipe, str) else self.recipe,
            "lr": self.lr,
            "max_epochs": self.max_epochs,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer,
            "architecture": self.architecture or {},
            "random_state": _seed(self.random_state),
        }
        # Of a search's grid, numbers may be numpy's.
        values = {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}
        settings, mistakes = check_values(_Settings, values)
        if isinstance(self.recipe, str) and self.recipe not in recipes:
            names = sorted(recipes)
            told = f"recipe: got {show(self.recipe)}, expected a mapping or one of {', '.join(names)}"
            mistakes = [each for each in mistakes if not each.startswith("recipe: ")]
            mistakes.append(told + did_you_mean(self.recipe, names))
        white = self.white
        if white is not None and not (isinstance(white, int | float | np.number) and 0 < white < math.inf):
            mistakes.append(f"white: got {show(white)}, expected a number > 0, or None")
        if settings is None or mistakes:
            raise SettingsError(mistakes)
        return settings

    def _training(self, settings: _Settings, images: np.ndarray) -> TrainingSpec:
        # Flags are as wide as MNIST's strokes, and light on black; the pipeline refuses them elsewhere too.
        if settings.recipe.flagged_ones and (self.image_.shape, self.image_.classes[1]) != ((28, 28, 1), "1"):
            raise SettingsError(
                [
                    f"recipe: got {show(self.recipe)}, whose flagged_ones draws on handwritten ones as MNIST has them, "
                    f"but these are {', '.join(self.image_.classes[:3])} ... ({self.image_}); expected another recipe, "
                    "such as modern, photographs or drawings"
                ]
            )
        chosen = dict(settings) | {"normalization": pixel_statistics(images)}
        return TrainingSpec(seed=chosen.pop("random_state"), **chosen)

    def _pixels(self, rows: np.ndarray) -> np.ndarray:
        """Make rows of numbers from 0 to `white_` uint8 images of shape (n, height, width, channels)."""
        if (least := rows.min()) < 0:
            raise InputError(
                f"Negative values in data passed to DigitClassifier: X holds {least:g}, expected pixels from 0 (black) "
                f"to {self.white_:g} (white); give them as they are, not standardized"
            )
        if (most := rows.max()) > self.white_:
            raise InputError(
                f"X: holds {most:g}, expected pixels from 0 (black) to {self.white_:g} (white), as of `fit`; "
                "`white` says which number is white"
            )
        if rows.dtype != np.uint8 or self.white_ != 255:
            rows = np.rint(rows * (255 / self.white_)).astype(np.uint8)
        return rows.reshape(-1, *self.image_.shape)


def _as_rows(X: Any) -> tuple[Any, tuple[int, int, int] | None]:
    """Lay images out as rows of pixels, and give their height, width and channels; rows stay as they are."""
    # Data frames and sparse matrices have it too; lists do not.
    if (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) < 3:
        return X, None
    images = check_array(X, allow_nd=True)
    shape = (*images.shape[1:], 1) if images.ndim == 3 else images.shape[1:]
    if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape:
        raise InputError(
            f"X: got shape {images.shape}, expected images of shape (n, height, width) or (n, height, width, channels) "
            "with 1 or 3 channels, or rows of shape (n, pixels)"
        )
    return images.reshape(len(images), -1), shape


def _shape_of_rows(n_pixels: int, image_shape: tuple[int, ...] | None) -> tuple[int, int, int]:
    if image_shape is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            raise InputError(
                f"X: got rows of {n_pixels} pixels, which are no square image; give images of shape (n, height, width) "
                "or (n, height, width, 3), or name `image_shape`"
            )
        return side, side, 1
    try:
        shape = np.empty(n_pixels, np.bool_).reshape(image_shape).shape
    except (TypeError, ValueError):
        shape = ()
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise SettingsError(
            [
                f"image_shape: got {image_shape!r}, expected (height, width) or (height, width, channels) with 1 or 3 "
                f"channels, {n_pixels} numbers in all, as the rows of X have"
            ]
        )
    return shape


def _white(rows: np.ndarray) -> float:
    if rows.dtype == np.uint8:
        return WHITES[-1]
    most = rows.max()
    for white in WHITES:
        if most <= white:
            return white
    raise InputError(f"X: holds {most:g}, expected pixels from 0 (black) to 255 (white), or `white`, the number for it")


def _seed(random_state: int | np.random.RandomState | None) -> Any:
    """Give a whole number as it is, which is then the seed that the pipeline would take."""
    if random_state is None or isinstance(random_state, np.random.RandomState):
        return int(check_random_state(random_state).randint(2**32, dtype=np.uint64))
    return random_state


def _device(device: str | None) -> str:
    if device is None:
        return device_from_environment()
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            [f"device: got '{device}', expected None, cpu, or a GPU that is here ({str(error).splitlines()[0]})"]
        ) from error
    return device
