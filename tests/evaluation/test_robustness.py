import csv
import json

import numpy as np
import pytest
from torch import nn

from digitrec.baselines import knn
from digitrec.baselines._kept import load_baseline
from digitrec.data.dataset import spread
from digitrec.evaluation import robustness
from digitrec.evaluation.comparison import FINAL
from digitrec.evaluation.corruptions import CORRUPTIONS, corrupt
from digitrec.evaluation.inference import predict_logits
from digitrec.evaluation.robustness import (
    ATTACKS,
    CLEAN,
    adversarial_images,
    answer_all,
    baseline_answers,
    mean_corruption_error,
    network_answers,
    robustness_metrics,
    score_all,
)
from digitrec.evaluation.scores import wilson_interval
from digitrec.spec import ImageSpec
from tests.conftest import TINY, Pipeline
from tests.tiny import COLOUR, IMAGE, all_digits, small_classifier, some_colours, some_digits

IMAGES, LABELS = some_digits(120)


def _trained(images: np.ndarray, labels: np.ndarray, image: ImageSpec = IMAGE) -> nn.Module:
    return small_classifier(image=image, max_epochs=6).fit(images, labels).module_.eval()


NETWORK = _trained(IMAGES, LABELS)


def _adversarial(name: str, images: np.ndarray = IMAGES, labels: np.ndarray = LABELS) -> np.ndarray:
    return np.concatenate(list(adversarial_images(NETWORK, images, labels, name)))


def test_the_network_answers_bytes_and_pixels_as_it_does_elsewhere() -> None:
    answers = network_answers(NETWORK, IMAGES)
    assert np.array_equal(answers, predict_logits(NETWORK, IMAGES).argmax(1))
    assert np.array_equal(network_answers(NETWORK, IMAGES / np.float32(255)), answers)
    assert np.array_equal(network_answers(NETWORK, IMAGES[:3]), answers[:3])


def test_a_baseline_is_asked_as_it_was_fitted() -> None:
    class _Sum:
        def predict(self, x: np.ndarray) -> np.ndarray:
            assert x.shape[1:] == (784,)
            return x.sum(1)

    answers = baseline_answers(_Sum(), IMAGES)
    assert answers == pytest.approx(IMAGES.sum((1, 2, 3)) / 255, rel=1e-5)
    assert np.array_equal(answers, baseline_answers(_Sum(), IMAGES / np.float32(255)))


def test_attacks_are_named_and_the_more_they_may_change_the_more_they_do() -> None:
    assert ATTACKS == ("fgsm_0.1", "fgsm_0.2", "fgsm_0.3", "pgd_0.1", "pgd_0.2", "pgd_0.3")
    right = {}
    for name in ATTACKS:
        changed = _adversarial(name)
        assert (changed.shape, changed.dtype) == (IMAGES.shape, np.float32)
        assert np.abs(changed - IMAGES / np.float32(255)).max() == pytest.approx(float(name[-3:]), abs=1e-6)
        right[name] = np.mean(network_answers(NETWORK, changed) == LABELS)
    clean = np.mean(network_answers(NETWORK, IMAGES) == LABELS)
    for attack in ("fgsm", "pgd"):
        assert right[f"{attack}_0.3"] < right[f"{attack}_0.1"] < clean - 0.2
    assert np.array_equal(_adversarial("pgd_0.1"), _adversarial("pgd_0.1"))


def test_images_are_attacked_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _adversarial("fgsm_0.2", IMAGES[:70], LABELS[:70])
    monkeypatch.setattr(robustness, "BATCH", 30)
    parts = list(adversarial_images(NETWORK, IMAGES[:70], LABELS[:70], "fgsm_0.2"))
    assert [len(part) for part in parts] == [30, 30, 10]
    # A gradient of nearly nought may round to the other side.
    assert np.mean(np.concatenate(parts) != whole) < 0.001


def test_every_classifier_answers_every_condition() -> None:
    images, labels = some_colours(40)
    network = _trained(images, labels, COLOUR)
    baseline = knn.build(0).fit(images.reshape(40, -1) / np.float32(255), labels)
    few, attacked = spread(40, 10), spread(40, 7)
    answers, samples = answer_all(network, {"knn": baseline}, images, labels, few, attacked)
    conditions = [CLEAN, *CORRUPTIONS, *ATTACKS]
    assert list(answers) == [FINAL, "knn"]
    for name, n in ((FINAL, 40), ("knn", 10)):
        assert list(answers[name]) == conditions
        assert {len(answers[name][condition]) for condition in (CLEAN, *CORRUPTIONS)} == {n}
        assert {len(answers[name][condition]) for condition in ATTACKS} == {7}
    fogged = corrupt(images, "fog", robustness.SEED)
    assert np.array_equal(answers[FINAL]["fog"], network_answers(network, fogged))
    assert np.array_equal(answers["knn"]["fog"], baseline_answers(baseline, fogged[few]))
    assert list(samples) == conditions
    assert np.array_equal(samples[CLEAN], images[0])
    assert np.array_equal(samples["fog"], fogged[0])
    # A byte is a 255th, and half of one is lost.
    change = np.abs(samples["fgsm_0.2"].astype(int) - images[0])
    assert (samples["fgsm_0.2"].dtype, change.max()) == (np.uint8, 51)


def test_every_corruption_counts_the_same() -> None:
    wrong = np.array([[True, True, False, False], [False, True, False, False]])
    scores = mean_corruption_error(wrong)
    assert scores["mean_corruption_error"] == pytest.approx((0.5 + 0.25) / 2)
    assert scores["n"] == 4
    # Of the images' errors 0.5, 1, 0 and 0 the variance is 0.171875: that of 5.4545 independent answers.
    assert scores["mean_corruption_error_ci95"] == wilson_interval(0.375 * 60 / 11, 60 / 11)


def test_many_images_give_the_normal_interval_over_images() -> None:
    rng = np.random.default_rng(0)
    # What is hard under one corruption is so under the others.
    wrong = rng.random((15, 10_000)) < rng.beta(0.3, 1, 10_000)
    scores, by_image = mean_corruption_error(wrong), wrong.mean(0)
    half = 1.96 * by_image.std() / 100
    low, high = scores["mean_corruption_error_ci95"]
    assert [low, high] == pytest.approx([by_image.mean() - half, by_image.mean() + half], abs=1e-4)


@pytest.mark.parametrize(("wrong", "successes"), [(False, 0), (True, 4)])
def test_where_all_is_right_or_wrong_the_interval_is_that_of_so_many_images(wrong: bool, successes: int) -> None:
    scores = mean_corruption_error(np.full((15, 4), wrong))
    assert scores["mean_corruption_error_ci95"] == wilson_interval(successes, 4)


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


def test_the_stage_scores_all_and_its_files_agree(finished: Pipeline) -> None:
    metrics = json.loads((finished.folder / "metrics/robustness.json").read_text())
    with open(finished.folder / "plots/robustness.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["classifier"] for row in rows} == {FINAL, "gaussian_naive_bayes", "knn"}
    assert len(rows) == 3 * (1 + 15 + 6)
    evaluation = json.loads((finished.folder / "metrics/evaluate.json").read_text())
    comparison = json.loads((finished.folder / "metrics/compare_baselines.json").read_text())
    clean = {row["classifier"]: float(row["accuracy"]) for row in rows if row["condition"] == "clean"}
    assert clean[FINAL] == comparison[FINAL]["accuracy"]
    # Baselines answer fewer images, evenly spread.
    few = spread(len(all_digits().test_labels), TINY["robustness"]["baseline_images"])
    for name in ("gaussian_naive_bayes", "knn"):
        predictions = np.load(finished.folder / f"data/baselines/{name}/predictions.npy")
        assert clean[name] == float((predictions == all_digits().test_labels)[few].mean())
    assert metrics["accuracy"]["clean"] == evaluation["accuracy"]
    errors = [1 - float(row["accuracy"]) for row in rows if (row["classifier"], row["kind"]) == ("knn", "corruption")]
    assert metrics["baselines"]["knn"] == pytest.approx(np.mean(errors))
    assert metrics["n"] == len(all_digits().test_labels)
    assert metrics["n_baselines"] == TINY["robustness"]["baseline_images"]
    assert metrics["n_attacked"] == TINY["robustness"]["attacked_images"]


def test_the_stage_keeps_an_image_for_each_condition_and_its_answer(finished: Pipeline) -> None:
    folder = finished.folder / "data/robustness"
    images, described = np.load(folder / "samples.npy"), json.loads((folder / "samples.json").read_text())
    data = all_digits()
    assert (images.dtype, images.shape) == (np.uint8, (1 + 15 + 6, *data.spec.image.shape))
    assert [each["condition"] for each in described] == [CLEAN, *CORRUPTIONS, *ATTACKS]
    assert {each["label"] for each in described} == {int(data.test_labels[0])}
    assert {each["answer"] for each in described} <= set(range(10))
    assert np.array_equal(images[0], data.test_images[0])


def test_the_baselines_of_the_stage_are_those_of_their_own_stage(finished: Pipeline) -> None:
    folder = finished.folder / "data/baselines/knn"
    data = all_digits()
    answers = baseline_answers(load_baseline(folder / "model.skops"), data.test_images)
    assert np.array_equal(answers, np.load(folder / "predictions.npy"))
    model = knn.build(0).fit(data.train_images.reshape(len(data.train_images), -1) / np.float32(255), data.train_labels)
    assert np.array_equal(answers, baseline_answers(model, data.test_images))
