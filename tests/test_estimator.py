import doctest
import pickle
import re
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from digitrec import DigitClassifier, estimator
from digitrec.config.params import load_params
from digitrec.data.statistics import pixel_statistics
from digitrec.errors import DataError, DigitrecError
from digitrec.estimator import InputError, SettingsError
from tests.conftest import ROOT
from tests.tiny import SMALL_MLP, same_weights, small_classifier, some_colours, some_digits

# Rows of few numbers, as scikit-learn's checks have them, are images of one row.
CHECKED = DigitClassifier(
    "mlp", recipe={}, lr=0.01, max_epochs=6, architecture={"hidden_1": 16, "hidden_2": 16}, image_shape=(1, -1)
)
ROWS, LABELS = (part[:300] for part in load_digits(return_X_y=True))
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[LABELS]


def tiny(**settings: Any) -> DigitClassifier:
    return DigitClassifier(**{"model": "mlp", "recipe": {}, "max_epochs": 1, "architecture": SMALL_MLP} | settings)


@parametrize_with_checks([CHECKED])
def test_it_passes_every_check_of_scikit_learn(estimator: DigitClassifier, check: Any) -> None:
    check(estimator)


def test_its_example_gives_what_it_says() -> None:
    found = doctest.testmod(estimator)
    assert found.attempted > 4
    assert found.failed == 0


@pytest.mark.slow
def test_the_page_says_what_comes_out() -> None:
    [code] = re.findall(r"```pycon\n(.*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)
    test = doctest.DocTestParser().get_doctest(code, {}, "api.md", None, None)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_number_as_the_state_gives_the_network_that_the_pipeline_trains() -> None:
    images, labels = some_digits(200)
    ours = tiny(max_epochs=2, lr=0.003, batch_size=32, random_state=3).fit(images, labels)
    normalization = pixel_statistics(images)
    theirs = small_classifier(max_epochs=2, seed=3, recipe=ours.training_.recipe, normalization=normalization)
    theirs.fit(images, labels)
    ours.module_ = ours.network_
    assert same_weights(ours, theirs)


def test_images_and_rows_of_any_kind_of_number_are_the_same() -> None:
    images, labels = some_digits(200)
    classifier = tiny(max_epochs=2).fit(images, labels)
    expected = classifier.predict_proba(images)
    assert expected.shape == (200, 10)
    assert classifier.n_features_in_ == 784
    rows = images.reshape(200, -1)
    for same in (
        images[..., 0],
        rows,
        rows.astype(int),
        rows.astype(np.float32),
        pandas.DataFrame(rows),
        rows.tolist(),
    ):
        np.testing.assert_array_equal(classifier.predict_proba(same), expected)
    for scaled, white in ((rows / 255, 1), (rows.astype(float), 255)):
        other = tiny(max_epochs=2).fit(scaled, labels)
        assert other.white_ == white
        np.testing.assert_array_equal(other.predict_proba(scaled), expected)


def test_scikit_learns_digits_are_from_0_to_16() -> None:
    classifier = tiny().fit(ROWS, LABELS)
    assert classifier.white_ == 16
    bright = DigitClassifier(**tiny().get_params() | {"white": 32}).fit(ROWS, LABELS)
    assert bright.training_.normalization.mean[0] == pytest.approx(classifier.training_.normalization.mean[0] / 2, 0.01)


def test_colours_are_learned_and_rows_of_them_have_a_shape() -> None:
    images, labels = some_colours(120)
    settings = {"lr": 0.01, "max_epochs": 5}
    classifier = tiny(**settings).fit(images, labels)
    assert classifier.image_.shape == (20, 24, 3)
    assert classifier.score(images, labels) > 0.9
    rows = images.reshape(120, -1)
    of_rows = tiny(**settings, image_shape=(-1, 24, 3)).fit(rows, labels)
    np.testing.assert_array_equal(of_rows.predict_proba(rows), classifier.predict_proba(images))


def test_labels_may_be_words() -> None:
    classifier = tiny(lr=0.01, max_epochs=8).fit(ROWS, NAMES)
    assert list(classifier.classes_) == sorted(set(NAMES))
    assert classifier.score(ROWS, NAMES) > 0.8


def test_a_recipe_of_params_yaml_is_taken_by_its_name() -> None:
    images, labels = some_digits(120)
    classifier = tiny(recipe="modern_digits").fit(images, labels)
    recipe = load_params(ROOT / "params.yaml").recipes["modern_digits"]
    assert classifier.training_.recipe.model_dump() == recipe.model_dump()
    # Flags are drawn on ones as MNIST has them.
    with pytest.raises(SettingsError, match="flagged_ones draws on handwritten ones"):
        tiny(recipe="modern_digits").fit(ROWS, LABELS)


def test_a_recipe_that_hardens_does_and_what_it_trained_can_be_pickled() -> None:
    images, labels = some_digits(120)
    hardened = tiny(recipe={"hardening": {"noise": 0.2}}).fit(images, labels)
    answers = hardened.predict_proba(images)
    assert not np.array_equal(answers, tiny().fit(images, labels).predict_proba(images))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(hardened)).predict_proba(images), answers)


def test_a_search_and_a_pipeline_take_it() -> None:
    scaled = make_pipeline(FunctionTransformer(lambda rows: rows / 16), tiny())
    grid = {"digitclassifier__lr": np.array([0.0001, 0.01]), "digitclassifier__max_epochs": np.array([4])}
    search = GridSearchCV(scaled, grid, cv=2, error_score="raise").fit(ROWS, NAMES)
    assert search.best_params_["digitclassifier__lr"] == 0.01
    assert search.best_estimator_[-1].white_ == 1


def test_it_goes_through_pickle_and_can_be_cloned() -> None:
    classifier = tiny().fit(ROWS, LABELS)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(ROWS), classifier.predict_proba(ROWS))
    assert not hasattr(clone(classifier), "network_")
    error = pickle.loads(pickle.dumps(SettingsError(["lr: got -1"])))
    assert str(error) == str(SettingsError(["lr: got -1"]))


@pytest.mark.slow
def test_worker_processes_train_it() -> None:
    expected = cross_val_score(tiny(), ROWS, NAMES, cv=2)
    np.testing.assert_array_equal(cross_val_score(tiny(), ROWS, NAMES, cv=2, n_jobs=2), expected)


def test_the_random_state_may_be_none_or_a_generator() -> None:
    def first(state: Any) -> torch.Tensor:
        return next(tiny(random_state=state).fit(ROWS, LABELS).network_.parameters())

    assert torch.equal(first(np.random.RandomState(1)), first(np.random.RandomState(1)))
    assert not torch.equal(first(None), first(None))


def test_all_wrong_parameters_are_told_at_once() -> None:
    wrong = tiny(model="mlpp", recipe="modren", lr=-1, max_epochs=0, optimizer="adamw", white=0, random_state=-1)
    with pytest.raises(SettingsError) as caught:
        wrong.fit(ROWS, LABELS)
    assert isinstance(caught.value, DigitrecError)
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.mistakes) == 7
    for told in (
        "model: got 'mlpp', expected one of best, fast,",
        "recipe: got 'modren', expected a mapping or one of drawings,",
        "lr: got -1, expected a number > 0",
        "max_epochs: got 0, expected a whole number >= 1",
        "optimizer: got 'adamw', expected adam, rmsprop or sgd",
        "random_state: got -1, expected a whole number from 0 to 4294967295",
        "white: got 0, expected a number > 0, or None",
    ):
        assert f"DigitClassifier: {told}" in str(caught.value)
    assert "did you mean 'modern'?" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": {"shfit": 1}}, r"recipe\.shfit: is no known key; did you mean 'shift'\?"),
        ({"recipe": 3}, "recipe: got 3, expected a mapping of a recipe"),
        ({"model": "fast", "architecture": None}, "model: 'fast' needs images of at least 20x20 pixels, these are 8x8"),
        ({"architecture": {"width": 3}}, "DigitClassifier: architecture: the network does not take width=3"),
        ({"image_shape": (8, 9)}, r"image_shape: got \(8, 9\), expected .*, 64 numbers in all"),
        ({"image_shape": (4, 8, 2)}, r"image_shape: got \(4, 8, 2\), expected"),
        ({"image_shape": "square"}, "image_shape: got 'square', expected"),
        ({"device": "cuda:77"}, "device: got 'cuda:77', expected None, cpu, or a GPU that is here"),
    ],
)
def test_a_parameter_that_does_not_go_with_the_images_is_told(settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        tiny(**settings).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (ROWS[:, :63], "got rows of 63 pixels, which are no square image"),
        (ROWS - 8, r"X holds -8, expected pixels from 0 \(black\) to 16 \(white\)"),
        (ROWS * 100, r"X: holds 1600, expected pixels from 0 \(black\) to 255 \(white\), or `white`"),
        (ROWS.reshape(-1, 4, 8, 2), r"got shape \(300, 4, 8, 2\), expected images of shape"),
        (ROWS.reshape(-1, 2, 4, 4, 2), r"got shape \(300, 2, 4, 4, 2\), expected images of shape"),
    ],
)
def test_what_are_no_images_is_told(images: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny().fit(images, LABELS)


def test_images_that_say_nothing_or_are_all_of_one_class_are_told() -> None:
    with pytest.raises(DataError, match="these are no images to learn from"):
        tiny().fit(np.zeros_like(ROWS), LABELS)
    with pytest.raises(InputError, match="y: got only one class"):
        tiny().fit(ROWS, np.zeros_like(LABELS))


def test_images_unlike_those_of_the_training_are_told() -> None:
    classifier = tiny().fit(ROWS / 16, LABELS)
    with pytest.raises(InputError, match=r"X: holds 16, expected pixels from 0 \(black\) to 1 \(white\), as of `fit`"):
        classifier.predict(ROWS)
    with pytest.raises(InputError, match=r"got images of shape \(4, 16, 1\), expected \(8, 8, 1\)"):
        classifier.predict((ROWS / 16).reshape(-1, 4, 16))
