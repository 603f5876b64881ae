"""Tables of what benchmarks measured: times, and folders of pictures."""

from pathlib import Path

from digitrec.pipeline.files import read_json
from docs.markdown import interval, machine_of, percent, table

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
FOLDERS = {
    "sign-language-digits": "[hands that show digits](https://github.com/ardamavi/Sign-Language-Digits-Dataset): "
    "64x64 colour, 10 classes, 1,651 for training",
    "omniglot-small1": "characters of five alphabets ([Omniglot](https://doi.org/10.1126/science.aab3050), its small "
    "background set 1): 32x32 grey, 136 nested classes, 2,176 for training",
}
PEERS = {
    "digitrec": "ours",
    "halving/published": "scikit-learn's HalvingGridSearchCV, the published way",
    "halving/estimator": "scikit-learn's HalvingGridSearchCV, our estimator",
    "optuna/published": "Optuna, the published way",
    "optuna/estimator": "Optuna, our estimator",
}


def training_speed() -> str:
    """Give the table of images a second in training."""
    found = read_json(RESULTS / "training_speed.json")
    by_threads = {measured["threads"]: measured["ways"] for measured in found["tables"]}
    names = [f"{threads} thread{'s' * (threads > 1)}" for threads in by_threads]
    rows = [
        [
            row["way"],
            *(
                f"{ways[way]['images_per_second']:,} ({ways[way]['ratio_to_published']:.2f})"
                for ways in by_threads.values()
            ),
        ]
        for way, row in next(iter(by_threads.values())).items()
    ]
    return table([machine_of(found["machine"]), *names], "l" + "r" * len(names), rows)


def search() -> str:
    """Give the table of seconds that a search takes."""
    found = read_json(RESULTS / "search.json")
    subset, halving = found["subset"], found["halving"]
    few = f"{subset['fits']} fits on {subset['images']:,} images: "
    measured = [
        (f"{few}published way", subset["published"]["seconds"], 1),
        *((f"{few}engine `{name}`", row["seconds"], row["times_faster"]) for name, row in subset["engines"].items()),
        (
            "384 fits on 40,000 images: published way, by its time for an image",
            halving["published_seconds_extrapolated"],
            1,
        ),
    ]
    rows = [[name, f"{seconds:,.0f}", f"{faster:.1f}"] for name, seconds, faster in measured]
    for name, row in halving["engines"].items():
        seconds = " and ".join(f"{each:,.0f}" for each in row["seconds"])
        rows.append([f"the search of `params.yaml`, engine `{name}`", seconds, f"{row['times_faster']:.1f}"])
    return table([machine_of(halving["machine"]), "seconds", "times faster"], "lrr", rows)


def peers() -> str:
    """Give the table of what searches hold on their way, and how soon one is as good as the best."""
    searches = [
        (loss_input, search)
        for loss_input, found in read_json(RESULTS / "peers.json").items()
        for search in found["searches"].values()
    ]
    rows = [
        [
            PEERS[search["search"]],
            loss_input,
            ", ".join(f"{held['seconds']:.0f}" for held in search["held"]),
            ", ".join(f"{100 * held['test_accuracy']:.1f}" for held in search["held"]),
            f"{search['seconds_until_good']:.0f}" if search["seconds_until_good"] else "not reached",
            f"{search['seconds']:.0f}",
        ]
        for loss_input, search in searches
    ]
    titles = ["the loss gets", "held another or ended a round, s", "its test accuracy, %", "good after, s", "all, s"]
    return table([machine_of(searches[0][1]["machine"]), *titles], "llllrr", rows)


def fast() -> str:
    """Give the table of the network that is trained in seconds."""
    rows = []
    for row in read_json(RESULTS / "time_to_99.json")["rows"].values():
        # Where there was no GPU, say.
        if row == "not measured":
            continue
        seconds, machine = row["seconds"], row["machine"]
        cells = [
            machine_of(machine) if machine["device"] == "cpu" else machine["device"],
            "yes" if row["settings"]["margin"] else "no",
            str(len(row["accuracies"])),
            percent(row["mean"]),
            interval(row["mean_ci95"]),
            f"{seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f})",
        ]
        rows.append(cells)
    titles = ["", "margins cut off", "seeds", "mean test accuracy", "95 % interval of the mean", "seconds"]
    return table(titles, "llrrll", rows)


def own_images() -> str:
    """Give the table of what the pipeline makes of folders of pictures."""
    rows = []
    for name, row in read_json(RESULTS / "own_images.json").items():
        settings = row["settings"]
        cells = [
            FOLDERS[name],
            f"`{settings['model']}`, `{settings['recipe']}`, {settings['max_epochs']} epochs",
            str(len(row["seeds"])),
            percent(row["mean"]),
            interval(row["mean_ci95"]),
            f"{', '.join(map(str, row['errors']))} of {row['n']}",
            f"{row['seconds_whole'] / 60:.1f} min",
        ]
        rows.append(cells)
    titles = [
        "network, recipe",
        "seeds",
        "mean test accuracy",
        "95 % interval of the mean",
        "errors by seed",
        "all stages",
    ]
    return table([machine_of(row["machine"]), *titles], "llrrlrr", rows)


def pipeline() -> str:
    """Say what the whole pipeline takes from nothing, and its longest stages."""
    row = read_json(RESULTS / "pipeline.json")["cpu"]
    stages = sorted(row["stages"], key=row["stages"].__getitem__, reverse=True)[:3]
    longest = ", ".join(f"`{stage}` {row['stages'][stage] / 60:.1f}" for stage in stages)
    return (
        f"From nothing, alone on a machine ({machine_of(row['machine'])}), the whole took {row['seconds'] / 60:.1f} "
        f"minutes: {longest}. The network read {percent(row['test']['accuracy'])} of the test images there."
    )
