from pathlib import Path

import pytest
import yaml

from digitrec.errors import ParamsError
from digitrec.reproduction.claims import load_claims
from digitrec.reproduction.costs import VARIANTS
from digitrec.reproduction.systems import load_systems
from digitrec.spec import Normalization, Recipe
from digitrec.training.network import build_network, count_parameters
from tests.tiny import IMAGE, ROOT

COMMITTED = load_systems(ROOT / "reproduction/params.yaml")
# Of the layers that the papers describe; the sizes of wang and pham-mlp are assumed.
PARAMETERS = {
    "okon": 93_390,
    "wang": 21_840,
    "shah": 421_642,
    "pham-resnet18": 11_175_370,
    "pham-mlp": 105_306,
    "pham-mlp-two-layers": 105_214,
    "pham-lenet": 61_706,
    "pham-googlenet": 9_954_366,
    "ffn": 109_386,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_systems_have_the_parameters_of_the_layers_described(name: str) -> None:
    system = COMMITTED.systems[name]
    network = build_network(system.model, system.architecture, IMAGE, system.normalization)
    assert count_parameters(network) == PARAMETERS[name]


def test_a_training_is_the_systems_with_its_normalization_and_a_seed() -> None:
    training = COMMITTED.systems["okon"].training(3)
    assert (training.model, training.lr, training.max_epochs, training.seed) == ("mnistnet", 0.0001, 20, 3)
    assert training.normalization == Normalization(mean=0.1, std=0.3)
    assert training.recipe == Recipe(loss_input="softmax", valid_fraction=0.2)
    assert training.architecture["nonlinearity"] == "relu"
    other = COMMITTED.suspicious_labels.training_with(Normalization(mean=0.5, std=0.2), 7)
    assert (other.recipe.schedule, other.normalization.mean, other.seed) == ("one_cycle", (0.5,), 7)


def test_the_sweep_has_every_network_at_every_other_learning_rate_for_ten_epochs() -> None:
    for network in ("mlp", "lenet", "resnet18", "googlenet"):
        base = COMMITTED.systems[f"pham-{network}"]
        assert (base.lr, base.max_epochs) == (0.0002, 25)
        for suffix, lr in {"2e-2": 0.02, "1e-2": 0.01, "1e-4": 0.0001}.items():
            system = COMMITTED.systems[f"pham-{network}-lr-{suffix}"]
            assert (system.lr, system.max_epochs) == (lr, 10)
            assert (system.model, system.recipe, system.batch_size) == (base.model, base.recipe, 64)


def test_variants_differ_from_their_system_in_what_their_name_says_alone() -> None:
    def differences(one: str, other: str) -> set[str]:
        first, second = (COMMITTED.systems[name].model_dump() for name in (one, other))
        changed = {key for key in first if first[key] != second[key]}
        if "recipe" in changed:
            recipes = first["recipe"], second["recipe"]
            changed |= {key for key in recipes[0] if recipes[0][key] != recipes[1][key]}
        return changed - {"recipe"}

    assert differences("okon", "okon-logits") == {"loss_input"}
    assert differences("okon", "okon-statistics") == {"mean", "std"}
    assert differences("wang", "wang-no-dropout") == {"architecture"}
    assert differences("shah", "shah-no-augmentation") == {"rotation", "crop_area", "crop_ratio", "shift"}
    assert differences("shah", "shah-dropout") == {"architecture"}
    assert differences("shah", "shah-next-steps") == {"architecture", "schedule"}
    assert differences("pham-mlp", "pham-mlp-two-layers") == {"architecture"}
    assert differences("ffn", "ffn-lr-1e-1") == {"lr"}


def test_every_variant_is_told_of_with_its_system_on_the_page_or_has_claims_or_is_of_the_sweep() -> None:
    claims = load_claims(ROOT / "reproduction/claims.yaml", COMMITTED.systems)
    held = {name for claim in claims for name in (claim.measured_by, claim.minus)} | {"okon-logits", "okon-statistics"}
    # The tuning that the report lacked.
    tuned = {"ffn-lr-1e-1", "ffn-lr-3e-1"}
    assert set(COMMITTED.systems) - held - tuned <= set(VARIANTS) <= set(COMMITTED.systems)
    assert {of for of, _ in VARIANTS.values()} <= set(COMMITTED.systems)


def _changed(tmp_path: Path, **okon: object) -> Path:
    values = yaml.safe_load((ROOT / "reproduction/params.yaml").read_text())
    values["systems"]["okon"] |= okon
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as raised:
        load_systems(_changed(tmp_path, model="mnistnett", lr=-1, seeds=[1, 1], recipe={"crop_area": [1.0, 0.7]}))
    text = str(raised.value)
    assert "4 mistakes" in text
    for part in (
        "systems.okon.model: got 'mnistnett', expected one of best, fast, googlenet",
        "systems.okon.lr: got -1, expected a number > 0",
        "systems.okon.seeds: got [1, 1], expected a list without repeated values",
        "systems.okon.recipe.crop_area: got [1.0, 0.7], expected [lowest, highest], the lowest first",
    ):
        assert part in text


def test_a_network_that_is_searched_needs_values_to_search(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as raised:
        load_systems(_changed(tmp_path, model="lenet5", architecture={}))
    assert raised.value.mistakes == ["search.architectures: has no section for the model 'lenet5'; add `lenet5: {}`"]


def test_an_unknown_system_is_refused_by_name() -> None:
    with pytest.raises(ParamsError, match=r"has no 'okan', only .*; did you mean 'okon'"):
        COMMITTED.system("okan")


def test_a_system_may_be_left_for_later(tmp_path: Path) -> None:
    assert load_systems(_changed(tmp_path, seeds=[])).system("okon").seeds == []
