import importlib
import math
from itertools import pairwise
from pathlib import Path

import pytest

from digitrec.config.params import (
    WITHOUT_ONES,
    Calibrate,
    Evaluate,
    Explore,
    NormalizeStats,
    Params,
    Robustness,
    Search,
    Space,
    load_params,
)
from digitrec.config.section import known_names
from digitrec.errors import ParamsError
from digitrec.spec import FolderSpec, Hardening, ImageSpec, Recipe
from tests.config.committed import COMMITTED, mistakes_of, with_changes, write_params
from tests.tiny import COLOUR, IMAGE, ROOT


def test_the_committed_file_is_right() -> None:
    params = load_params(ROOT / "params.yaml")
    assert isinstance(params, Params)
    assert (params.dataset, params.model, params.recipe, params.lr) == ("mnist", "mnistnet", "modern_digits", "auto")
    assert params.recipe_for(IMAGE).flagged_ones == 0.5
    assert type(params.recipe_for(IMAGE)) is Recipe


def test_the_committed_file_searches_the_128_candidates_of_the_paper() -> None:
    search = load_params(ROOT / "params.yaml").search_spec
    assert search.space.keys() == {"lr", "max_epochs", "batch_size", "optimizer"}
    units = {"num_units", "out_units", "fout_units"}
    assert search.architecture.keys() == units | {"nonlinearity", "dropout", "dropout_maps"}
    assert math.prod(len(values) for values in (*search.space.values(), *search.architecture.values())) == 128
    assert (search.cv, search.strategy, search.engine) == (3, "halving", "auto")


def test_a_search_has_the_architectures_of_the_chosen_model_alone(tmp_path: Path) -> None:
    params = load_params(with_changes(tmp_path, ("model: mnistnet", "model: mlp")))
    assert params.search_spec.architecture == {"hidden_1": [128, 256], "hidden_2": [64]}
    assert params.search_spec.max_images == 20480


def test_an_argument_may_be_named_as_a_training_parameter(tmp_path: Path) -> None:
    path = with_changes(tmp_path, ("      num_units: [10]", "      optimizer: [tanh, relu]"))
    search = load_params(path).search_spec
    assert search.architecture["optimizer"] == ["tanh", "relu"]
    assert search.space["optimizer"] == ["adam", "rmsprop"]


def test_every_key_of_the_committed_file_has_a_comment() -> None:
    lines = [line.strip() for line in COMMITTED.splitlines() if line.strip()]
    explained = {line.partition(":")[0] for above, line in pairwise(lines) if above.startswith("#")}
    sections = (Params, FolderSpec, NormalizeStats, Explore, Search, Space, Recipe, Hardening, Evaluate, Calibrate)
    # Those of the folder's section and of `height` speak of these, too.
    explained |= {"path", "width"}
    for section in (*sections, Robustness):
        assert set(section.model_fields) <= explained, section


def test_params_cannot_be_changed_after_loading() -> None:
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 3


def test_names_known_are_the_files_that_are_there() -> None:
    expected = ["best", "fast", "googlenet", "lenet5", "mlp", "mnistnet", "resnet18", "shah", "wang"]
    assert known_names("models") == expected
    sources = set(known_names("data/sources"))
    assert {"digits", "mnist", "kmnist", "fashion_mnist", "qmnist", "emnist_digits", "cifar10", "folder"} <= sources
    assert not any(name.startswith("_") for name in sources)
    assert set(WITHOUT_ONES) <= sources
    assert "svm" in known_names("baselines")


def test_all_mistakes_stand_in_one_message(tmp_path: Path) -> None:
    path = with_changes(
        tmp_path,
        ("dataset: mnist", "dataset: mnits"),
        ("lr: auto", "lr: -1"),
        ("seed: 0", "seed: zero"),
        ("  cv: 3", "  cv: 1"),
        ("    batch_size: [32, 64]", "    batch_size: []"),
        ("  gallery: 60", "  galery: 60"),
        ("    shift: 0", "    shift: 101"),
        ("recipe: modern_digits", "recipe: moden"),
    )
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    text = str(caught.value)
    for line in [
        f"params.yaml: dataset: got 'mnits', expected one of {', '.join(known_names('data/sources'))}; "
        "did you mean 'mnist'?",
        "params.yaml: lr: got -1, expected a number > 0 or 'auto'",
        "params.yaml: seed: got 'zero', expected a whole number from 0 to 4294967295",
        "params.yaml: search.cv: got 1, expected a whole number >= 2",
        "params.yaml: search.space.batch_size: got [], expected a list of one or more different values, "
        "each a whole number >= 1",
        "params.yaml: evaluate.galery: is no known key; did you mean 'gallery'?",
        "params.yaml: evaluate.gallery: is missing, expected a whole number from 1 to 400",
        "params.yaml: recipes.paper.shift: got 101, expected pixels from 0 to 100",
        "params.yaml: recipe: got 'moden', expected one of drawings, modern, modern_digits, paper, photographs, "
        "robust; did you mean 'modern'?",
    ]:
        assert line in text.splitlines() or f"  {line}" in text.splitlines(), line
    assert text.startswith("9 mistakes in params.yaml (nothing was run or written):")
    assert len(caught.value.mistakes) == 9


def test_datasets_without_handwritten_ones_are_those_whose_class_1_is_something_else() -> None:
    for name in known_names("data/sources"):
        spec = getattr(importlib.import_module(f"digitrec.data.sources.{name}"), "SPEC", None)
        if spec:
            handwritten = spec.image.preparation == "mnist" and spec.image.classes[1] == "1"
            assert (name in WITHOUT_ONES) is not handwritten, name


@pytest.mark.parametrize("dataset", ["fashion_mnist", "kmnist", "gtsrb", "eurosat"])
def test_a_recipe_that_draws_on_ones_is_refused_where_there_are_none(tmp_path: Path, dataset: str) -> None:
    changed = ("dataset: mnist", f"dataset: {dataset}")
    (mistake,) = mistakes_of(with_changes(tmp_path, changed))
    assert mistake.startswith("recipe: got 'modern_digits', whose flagged_ones draws on handwritten ones")
    assert f"but {dataset} has none" in mistake
    assert load_params(with_changes(tmp_path, changed, ("recipe: modern_digits", "recipe: modern"))).dataset == dataset


@pytest.mark.parametrize(
    "image",
    [
        COLOUR,
        IMAGE.model_copy(update={"channels": 3}),
        IMAGE.model_copy(update={"classes": ("1", "2")}),
        IMAGE.model_copy(update={"classes": ("0", "one")}),
        IMAGE.model_copy(update={"preparation": "resize"}),
        IMAGE.model_copy(update={"height": 8, "width": 8}),
    ],
)
def test_a_recipe_that_draws_on_ones_is_refused_where_there_are_none_of_mnists_form(
    tmp_path: Path, image: ImageSpec
) -> None:
    params = load_params(with_changes(tmp_path, ("dataset: mnist", "dataset: folder")))
    with pytest.raises(ParamsError) as caught:
        params.recipe_for(image)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("recipe: got 'modern_digits', whose flagged_ones draws on handwritten ones as MNIST")
    assert f"but 'folder' has {image.classes[0]}, {image.classes[1]}" in mistake
    path = with_changes(
        tmp_path, ("dataset: mnist", "dataset: folder"), ("recipe: modern_digits", "recipe: photographs")
    )
    assert load_params(path).recipe_for(image).flip == 0.5


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("mean", "0.1", 0.1),
        ("mean", "0", 0.0),
        ("mean", "[0.5, 0.4, 1]", [0.5, 0.4, 1.0]),
        ("std", "0.3", 0.3),
        ("std", "[0.2]", [0.2]),
        ("std", "[.2, 3e-1, 0.25]", [0.2, 0.3, 0.25]),
    ],
)
def test_statistics_are_numbers_or_lists_of_one_a_channel(tmp_path: Path, key: str, text: str, value: object) -> None:
    params = load_params(with_changes(tmp_path, (f"  {key}: auto", f"  {key}: {text}")))
    assert getattr(params.normalize_stats, key) == value


@pytest.mark.parametrize(
    ("key", "text", "shown"),
    [
        ("mean", "[]", "[]"),
        ("mean", "[0.1, 0.2, 0.3, 0.4]", "[0.1, 0.2, 0.3, 0.4]"),
        ("mean", "[0.1, 2, 0.3]", "[0.1, 2, 0.3]"),
        ("mean", "[auto]", "['auto']"),
        ("std", "[0.1, 0, 0.3]", "[0.1, 0, 0.3]"),
        ("std", "-1", "-1"),
    ],
)
def test_other_statistics_are_one_mistake(tmp_path: Path, key: str, text: str, shown: str) -> None:
    expected = {"mean": "a number from 0 to 1", "std": "a number above 0 and at most 1"}[key]
    assert mistakes_of(with_changes(tmp_path, (f"  {key}: auto", f"  {key}: {text}"))) == [
        f"normalize_stats.{key}: got {shown}, expected {expected}, a list of such, one a channel, or 'auto'"
    ]


def test_ones_own_folder_is_described(tmp_path: Path) -> None:
    path = with_changes(
        tmp_path,
        ("  path: data/own", "  path: ../Bilder von Tieren"),
        ("  height: auto", "  height: 48"),
        ("  colour: auto", "  colour: grey"),
        ("  test_share: 0.2", "  test_share: .25"),
        ("  skip_damaged: false", "  skip_damaged: true"),
    )
    assert load_params(path).folder == FolderSpec(
        path="../Bilder von Tieren", height=48, width="auto", colour="grey", test_share=0.25, seed=0, skip_damaged=True
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("path: data/own", "path: ''", "path: got '', expected a folder"),
        ("path: data/own", "path:", "path: got nothing, expected a folder"),
        ("height: auto", "height: 0", "height: got 0, expected a whole number >= 1, or 'auto'"),
        ("height: auto", "height: 28.5", "height: got 28.5, expected a whole number >= 1, or 'auto'"),
        ("width: auto", "width: wide", "width: got 'wide', expected a whole number >= 1, or 'auto'"),
        ("colour: auto", "colour: gray", "colour: got 'gray', expected auto, grey or rgb"),
        ("test_share: 0.2", "test_share: 0", "test_share: got 0, expected a number above 0 and below 1"),
        ("test_share: 0.2", "test_share: 20%", "test_share: got '20%', expected a number above 0 and below 1"),
        ("seed: 0", "seed: -1", "seed: got -1, expected a whole number from 0 to 4294967295"),
        ("skip_damaged: false", "skip_damaged: yes", "skip_damaged: got 'yes', expected true or false"),
        ("path: data/own", "path: data/own\n  color: rgb", "color: is no known key; did you mean 'colour'?"),
    ],
)
def test_a_mistake_about_ones_own_folder_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert mistakes_of(with_changes(tmp_path, (f"  {old}", f"  {new}"))) == [f"folder.{expected}"]


def test_what_the_folder_section_lacks_is_named_and_all_of_it_at_once(tmp_path: Path) -> None:
    path = with_changes(tmp_path, ("  path: data/own", ""), ("  colour: auto", "  colour: 3"), ("  seed: 0", ""))
    assert mistakes_of(path) == [
        "folder.path: is missing, expected a folder",
        "folder.colour: got 3, expected auto, grey or rgb",
        "folder.seed: is missing, expected a whole number from 0 to 4294967295",
    ]


@pytest.mark.parametrize("text", ["1.0", "1.5", "1e1", "-1", "4294967296", "true", "yes", "''", "'1'"])
def test_a_seed_is_a_whole_number_and_nothing_else(tmp_path: Path, text: str) -> None:
    (mistake,) = mistakes_of(with_changes(tmp_path, ("seed: 0", f"seed: {text}")))
    assert mistake.startswith("seed: got ")
    assert mistake.endswith("expected a whole number from 0 to 4294967295")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  mean: auto", "  mean: 1.5", "normalize_stats.mean: got 1.5, expected a number from 0 to 1, a list"),
        ("  std: auto", "  std: 0", "normalize_stats.std: got 0, expected a number above 0 and at most 1, a"),
        ("batch_size: auto", "batch_size: 0", "batch_size: got 0, expected a whole number >= 1 or 'auto'"),
        ("batch_size: auto", "batch_size: 32.0", "batch_size: got 32.0, expected a whole number >= 1 or 'auto'"),
        ("batch_size: auto", "batch_size: Auto", "batch_size: got 'Auto', expected a whole number >= 1 or 'auto'"),
        ("optimizer: auto", "optimizer: Adam", "optimizer: got 'Adam', expected adam, rmsprop, sgd or 'auto'"),
        ("  strategy: halving", "  strategy: random", "search.strategy: got 'random', expected grid or halving"),
        ("  factor: 4", "  factor: 1", "search.factor: got 1, expected a whole number >= 2"),
        ("  tsne_images: 1000", "  tsne_images: 9", "explore.tsne_images: got 9, expected a whole number >= 10"),
        ("  confused_pairs: 10", "  confused_pairs: 0", "evaluate.confused_pairs: got 0, expected a whole number"),
        ("    schedule: one_cycle", "    schedule: cosine", "recipes.modern.schedule: got 'cosine', expected constant"),
        ("    valid_fraction: 0.1", "    valid_fraction: 1", "recipes.modern.valid_fraction: got 1, expected a number"),
        ("    outside: black", "    outside: white", "recipes.paper.outside: got 'white', expected black or edge"),
        ("    flip: 0.5", "    flip: 1.5", "recipes.photographs.flip: got 1.5, expected a number from 0 to 1"),
        (
            "    class_weight: none",
            "    class_weight: 1",
            "recipes.paper.class_weight: got 1, expected none or balanced",
        ),
        (
            "    crop_area: [1, 1]",
            "    crop_area: [1, 0.5]",
            "recipes.paper.crop_area: got [1, 0.5], expected [lowest, h",
        ),
        (
            "    crop_area: [1, 1]",
            "    crop_area: 0.5",
            "recipes.paper.crop_area: got 0.5, expected [lowest, highest], a",
        ),
        ("    scale: 0.1", "    scale: 1", "recipes.modern.scale: got 1, expected a number from 0 to below 1"),
        (
            "    loss_input: logits",
            "    loss_input: log",
            "recipes.modern.loss_input: got 'log', expected logits or so",
        ),
        (
            "      noise: 0.2",
            "      noise: -1",
            "recipes.modern_digits.hardening.noise: got -1, expected a number from 0 to 1",
        ),
        (
            "      patch: 0.1",
            "      path: 0.1",
            "recipes.modern_digits.hardening.path: is no known key; did you mean 'patch'",
        ),
        ("  attacked_images: 1000", "  attacked_images: 0", "robustness.attacked_images: got 0, expected a whole num"),
        ("model: mnistnet", "model: lenet", "model: got 'lenet', expected one of best, fast, googlenet, lenet5, mlp"),
        ("  - svm", "  - smv", "baselines[6]: got 'smv', expected one of decision_tree, gaussian_naive_bayes, knn"),
        ("  - svm", "  - mlp", "baselines: got ['decision_tree', "),
        ("    lr: [0.0001, 0.001]", "    lr: [0.0001, -1]", "search.space.lr[1]: got -1, expected a list of one or"),
        ("    lr: [0.0001, 0.001]", "    lr: 0.001", "search.space.lr: got 0.001, expected a list of one or more"),
        ("    lr: [0.0001, 0.001]", "    lr: [0.001, 1e-3]", "search.space.lr: got [0.001, 0.001], expected a list wi"),
        ("    lr: [0.0001, 0.001]", "    lr: [1, 1.0]", "search.space.lr: got [1, 1.0], expected a list without rep"),
        ("    optimizer: [adam, rmsprop]", "    optimizer: [adam, adma]", "search.space.optimizer[1]: got 'adma', exp"),
        ("      num_units: [10]", "      num_units: []", "search.architectures.mnistnet.num_units: got [], expected"),
        ("      num_units: [10]", "      num_units: [yes, true]", "search.architectures.mnistnet.num_units[1]: got T"),
        (
            "    lenet5: {}",
            "    lenet6: {}",
            "search.architectures.lenet6: got {}, expected one of best, fast, googlenet",
        ),
        ("  max_images: 20480", "  max_images: 319", "search.max_images: got 319, expected at least min_images (320)"),
    ],
)
def test_a_mistake_names_key_value_and_what_was_expected(tmp_path: Path, old: str, new: str, expected: str) -> None:
    (mistake,) = mistakes_of(with_changes(tmp_path, (old, new)))
    assert mistake.startswith(expected)


def test_a_model_without_a_section_of_architectures_is_told_so(tmp_path: Path) -> None:
    path = with_changes(tmp_path, ("    lenet5: {}", ""), ("model: mnistnet", "model: lenet5"))
    assert mistakes_of(path) == [
        "search.architectures: has no section for the model 'lenet5'; add `lenet5: {}`",
    ]


def test_unknown_keys_are_answered_with_the_nearest_known_one(tmp_path: Path) -> None:
    path = write_params(tmp_path, COMMITTED + "batchsize: 3\nzzz: 1\n")
    assert mistakes_of(path) == ["batchsize: is no known key; did you mean 'batch_size'?", "zzz: is no known key"]


def test_missing_keys_and_sections_are_named(tmp_path: Path) -> None:
    path = with_changes(tmp_path, ("seed: 0", ""), ("  cv: 3", ""), ("  std: auto", ""))
    assert mistakes_of(path) == [
        "seed: is missing, expected a whole number from 0 to 4294967295",
        "normalize_stats.std: is missing, expected a number above 0 and at most 1, a list of such, one a channel, or "
        "'auto'",
        "search.cv: is missing, expected a whole number >= 2",
    ]


def test_an_empty_section_is_a_mistake(tmp_path: Path) -> None:
    path = write_params(
        tmp_path, COMMITTED.partition("normalize_stats:")[0] + "normalize_stats:\nsearch: 3\nrecipes: {}\n"
    )
    mistakes = mistakes_of(path)
    assert "normalize_stats: got nothing, expected a section of keys" in mistakes
    assert "search: got 3, expected a section of keys" in mistakes
    assert any(mistake.startswith("recipes: got {}") for mistake in mistakes)
    assert any(mistake.startswith("recipe: got 'modern_digits'") for mistake in mistakes)
    assert any(mistake.startswith("baselines: is missing") for mistake in mistakes)
