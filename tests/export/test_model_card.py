import re
from typing import Any

from digitrec.export.model_card import model_card
from digitrec.reading.exported import Exported
from digitrec.spec import ImageSpec
from tests.exported import MANY, RED_GREEN_BLUE, description
from tests.tiny import IMAGE, MODERN

CALIBRATED = {
    "n_valid": 6000,
    "threshold": 0.8147,
    "notes": [],
    "after": {"ece": 0.0036, "ece_ci95": [0.0028, 0.0045], "negative_log_likelihood": 0.0156, "brier": 0.0071},
    "answered": {"coverage": 0.985, "answered": 9850, "accuracy": 0.9988, "errors": 12},
}


def card(image: ImageSpec, calibrated: dict[str, Any] = CALIBRATED, **dataset: str) -> str:
    told = description(b"", image)
    told["dataset"] |= dataset
    exported = Exported.model_validate(told)
    recipe = exported.training.model_copy(update={"recipe": MODERN})
    return model_card(exported.model_copy(update={"training": recipe}), calibrated, 470_481, 116_710)


def test_a_card_describes_its_own_dataset() -> None:
    text = card(RED_GREEN_BLUE, licence="CC0 | public domain")
    assert text.startswith("# mlp on colours\n")
    for part in (
        "sheets of one colour",
        "24x16 colour",
        "3: red, green, blue",
        "CC0 | public domain",
        "(n, 16, 24, 3)",
    ):
        assert part in text
    assert "numpy.zeros((1, 16, 24, 3)" in text
    assert "116,710 parameters (470,481 bytes)" in text
    assert "90.00 % of 10 test images are right (95 % interval 60.00 % to\n  98.00 %; 1 error" in text
    assert "padded with the colour of their border" in text
    assert not re.search("mnist|digit(?!rec)|ink|United States", text, re.IGNORECASE)
    assert text.endswith(".\n")


def test_a_card_of_many_classes_names_the_first_and_counts_the_others() -> None:
    text = card(MANY)
    assert "41: 0 fortieths of white, 1 fortieths of white, " in text
    assert "11 fortieths of white and 29 more |" in text
    assert "12 fortieths" not in text


def test_what_is_true_of_mnist_alone_is_told_of_mnist_alone() -> None:
    assert "United States" in card(IMAGE, name="mnist")
    of_digits = card(IMAGE, name="digits")
    assert "United States" not in of_digits
    assert "their ink is found" in of_digits


def test_the_recipe_is_what_it_does() -> None:
    text = card(IMAGE)
    assert "Recipe: schedule one_cycle, valid_fraction 0.1, rotation 5.0, scale 0.05, shift 1.0.\n" in text


def test_the_threshold_is_the_one_that_the_shares_are_for() -> None:
    told = description(b"", IMAGE) | {"threshold": 0.5377}
    alone = model_card(Exported.model_validate(told), CALIBRATED, 1, 1)
    assert "`unsure` below a probability of 0.8147, 98.50 % of the test images" in alone
    assert "0.5377" not in alone
    both = model_card(Exported.model_validate(told | {"reader_sha256": "0" * 64}), CALIBRATED, 1, 1)
    assert "`unsure` below a probability of 0.8147, 98.50 % of the test images" in both
    assert "answers are `unsure` below 0.5377 of what both say together" in both


def test_a_threshold_that_nothing_reaches_has_no_accuracy() -> None:
    text = card(IMAGE, CALIBRATED | {"answered": {"coverage": 0.0, "answered": 0}})
    assert "0.00 % of the test images are answered.\n" in text


def test_what_is_not_known_of_the_calibration_is_told() -> None:
    assert "Note" not in card(IMAGE)
    text = card(IMAGE, CALIBRATED | {"notes": ["few errors", "no threshold is known"]})
    assert "errors).\n* Note: few errors.\n* Note: no threshold is known.\n\n## Limits" in text


def test_a_bar_in_a_name_does_not_end_the_tables_cell() -> None:
    image = RED_GREEN_BLUE.model_copy(update={"classes": ("a|b", "c", "d")})
    assert "3: a\\|b, c, d |" in card(image)
