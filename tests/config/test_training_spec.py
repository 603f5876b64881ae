import pytest

from digitrec.config.params import Params, load_params
from digitrec.errors import ParamsError
from digitrec.spec import Hyperparameters, Recipe, TrainingSpec
from tests.tiny import COLOUR, IMAGE, NORMALIZATION, ROOT, SMALL_MLP

BEST = Hyperparameters(lr=0.002, batch_size=32, max_epochs=15, optimizer="rmsprop", architecture=SMALL_MLP)


def _params(**changes: object) -> Params:
    given = {"model": "mlp", "dataset": "digits", "max_epochs": "auto"}
    return load_params(ROOT / "params.yaml").model_copy(update=given | changes)


def test_auto_takes_the_searchs_winner() -> None:
    params = _params(seed=5)
    training = params.training(BEST, IMAGE, NORMALIZATION)
    assert training == TrainingSpec(
        **dict(BEST), model="mlp", recipe=params.recipe_for(IMAGE), normalization=NORMALIZATION, seed=5
    )
    assert training.architecture == SMALL_MLP
    assert training.recipe.schedule == "one_cycle"
    assert type(training.recipe) is Recipe
    assert TrainingSpec.model_validate_json(training.model_dump_json()) == training


@pytest.mark.parametrize(("key", "value"), [("lr", 0.1), ("batch_size", 8), ("max_epochs", 1), ("optimizer", "sgd")])
def test_a_value_overrides_the_winner_and_nothing_else(key: str, value: object) -> None:
    automatic = _params().training(BEST, IMAGE, NORMALIZATION)
    changed = _params(**{key: value}).training(BEST, IMAGE, NORMALIZATION)
    assert changed == automatic.model_copy(update={key: value})


def test_an_argument_of_the_network_named_as_a_training_parameter_stays_apart() -> None:
    best = BEST.model_copy(update={"architecture": {"optimizer": "tanh"}})
    training = _params(optimizer="sgd").training(best, IMAGE, NORMALIZATION)
    assert (training.optimizer, training.architecture) == ("sgd", {"optimizer": "tanh"})


def test_a_recipe_that_makes_no_sense_for_the_images_is_refused() -> None:
    with pytest.raises(ParamsError, match="flagged_ones"):
        _params(recipe="modern_digits").training(BEST, COLOUR, NORMALIZATION)
    assert _params(recipe="modern").training(BEST, COLOUR, NORMALIZATION).recipe.flagged_ones == 0
