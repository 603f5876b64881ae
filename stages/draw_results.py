"""Draw what the final network and the baselines reached.

Reads   params.yaml, data/dataset.json, data/test, data/final/probabilities.npy, data/pages, data/robustness,
        metrics/calibrate.json, plots/{history,gridsearch,reliability,coverage,compare_baselines,robustness}.csv
Writes  plots/{confusion,errors,history,gridsearch,calibration,compare_baselines,robustness,robustness_samples}.png
        and plots/read_pages.jpg
"""

from pathlib import Path

from digitrec.config.params import load_params
from digitrec.data.dataset import read_dataset_spec, read_part
from digitrec.figures.calibration import calibration_figure
from digitrec.figures.comparison import comparison_figure
from digitrec.figures.confusion import confusion_figure, count_confusion
from digitrec.figures.gallery import errors_figure
from digitrec.figures.history import history_figure
from digitrec.figures.pages import save_pages
from digitrec.figures.robustness import robustness_figure, samples_figure
from digitrec.figures.search import search_figure
from digitrec.figures.style import save_figures
from digitrec.pipeline.files import read_array, read_csv, read_json
from digitrec.pipeline.stage import run_stage


def main(root: Path) -> None:
    params, image = load_params(root / "params.yaml"), read_dataset_spec(root / "data/dataset.json").image
    classes, ink = image.classes, image.preparation == "mnist"
    plots, calibrated = root / "plots", read_json(root / "metrics/calibrate.json")
    images, labels = read_part(root / "data/test")
    probabilities = read_array(root / "data/final/probabilities.npy")
    sample = read_array(root / "data/robustness/samples.npy"), read_json(root / "data/robustness/samples.json")
    names = ("history", "gridsearch", "reliability", "coverage", "compare_baselines", "robustness")
    table = {name: read_csv(plots / f"{name}.csv") for name in names}
    figures = {
        "confusion": confusion_figure(count_confusion(labels, probabilities.argmax(1), len(classes)), classes),
        "errors": errors_figure(images, labels, probabilities, classes, params.evaluate.gallery, ink),
        "history": history_figure(table["history"]),
        "gridsearch": search_figure(table["gridsearch"]),
        "calibration": calibration_figure(table["reliability"], table["coverage"], calibrated),
        "compare_baselines": comparison_figure(table["compare_baselines"]),
        "robustness": robustness_figure(table["robustness"]),
        "robustness_samples": samples_figure(*sample, classes, ink),
    }
    save_figures(figures, plots)
    save_pages(root / "data/pages", plots / "read_pages.jpg")


if __name__ == "__main__":
    run_stage(main)
