import csv
import json

import numpy as np
import pytest
import torch

from digitrec.baselines import knn
from digitrec.comparison import FINAL
from digitrec.corruptions import CORRUPTIONS
from digitrec.robustness import (
    CLEAN,
    adversarial_images,
    baseline_answers,
    mean_corruption_error,
    network_answers,
    network_logits,
    robustness_metrics,
    score_all,
    spread,
)
from digitrec.robustness_figures import robustness_figure, samples_figure, title
from digitrec.scores import wilson_interval
from tests.conftest import Pipeline
from tests.tiny import all_digits, baseline_predictions, small_classifier, some_digits

IMAGES, LABELS = some_digits(120)
CLASSIFIER = small_classifier(max_epochs=6).fit(IMAGES, LABELS)


def test_rows_are_spread_evenly_and_all_are_taken_where_there_are_fewer() -> None:
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(10_000, 2000).tolist() == list(range(0, 10_000, 5))
    assert spread(7, 3).tolist() == [0, 2, 4]
    assert spread(3, 1000).tolist() == [0, 1, 2]


def test_the_network_answers_bytes_and_pixels_as_it_does_elsewhere() -> None:
    sets = {"bytes": IMAGES, "pixels": IMAGES / np.float32(255), "few": IMAGES[:3]}
    answers = network_answers(CLASSIFIER, sets)
    assert np.array_equal(answers["bytes"], CLASSIFIER.predict(IMAGES))
    assert np.array_equal(answers["pixels"], answers["bytes"])
    assert np.array_equal(answers["few"], answers["bytes"][:3])


def test_a_baseline_is_asked_as_it_was_fitted() -> None:
    class _Sum:
        def predict(self, x: np.ndarray) -> np.ndarray:
            assert x.shape[1:] == (784,)
            return x.sum(1)

    sets = {"bytes": IMAGES, "pixels": IMAGES / np.float32(255)}
    answers = baseline_answers(_Sum(), sets)
    assert answers["bytes"] == pytest.approx(IMAGES.sum((1, 2)) / 255, rel=1e-5)
    assert np.array_equal(answers["bytes"], answers["pixels"])


def test_attacks_are_named_and_the_more_they_may_change_the_more_they_do() -> None:
    adversarial = adversarial_images(CLASSIFIER, IMAGES, LABELS)
    assert list(adversarial) == ["fgsm_0.1", "fgsm_0.2", "fgsm_0.3", "pgd_0.1", "pgd_0.2", "pgd_0.3"]
    for name, images in adversarial.items():
        assert np.abs(images - IMAGES / np.float32(255)).max() == pytest.approx(float(name[-3:]), abs=1e-6)
    answers = network_answers(CLASSIFIER, adversarial)
    right = {name: np.mean(guess == LABELS) for name, guess in answers.items()}
    assert right["pgd_0.1"] <= right["fgsm_0.1"] < np.mean(CLASSIFIER.predict(IMAGES) == LABELS)
    assert right["pgd_0.3"] <= right["pgd_0.1"]
    again = adversarial_images(CLASSIFIER, IMAGES, LABELS)
    assert all(np.array_equal(adversarial[name], again[name]) for name in again)


def test_logits_are_those_of_the_normalized_image() -> None:
    pixels = torch.from_numpy(IMAGES / np.float32(255)).unsqueeze(1)
    logits = network_logits(CLASSIFIER, pixels)
    assert logits.softmax(1).detach().numpy() == pytest.approx(CLASSIFIER.predict_proba(IMAGES), abs=1e-5)


def test_every_corruption_counts_the_same() -> None:
    wrong = np.array([[True, True, False, False], [False, True, False, False]])
    scores = mean_corruption_error(wrong)
    assert scores["mean_corruption_error"] == pytest.approx((0.5 + 0.25) / 2)
    assert scores["n"] == 4
    # Of the images' errors 0.5, 1, 0 and 0 the deviation is 0.4146.
    assert scores["mean_corruption_error_ci95"] == pytest.approx([0, 0.375 + 1.96 * 0.414578 / 2], rel=1e-4)
    assert mean_corruption_error(np.zeros((2, 4), bool))["mean_corruption_error_ci95"] == [0.0, 0.0]


def _answers(n_wrong: int, truth: np.ndarray) -> np.ndarray:
    guess = truth.copy()
    guess[:n_wrong] = (guess[:n_wrong] + 1) % 10
    return guess


FEW, ATTACKED = spread(120, 40), spread(120, 10)
ANSWERS = {
    FINAL: {
        CLEAN: _answers(1, LABELS),
        **{name: _answers(12 + k, LABELS) for k, name in enumerate(CORRUPTIONS)},
        "fgsm_0.1": _answers(5, LABELS[ATTACKED]),
    },
    "knn": {
        CLEAN: _answers(2, LABELS[FEW]),
        **{name: _answers(20, LABELS[FEW]) for name in CORRUPTIONS},
        "fgsm_0.1": _answers(3, LABELS[ATTACKED]),
    },
}


def test_each_answer_is_held_against_the_label_of_its_image() -> None:
    rows, means = score_all(LABELS, ANSWERS, FEW, ATTACKED)
    by_name = {(row["classifier"], row["condition"]): row for row in rows}
    assert len(rows) == 2 * 17
    assert by_name[FINAL, "clean"]["errors"] == 1
    assert (by_name[FINAL, "fog"]["errors"], by_name[FINAL, "fog"]["n"]) == (12 + list(CORRUPTIONS).index("fog"), 120)
    assert (by_name["knn", "fog"]["errors"], by_name["knn", "fog"]["n"]) == (20, 40)
    attack = by_name["knn", "fgsm_0.1"]
    assert (attack["errors"], attack["n"], attack["kind"]) == (3, 10, "transferred")
    assert [attack["accuracy_low"], attack["accuracy_high"]] == wilson_interval(7, 10)
    assert by_name[FINAL, "fgsm_0.1"]["kind"] == "white_box"
    assert by_name["knn", "clean"]["kind"] == "clean"
    assert means[FINAL]["mean_corruption_error"] == pytest.approx(np.mean([12 + k for k in range(15)]) / 120)
    assert means["knn"]["mean_corruption_error"] == pytest.approx(0.5)


def test_metrics_hold_the_final_models_scores_and_a_number_a_baseline() -> None:
    metrics = robustness_metrics(*score_all(LABELS, ANSWERS, FEW, ATTACKED))
    assert metrics["n"] == 120
    assert metrics["n_attacked"] == 10
    assert metrics["n_baselines"] == 40
    assert metrics["baselines"] == {"knn": 0.5}
    assert list(metrics["accuracy"]) == list(ANSWERS[FINAL])
    assert metrics["accuracy"]["fgsm_0.1"] == 0.5
    json.dumps(metrics)


def test_pictures_name_every_condition() -> None:
    figure = robustness_figure(*score_all(LABELS, ANSWERS, FEW, ATTACKED))
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["clean", *map(title, CORRUPTIONS), "mean of the corruptions", "FGSM, eps 0.1"]
    cells = [text.get_text() for text in axes.texts]
    # Row by row, the more robust classifier first.
    assert cells[:2] == ["99.2", "95.0"]
    assert cells[-2:] == ["50.0", "70.0"]
    samples = samples_figure({CLEAN: IMAGES, "pgd_0.2": IMAGES[:5] / 255}, {CLEAN: [4], "pgd_0.2": [9]}, 4)
    titles = [axes.get_title() for axes in samples.axes]
    assert titles[:2] == ["clean\n→ 4", "PGD, eps 0.2\n→ 9"]
    assert {image.get_clim() for axes in samples.axes for image in axes.images} == {(0, 1)}


def test_the_stage_scores_all_and_its_files_agree(finished: Pipeline) -> None:
    metrics = json.loads((finished.folder / "metrics/robustness.json").read_text())
    with open(finished.folder / "plots/robustness.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["classifier"] for row in rows} == {FINAL, "gaussian_naive_bayes", "knn"}
    assert len(rows) == 3 * (1 + 15 + 6)
    evaluation = json.loads((finished.folder / "metrics/evaluate.json").read_text())
    comparison = json.loads((finished.folder / "metrics/compare_baselines.json").read_text())
    clean = {row["classifier"]: float(row["accuracy"]) for row in rows if row["condition"] == "clean"}
    assert clean == {name: row["accuracy"] for name, row in comparison.items()}
    assert metrics["accuracy"]["clean"] == evaluation["accuracy"]
    errors = [1 - float(row["accuracy"]) for row in rows if (row["classifier"], row["kind"]) == ("knn", "corruption")]
    assert metrics["baselines"]["knn"] == pytest.approx(np.mean(errors))
    assert metrics["n"] == metrics["n_baselines"] == metrics["n_attacked"] == len(all_digits().test_labels)


def test_the_baselines_of_the_stage_are_those_of_their_own_stage(finished: Pipeline) -> None:
    # A baseline of 400 images answers otherwise, so this tells one fit from another.
    data = all_digits()
    model = knn.build(0).fit(data.train_images.reshape(-1, 784) / np.float32(255), data.train_labels)
    answers = baseline_answers(model, {CLEAN: data.test_images})[CLEAN]
    assert np.array_equal(answers, np.load(finished.folder / "data/baselines/knn/predictions.npy"))
    few = knn.build(0).fit(data.train_images[:400].reshape(400, -1) / 255, data.train_labels[:400])
    assert not np.array_equal(baseline_predictions(few), answers)
