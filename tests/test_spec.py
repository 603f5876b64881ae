import pytest
from pydantic import ValidationError

from digitrec.spec import (
    DatasetSpec,
    FolderSpec,
    Hardening,
    Hyperparameters,
    ImageSpec,
    Normalization,
    Recipe,
    SearchSpec,
    Spec,
    TrainingSpec,
)
from tests.tiny import COLOUR, DATASET, IMAGE, SMALL_MLP, small_training

FULL_RECIPE = Recipe(
    **{"loss_input": "softmax", "schedule": "one_cycle", "momentum": 0.9, "valid_fraction": 0.2},
    **{"class_weight": "balanced", "rotation": 10, "scale": 0.1, "crop_area": [0.7, 1], "crop_ratio": [0.9, 1.1]},
    **{"shift": 2, "flip": 0.5, "outside": "edge", "flagged_ones": 0.5, "hardening": Hardening(noise=0.1)},
)
SPECS = [
    IMAGE,
    COLOUR,
    DATASET,
    DatasetSpec(name="folder", title="caf\u00e9s, \u52d5\u7269", licence="unknown", image=COLOUR),
    FolderSpec(path="x", height="auto", width=3, colour="rgb", test_share=0.5, seed=2**32 - 1, skip_damaged=False),
    Hardening(filter=0.5),
    Recipe(),
    FULL_RECIPE,
    Normalization(mean=0.1, std=0.3),
    Normalization(mean=(0.1, 0.2, 0.3), std=(0.3, 0.2, 0.1)),
    Hyperparameters(lr=1e-05, max_epochs=1, batch_size=2, optimizer="sgd", architecture={"a": "b", "c": 1, "d": 0.5}),
    small_training(recipe=FULL_RECIPE),
    SearchSpec(
        **{"strategy": "grid", "engine": "auto", "max_fits": 3, "cv": 2, "factor": 2, "min_images": 1},
        **{"max_images": 5, "space": {"lr": [0.1, 0.2]}, "architecture": {"hidden_1": [3], "kind": ["a"]}},
    ),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_every_specification_is_the_same_after_json(spec: Spec) -> None:
    kind = type(spec)
    assert kind.model_validate_json(spec.model_dump_json()) == spec
    # As it is read from a file that holds more than that.
    assert kind.model_validate(spec.model_dump(mode="json")) == spec
    assert kind.model_validate_json(spec.model_dump_json()).model_dump_json() == spec.model_dump_json()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_no_field_can_be_changed_or_added(spec: Spec) -> None:
    for field in type(spec).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(spec, field, getattr(spec, field))
    with pytest.raises(ValidationError):
        spec.other = 1
    with pytest.raises(ValidationError, match="other"):
        type(spec)(**dict(spec), other=1)


@pytest.mark.parametrize("spec", [ImageSpec, FolderSpec, Recipe, Hardening, Normalization, Hyperparameters])
def test_every_field_that_a_person_writes_says_what_was_expected(spec: type[Spec]) -> None:
    assert all(field.description for field in spec.model_fields.values())


def test_an_image_has_its_shape_as_an_array_and_as_a_networks_input() -> None:
    assert COLOUR.shape == (20, 24, 3)
    assert COLOUR.input_shape == (3, 20, 24)
    assert (COLOUR.n_classes, IMAGE.n_classes) == (3, 10)
    assert (str(COLOUR), str(IMAGE)) == ("24x20 colour", "28x28 grey")


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"width": 2.5},
        {"channels": 2},
        {"classes": ("one",)},
        {"classes": (1, 2)},
        {"preparation": "none"},
    ],
    ids=str,
)
def test_images_that_cannot_be_are_refused(changes: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        ImageSpec.model_validate(dict(IMAGE) | changes)


@pytest.mark.parametrize(
    "changes",
    [
        *({"lr": 0}, {"lr": "0.1"}, {"lr": float("nan")}, {"lr": float("inf")}, {"max_epochs": 0}),
        *({"batch_size": 2.5}, {"batch_size": True}, {"optimizer": "adamw"}, {"seed": 2**32}, {"seed": -1}),
        {"architecture": {"a": None}},
    ],
    ids=str,
)
def test_trainings_that_cannot_be_are_refused(changes: dict) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        TrainingSpec.model_validate(dict(small_training()) | changes)


def test_a_normalization_takes_a_number_or_one_a_channel() -> None:
    assert Normalization(mean=0.1, std=0.3) == Normalization(mean=[0.1], std=(0.3,))
    assert Normalization(mean=0.1, std=0.3).model_dump(mode="json") == {"mean": [0.1], "std": [0.3]}
    assert Normalization.model_validate({"mean": 0, "std": 1}).mean == (0.0,)


@pytest.mark.parametrize(
    ("mean", "std", "word"),
    [
        ((0.1, 0.2, 0.3), 0.3, "as many means as standard deviations, 1 or 3, not 3 and 1"),
        ((0.1, 0.2), (0.3, 0.3), "as many means as standard deviations, 1 or 3, not 2 and 2"),
        ((), (), "not 0 and 0"),
        (0.1, 0, "std"),
        (1.1, 0.3, "mean"),
        ("0.1", 0.3, "mean"),
        ((0.1, None, 0.2), (0.3, 0.3, 0.3), "mean"),
    ],
)
def test_a_normalization_that_cannot_be_is_refused(mean: object, std: object, word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        Normalization(mean=mean, std=std)


def test_a_recipe_does_only_what_it_says() -> None:
    recipe = Recipe()
    assert (recipe.loss_input, recipe.schedule, recipe.class_weight, recipe.outside) == (
        *("logits", "constant", "none", "black"),
    )
    assert not recipe.hardening
    assert Recipe(hardening=Hardening(patch=0.1)).hardening
    numbers = [value for value in dict(recipe).values() if isinstance(value, float)]
    assert len(numbers) == 7
    assert not any(numbers)


@pytest.mark.parametrize("value", [[1.0, 0.5], [0.5], [0.1, 0.5, 1.0], [0.0, 1.0], [0.5, 1.1], 0.5])
def test_a_range_is_its_lowest_and_its_highest(value: object) -> None:
    with pytest.raises(ValidationError, match="crop_area"):
        Recipe(crop_area=value)


def test_a_range_given_as_a_list_cannot_be_changed_either() -> None:
    given = [0.5, 1]
    recipe = Recipe(crop_area=given)
    given[0] = 0.1
    assert recipe.crop_area == (0.5, 1.0)
    assert recipe.model_dump(mode="json")["crop_area"] == [0.5, 1.0]


def test_training_parameters_and_a_networks_arguments_are_apart() -> None:
    training = small_training(architecture={**SMALL_MLP, "optimizer": "none", "lr": 3})
    assert (training.optimizer, training.lr) == ("adam", 0.003)
    assert training.model_dump()["architecture"]["lr"] == 3
