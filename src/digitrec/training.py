"""The skorch classifier that trains every network, and how it is set up from a recipe."""

import importlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.dataset import ValidSplit
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from digitrec.errors import DigitrecError, ParamsError, TrainingDiverged
from digitrec.images import Augmentation, Batches, Normalization, augmentation_of
from digitrec.params import Recipe
from digitrec.seeding import derive_seed

# Fused: one kernel for all weights. It makes an Adam step of MNISTNet 3 times faster than a loop over its 12 tensors.
OPTIMIZERS = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "sgd": (torch.optim.SGD, {"fused": True}),
}
# What an auxiliary classifier's loss counts (Szegedy et al., arXiv 1409.4842, section 5).
AUXILIARY_WEIGHT = 0.3
# Images a forward pass when nothing is learned.
EVALUATION_BATCH_SIZE = 1000


def one_cycle(progress: float) -> float:
    """Learning rate of the one-cycle schedule, as a ratio to its peak.

    Parameters
    ----------
    progress : float
        Share of all steps that have been made, from 0 to 1.

    Returns
    -------
    float
        From 1/25 up to 1 over the first 30 % of the steps, then down to 4e-6, both along half a cosine
        (Smith and Topin, arXiv 1708.07120; the figures are PyTorch's defaults).
    """
    warm_up, start, end = 0.3, 1 / 25, 1 / 25e4
    if progress < warm_up:
        low, share = start, progress / warm_up
    else:
        low, share = end, (1 - progress) / (1 - warm_up)
    return low + (1 - low) * (1 - math.cos(math.pi * share)) / 2


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


class DigitClassifier(NeuralNetClassifier):
    """A skorch classifier of uint8 images whose epoch is a plain loop over batches of tensors.

    skorch's own epoch notifies every callback and writes a history entry at each step, which costs as much again as
    training a small network. Here callbacks are told of epochs only (`on_batch_begin`, `on_batch_end` and
    `on_grad_computed` are never called); all else is skorch: `fit`, `predict`, `history`, callbacks, `set_params`.

    Parameters
    ----------
    module : callable
        Returns a network from float32 images (n, 1, 28, 28) to logits (n, 10). While it is trained it may return a
        tuple: the logits, then those of its auxiliary classifiers.
    recipe : Recipe
        What the loss is given, the schedule, the augmentation and the share of validation images.
    normalization : Normalization
        Of the pixels.
    seed : int
        Of weights, batches, dropout, augmentation and the validation split. Each epoch derives its own seeds, so that
        a fit that was interrupted after an epoch goes on exactly as if it had not been. Sets torch's global seed.
    images : array or None
        uint8 of shape (n, 28, 28). When given, `X` is an array of row numbers into it and nothing is copied;
        without it, `X` is the images themselves.
    **kwargs
        skorch's own: `lr`, `max_epochs`, `batch_size`, `optimizer`, `device`, `callbacks`, `module__...`.
    """

    def __init__(
        self,
        module: Any,
        *,
        recipe: Recipe,
        normalization: Normalization,
        seed: int = 0,
        images: np.ndarray | None = None,
        **kwargs: Any,
    ):
        self.recipe = recipe
        self.normalization = normalization
        self.seed = seed
        self.images = images
        super().__init__(module, criterion=kwargs.pop("criterion", nn.CrossEntropyLoss), **kwargs)

    @property
    def _default_callbacks(self) -> list:
        return [("epoch_timer", EpochTimer()), ("print_log", PrintLog())]

    def initialize(self) -> "DigitClassifier":
        torch.manual_seed(derive_seed(self.seed, "weights"))
        # On a GPU: the same kernels each time, so that the same seed gives the same weights.
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        super().initialize()
        self.module_.to(memory_format=torch.channels_last)
        self.epochs_restored_ = 0
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Dataset:
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

    def get_iterator(self, dataset: Dataset, training: bool = False) -> Batches:
        if isinstance(dataset, Subset):
            rows = ImageRows(dataset.dataset.images, dataset.dataset.labels, dataset.dataset.index[dataset.indices])
        else:
            rows = dataset
        return Batches(
            rows.images,
            rows.labels,
            rows.index,
            self.batch_size if training else EVALUATION_BATCH_SIZE,
            self.normalization,
            augmentation_of(self.recipe) if training else Augmentation(),
            torch.Generator() if training else None,
            self.device,
        )

    def get_loss(self, y_pred: Tensor, y_true: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.recipe.loss_input == "softmax":
            y_pred = torch.softmax(y_pred, 1)
        return self.criterion_(y_pred, y_true)

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> "DigitClassifier":
        """Train without re-initializing. Unlike skorch's, an interruption is raised, not taken for the end."""
        if not self.initialized_:
            self.initialize()
        fit_params.pop("_routing_method", None)
        self.notify("on_train_begin", X=X, y=y)
        self.fit_loop(X, y, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        return self

    def fit_loop(self, X: Any, y: Any = None, epochs: int | None = None, **fit_params: Any) -> "DigitClassifier":
        if epochs is None:
            epochs = self.max_epochs - self.epochs_restored_
        return super().fit_loop(X, y, epochs, **fit_params)

    def run_single_epoch(
        self, iterator: Batches | None, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        if iterator is None:
            return
        if training:
            loss, correct = self._train(iterator)
        else:
            loss, correct = self._score(iterator)
        n = len(iterator.index)
        loss = float(loss) / n
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_accuracy", int(correct) / n)
        if training and not math.isfinite(loss):
            raise TrainingDiverged(
                f"training: the loss became {loss} in epoch {len(self.history)} of {self.max_epochs} "
                f"(lr={self.lr}, batch_size={self.batch_size}, optimizer={self.optimizer.__name__.lower()}). "
                "Nothing was written; try a smaller lr."
            )

    def _train(self, batches: Batches) -> tuple[Tensor, Tensor]:
        epoch = len(self.history)
        torch.manual_seed(derive_seed(self.seed, "dropout", epoch))
        batches.generator.manual_seed(derive_seed(self.seed, "batches", epoch))
        module, optimizer = self.module_.train(), self.optimizer_
        steps = len(batches) * self.max_epochs
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for step, (images, labels) in enumerate(batches, start=(epoch - 1) * len(batches)):
            if self.recipe.schedule == "one_cycle":
                for group in optimizer.param_groups:
                    group["lr"] = self.lr * one_cycle(step / steps)
            optimizer.zero_grad()
            outputs = module(images)
            logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
            loss = self.get_loss(logits, labels)
            sum((AUXILIARY_WEIGHT * self.get_loss(head, labels) for head in auxiliary), loss).backward()
            optimizer.step()
            total += loss.detach() * len(labels)
            correct += (logits.detach().argmax(1) == labels).sum()
        return total, correct

    def score_images(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Give mean loss and accuracy on images of their own, uint8 of shape (n, 28, 28), as for validation images."""
        batches = Batches(
            images, labels, np.arange(len(labels)), EVALUATION_BATCH_SIZE, self.normalization, device=self.device
        )
        loss, correct = self._score(batches)
        return float(loss) / len(labels), int(correct) / len(labels)

    @torch.no_grad()
    def _score(self, batches: Batches) -> tuple[Tensor, Tensor]:
        module = self.module_.eval()
        total = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for images, labels in batches:
            logits = module(images)
            total += self.get_loss(logits, labels) * len(labels)
            correct += (logits.argmax(1) == labels).sum()
        return total, correct


class ResumeFrom(Callback):
    """Save the state after each epoch and go on from it.

    Parameters
    ----------
    path : Path
        A file whose name says what is trained on what: it is believed. A damaged one is ignored with a warning.
    save : callable
        ``save(path, state)`` writes a dictionary of tensors and plain values.
    """

    def __init__(self, path: Path, save: Any):
        self.path = path
        self.save = save

    def on_train_begin(self, net: DigitClassifier, **kwargs: Any) -> None:
        if not self.path.exists():
            return
        try:
            state = torch.load(self.path, weights_only=True, map_location=net.device)
        except Exception as error:  # torch raises what pickle, zip or the file system raised.
            print(f"warning: ignoring {self.path}, which is damaged ({error}); training starts anew.", flush=True)
            return
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        for row in state["history"]:
            net.history.new_epoch()
            net.history.record("epoch", len(net.history))
            for key, value in row.items():
                net.history.record(key, value)
        net.epochs_restored_ = len(net.history)
        print(f"going on after epoch {net.epochs_restored_} of {net.max_epochs}", flush=True)

    def on_epoch_end(self, net: DigitClassifier, **kwargs: Any) -> None:
        history = [{key: value for key, value in row.items() if key != "batches"} for row in net.history]
        state = {"module": net.module_.state_dict(), "optimizer": net.optimizer_.state_dict(), "history": history}
        self.save(self.path, state)


def find_model(model: str) -> ModuleType:
    """Import `models/{model}.py`."""
    return importlib.import_module(f"digitrec.models.{model}")


def build_module(model: str, architecture: Mapping[str, Any]) -> nn.Module:
    """Build the network in `models/{model}.py`.

    Raises
    ------
    ParamsError
        When `build` there does not take these arguments.
    """
    try:
        return find_model(model).build(**architecture)
    except (TypeError, ValueError, KeyError, RuntimeError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in architecture.items())
        raise ParamsError(
            [f"search.architectures.{model}: the network does not take {given} ({type(error).__name__}: {error})"]
        ) from error


def build_classifier(
    model: str,
    architecture: Mapping[str, Any],
    *,
    lr: float,
    max_epochs: int,
    batch_size: int,
    optimizer: str,
    recipe: Recipe,
    normalization: Normalization,
    seed: int,
    images: np.ndarray | None = None,
    validate: bool = True,
    device: str = "cpu",
    callbacks: list | None = None,
    verbose: int = 1,
) -> DigitClassifier:
    """Set up a classifier by names.

    Parameters
    ----------
    model : str
        A file in `models/`.
    architecture : mapping
        Arguments of its `build`.
    optimizer : {"adam", "rmsprop", "sgd"}
    validate : bool
        Hold out the recipe's share of the images (if it has one), stratified, and score it after each epoch.
    lr, max_epochs, batch_size, recipe, normalization, seed, images, device, callbacks, verbose
        As `DigitClassifier` has them.

    Returns
    -------
    DigitClassifier
        Not yet initialized.
    """
    optimizer_class, settings = OPTIMIZERS[optimizer]
    if optimizer == "sgd":
        settings = settings | {"momentum": recipe.momentum}
    split = None
    if validate and recipe.valid_fraction:
        split = ValidSplit(recipe.valid_fraction, stratified=True, random_state=derive_seed(seed, "validation"))
    return DigitClassifier(
        build_module,
        module__model=model,
        module__architecture=dict(architecture),
        recipe=recipe,
        normalization=normalization,
        seed=seed,
        images=images,
        lr=lr,
        max_epochs=max_epochs,
        batch_size=batch_size,
        optimizer=optimizer_class,
        train_split=split,
        device=device,
        callbacks=callbacks,
        verbose=verbose,
        **{f"optimizer__{key}": value for key, value in settings.items()},
    )


def device_from_environment() -> str:
    """Read `DIGITREC_DEVICE`: `cpu`, `cuda`, `cuda:N`, or `auto` (the default), which takes a GPU if there is one.

    Raises
    ------
    DigitrecError
        When there is no such device.
    """
    wanted = os.environ.get("DIGITREC_DEVICE", "auto")
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise DigitrecError(
            f"DIGITREC_DEVICE: got '{wanted}', expected auto, cpu, or a GPU that is here such as cuda "
            f"({str(error).splitlines()[0]})"
        ) from error
    return wanted
