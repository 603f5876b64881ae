"""The skorch classifier that trains every network, and how it is set up from a specification."""

from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochTimer, PrintLog
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.utils.data import Dataset

from digitrec.data.batches import Batches
from digitrec.pipeline.seeding import derive_seed
from digitrec.spec import ImageSpec, Recipe, TrainingSpec
from digitrec.training.network import build_network
from digitrec.training.schedule import (
    AUXILIARY_WEIGHT,
    OPTIMIZERS,
    check_loss,
    class_weights,
    learning_rate_ratio,
    multiplying,
)
from digitrec.transforms.augmentation import NO_AUGMENTATION, augmentation_of

# Images a forward pass when nothing is learned.
EVALUATION_BATCH_SIZE = 1000


class ImageRows(Dataset):
    """The rows `index` of `images` and `labels`, which stay where they are (a mapped file, say)."""

    def __init__(self, images: np.ndarray, labels: np.ndarray | None, index: np.ndarray):
        self.images = images
        self.labels = labels
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, item: int) -> tuple[np.ndarray, int]:
        row = self.index[item]
        return self.images[row], 0 if self.labels is None else int(self.labels[row])


class ImageClassifier(NeuralNetClassifier):
    """A skorch classifier of uint8 images whose epoch is a plain loop over batches of tensors.

    skorch's own epoch notifies every callback and writes a history entry at each step, which costs as much again as
    training a small network. Here callbacks are told of epochs only (`on_batch_begin`, `on_batch_end` and
    `on_grad_computed` are never called); all else is skorch: `fit`, `predict`, `history`, callbacks, `set_params`.

    Parameters
    ----------
    module : callable
        Returns a network from float32 pixels (n, channels, height, width), from 0 to 1, to logits (n, classes). While
        it is trained it may return a tuple: the logits, then those of its auxiliary classifiers.
    recipe : Recipe
        What the loss is given, the schedule, the augmentation and the weight of classes.
    seed : int
        Of weights, batches, dropout and augmentation. Each epoch derives its own seeds, so that a fit that was
        interrupted after an epoch goes on exactly as if it had not been. Sets torch's global seed.
    images : array or None
        uint8 of shape (n, height, width, channels). When given, `X` is an array of row numbers into it and nothing is
        copied; without it, `X` is the images themselves.
    **kwargs
        skorch's own: `lr`, `max_epochs`, `batch_size`, `optimizer`, `device`, `callbacks`, `train_split`,
        `module__...`.
    """

    def __init__(
        self,
        module: Any,
        *,
        recipe: Recipe,
        seed: int = 0,
        images: np.ndarray | None = None,
        **kwargs: Any,
    ):
        self.recipe = recipe
        self.seed = seed
        self.images = images
        super().__init__(module, criterion=kwargs.pop("criterion", nn.CrossEntropyLoss), **kwargs)

    @property
    def _default_callbacks(self) -> list:
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def initialize(self) -> "ImageClassifier":
        """Build the network with weights drawn from the seed."""
        torch.manual_seed(derive_seed(self.seed, "weights"))
        # On a GPU: the same kernels each time, so that the same seed gives the same weights.
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        super().initialize()
        self.module_.to(memory_format=torch.channels_last)
        self.epochs_restored_ = 0
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Dataset:
        """Make images, or row numbers where there are `images`, and labels a dataset."""
        if isinstance(X, Dataset):
            return X
        X = np.asarray(X)
        if self.images is None:
            return ImageRows(X, None if y is None else np.asarray(y), np.arange(len(X)))
        labels = None
        if y is not None:
            # Row numbers are kept, so labels must be found under them too.
            labels = np.zeros(len(self.images), np.int64)
            labels[X] = y
        return ImageRows(self.images, labels, X)

    def get_iterator(self, dataset: ImageRows, training: bool = False) -> Batches:
        """Make batches of a dataset: shuffled and augmented for training, in order and as they are otherwise."""
        return Batches(
            dataset.images,
            dataset.labels,
            dataset.index,
            self.batch_size if training else EVALUATION_BATCH_SIZE,
            augmentation_of(self.recipe) if training else NO_AUGMENTATION,
            torch.Generator() if training else None,
            self.device,
        )

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Give the mean cross-entropy, of what the recipe says that it is given."""
        if self.recipe.loss_input == "softmax":
            y_pred = torch.softmax(y_pred, 1)
        return self.criterion_(y_pred, y_true)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> "ImageClassifier":
        """Train without re-initializing. Unlike skorch's, an interruption is raised, not taken for the end."""
        if not self.initialized_:
            self.initialize()
        fit_params.pop("_routing_method", None)
        self.notify("on_train_begin", X=X, y=y)
        self.fit_loop(X, y, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        return self

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> "ImageClassifier":
        """Train for the epochs that are left."""
        if epochs is None:
            epochs = self.max_epochs - self.epochs_restored_
        return super().fit_loop(X, y, epochs, **fit_params)

    def run_single_epoch(
        self, iterator: Batches | None, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Train on, or score, all batches and note loss and accuracy in the history."""
        if iterator is None:
            return
        total, correct = self._train(iterator) if training else self._score(iterator)
        n = len(iterator.index)
        loss = float(total) / n
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_accuracy", int(correct) / n)
        if training:
            optimizer = self.optimizer.__name__.lower()
            check_loss(loss, len(self.history), self.max_epochs, self.lr, self.batch_size, optimizer)

    def _train(self, batches: Batches) -> tuple[Tensor, Tensor]:
        epoch = len(self.history)
        torch.manual_seed(derive_seed(self.seed, "dropout", epoch))
        assert batches.generator is not None
        batches.generator.manual_seed(derive_seed(self.seed, "batches", epoch))
        module, optimizer = self.module_.train(), self.optimizer_
        steps = len(batches) * self.max_epochs
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for step, (pixels, labels) in enumerate(batches, start=(epoch - 1) * len(batches)):
            for group in optimizer.param_groups:
                group["lr"] = self.lr * learning_rate_ratio(self.recipe, step / steps)
            optimizer.zero_grad()
            with multiplying(self.recipe, self.device):
                outputs = module(pixels)
            heads = outputs if isinstance(outputs, tuple) else (outputs,)
            logits, *auxiliary = (head.float() for head in heads)
            loss = self.get_loss(logits, labels)
            sum((AUXILIARY_WEIGHT * self.get_loss(head, labels) for head in auxiliary), loss).backward()
            optimizer.step()
            total += loss.detach() * len(labels)
            correct += (logits.detach().argmax(1) == labels).sum()
        return total, correct

    def score_images(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Give mean loss and accuracy on images of their own, uint8 (n, height, width, channels)."""
        batches = Batches(images, labels, np.arange(len(labels)), EVALUATION_BATCH_SIZE, device=self.device)
        loss, correct = self._score(batches)
        return float(loss) / len(labels), int(correct) / len(labels)

    @torch.no_grad()
    def _score(self, batches: Batches) -> tuple[Tensor, Tensor]:
        module = self.module_.eval()
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for pixels, labels in batches:
            logits = module(pixels)
            total += self.get_loss(logits, labels) * len(labels)
            correct += (logits.argmax(1) == labels).sum()
        return total, correct


def build_classifier(
    training: TrainingSpec,
    image: ImageSpec,
    *,
    images: np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
    valid: ImageRows | None = None,
    device: str = "cpu",
    callbacks: list | None = None,
    verbose: int = 1,
) -> ImageClassifier:
    """Set up a classifier by names.

    Parameters
    ----------
    training : TrainingSpec
    image : ImageSpec
    images : array or None
        As `ImageClassifier` has it.
    train_labels : array or None
        Of the training images alone, integers of shape (n,): what weighs classes must not see others.
    valid : ImageRows or None
        What is scored after each epoch; without it nothing is.
    device, callbacks, verbose
        As `ImageClassifier` has them.

    Returns
    -------
    ImageClassifier
        Not yet initialized.
    """
    optimizer, settings = OPTIMIZERS[training.optimizer]
    if training.optimizer == "sgd":
        settings = settings | {"momentum": training.recipe.momentum}
    weights = None
    if train_labels is not None:
        weights = class_weights(torch.from_numpy(train_labels), image.n_classes, training.recipe)
    return ImageClassifier(
        build_network,
        module__model=training.model,
        module__architecture=dict(training.architecture),
        module__image=image,
        module__normalization=training.normalization,
        criterion__weight=weights,
        recipe=training.recipe,
        seed=training.seed,
        images=images,
        lr=training.lr,
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        optimizer=optimizer,
        train_split=predefined_split(valid) if valid is not None else None,
        device=device,
        callbacks=callbacks,
        verbose=verbose,
        **{f"optimizer__{key}": value for key, value in settings.items()},
    )
