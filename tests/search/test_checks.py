from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from digitrec.errors import ParamsError
from digitrec.search.cells import Cell, Problem
from digitrec.search.checks import check_search, with_every_class
from digitrec.search.strategies import run_search
from digitrec.spec import SearchSpec
from tests.search.candidates import search_spec
from tests.tiny import IMAGE, PLAIN, small_problem, some_digits

LABELS = some_digits(300)[1]
RAREST = int(np.bincount(LABELS).min())


def _mistakes(problem: Problem, search: SearchSpec, labels: np.ndarray = LABELS) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        check_search(problem, search, labels)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("network", "parts"),
    [
        ({"hiden_1": [16]}, ["hiden_1=16"]),
        ({"hidden_1": [-1, 16], "hidden_2": [8, "many"]}, ["hidden_1=-1", "hidden_2='many'"]),
    ],
)
def test_values_that_the_network_refuses_are_all_named(
    tmp_path: Path, network: dict[str, list], parts: list[str]
) -> None:
    found = _mistakes(small_problem(tmp_path), search_spec(network))
    for part, mistake in zip(parts, found, strict=True):
        assert part in mistake


def test_images_that_are_too_small_for_the_network_are_one_mistake(tmp_path: Path) -> None:
    small = IMAGE.model_copy(update={"height": 8, "width": 8})
    (mistake,) = _mistakes(small_problem(tmp_path, model="mnistnet", image=small), search_spec({"num_units": [4, 6]}))
    assert "'mnistnet' needs images of at least" in mistake


def test_more_folds_than_images_of_a_class_is_a_mistake_that_names_the_class(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    check_search(problem, search_spec(cv=RAREST), LABELS)
    (mistake,) = _mistakes(problem, search_spec(cv=RAREST + 1))
    name = np.bincount(LABELS).argmin()
    assert mistake.startswith(f"search.cv: got {RAREST + 1}, but the rarest class, '{name}', has {RAREST} images")


def test_a_class_without_training_images_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = _mistakes(small_problem(tmp_path), search_spec(), LABELS[LABELS != 9])
    assert mistake.startswith("search.cv: got 2, but the rarest class, '9', has 0 images")


def test_rounds_without_room_for_every_class_in_every_fold_are_a_mistake(tmp_path: Path) -> None:
    problem = small_problem(tmp_path)
    tight = search_spec(strategy="halving", cv=3, min_images=29, max_images=29)
    (mistake,) = _mistakes(problem, tight)
    assert mistake == ("search.max_images: got 29, expected at least 30: 3 folds with an image of each of 10 classes")
    check_search(problem, tight.model_copy(update={"max_images": 30}), LABELS)
    check_search(problem, tight.model_copy(update={"strategy": "grid"}), LABELS)


def test_the_first_round_has_room_for_every_class_in_every_fold() -> None:
    search = search_spec(strategy="halving", cv=3, min_images=320, max_images=20_480)
    assert with_every_class(search, 10, 60_000) == search
    assert with_every_class(search, 136, 60_000).min_images == 3 * 136
    # A grid takes all images anyway.
    grid = search.model_copy(update={"strategy": "grid"})
    assert with_every_class(grid, 136, 60_000) == grid


@pytest.mark.parametrize("n", [8, 9, 18, 19, 101])
@pytest.mark.parametrize("cv", [2, 3])
def test_the_smallest_fold_of_the_first_round_trains_on_as_many_images_as_there_are_classes(n: int, cv: int) -> None:
    labels, sizes = np.arange(n) % 2, []
    search = with_every_class(search_spec(strategy="halving", cv=cv, min_images=1, max_images=n), 2, n)

    def note(cells: Sequence[Cell], title: str) -> None:
        sizes.extend(len(cell.train) for cell in cells)

    run_search(search, labels, 0, note, lambda cell: 0.5)
    assert min(sizes) >= 2


@pytest.mark.parametrize(
    ("strategy", "fits", "text"),
    [("grid", 8, "4 candidates (grid) on 2 folds"), ("halving", 14, "4 + 2 + 1 candidates (halving) on 2 folds")],
)
def test_a_search_of_more_fits_than_allowed_is_a_mistake(tmp_path: Path, strategy: str, fits: int, text: str) -> None:
    problem = small_problem(tmp_path)
    (mistake,) = _mistakes(problem, search_spec(strategy=strategy, max_fits=fits - 1))
    assert mistake.startswith(f"search.max_fits: got {fits - 1}, but {text} take {fits} fits; raise it")
    check_search(problem, search_spec(strategy=strategy, max_fits=fits), LABELS)


def test_batches_of_one_image_are_refused_where_the_network_normalizes_each_batch_by_itself(tmp_path: Path) -> None:
    problem = small_problem(tmp_path, model="resnet18")
    (mistake,) = _mistakes(problem, search_spec({}, batch_size=[1, 32]))
    assert mistake.startswith("search.space.batch_size: got 1, but 'resnet18' normalizes each batch by its own mean")
    check_search(problem, search_spec({}, batch_size=[2, 32]), LABELS)
    check_search(small_problem(tmp_path), search_spec(batch_size=[1, 32]), LABELS)


@pytest.mark.parametrize("size", [10**12, 10**30])
def test_sizes_that_no_memory_holds_are_a_mistake(tmp_path: Path, size: int) -> None:
    (mistake,) = _mistakes(small_problem(tmp_path), search_spec({"hidden_1": [8, size]}))
    assert f"hidden_1={size}" in mistake


def test_a_share_for_validation_that_cannot_be_held_out_is_a_mistake(tmp_path: Path) -> None:
    recipe = PLAIN.model_copy(update={"valid_fraction": 0.01})
    (mistake,) = _mistakes(small_problem(tmp_path, recipe=recipe), search_spec())
    assert mistake.startswith("valid_fraction: got 0.01, which of 300 images in 10 classes")


def test_all_mistakes_of_a_search_are_named_at_once(tmp_path: Path) -> None:
    search = search_spec({"hidden_1": [16, -1], "hidden_2": [8, "many"]}, cv=200, max_fits=1)
    found = _mistakes(small_problem(tmp_path), search)
    for part, mistake in zip(
        ("search.cv: got 200", "search.max_fits: got 1,", "hidden_1=-1", "hidden_2='many'"), found, strict=True
    ):
        assert part in mistake
