import pytest
from pydantic import ValidationError
from sklearn.model_selection import ParameterGrid

from digitrec.search.space import candidate_of, columns, parameter_grid
from digitrec.spec import Hyperparameters, SearchSpec
from tests.search.candidates import search_spec


def test_every_combination_of_values_is_a_candidate() -> None:
    search = search_spec({"width": [8, 16], "optimizer": ["mine"]}, lr=[0.1, 0.2], max_epochs=[1])
    found = [candidate_of(params) for params in ParameterGrid(parameter_grid(search))]
    expected = [
        Hyperparameters(
            lr=lr, max_epochs=1, batch_size=32, optimizer="adam", architecture={"width": width, "optimizer": "mine"}
        )
        for lr in (0.1, 0.2)
        for width in (8, 16)
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_a_training_parameter_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="momentum"):
        SearchSpec(**search_spec().model_dump() | {"space": {"momentum": [0.9]}})


def test_arguments_have_their_own_names_in_tables_but_where_something_else_is_called_that() -> None:
    names = ("width", "optimizer", "score", "score_1", "round", "n_images", "lr")
    grid = parameter_grid(search_spec({name: [1] for name in names}))
    assert list(columns(grid)) == [
        "lr",
        "max_epochs",
        "batch_size",
        "optimizer",
        "width",
        *(f"architecture.{name}" for name in names[1:]),
    ]
