import subprocess
import sys

from digitrec.pipeline.seeding import derive_seed


def test_seeds_are_always_the_same_in_every_process() -> None:
    script = (
        "from digitrec.pipeline.seeding import derive_seed; "
        "print(derive_seed(0, 'weights'), derive_seed(7, 'batches', 3))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [str(derive_seed(0, "weights")), str(derive_seed(7, "batches", 3))]


def test_another_label_or_seed_gives_another_seed() -> None:
    seeds = [derive_seed(seed, label, epoch) for seed in range(20) for label in ("a", "b") for epoch in range(20)]
    seeds += [derive_seed(1, 11), derive_seed(11, 1), derive_seed(111), derive_seed(1, 1, 1)]
    assert len(set(seeds)) == len(seeds)


def test_seeds_suit_torch_numpy_and_scikit_learn() -> None:
    seeds = [derive_seed(0, k) for k in range(1000)]
    assert 0 <= min(seeds) < 2**28
    assert 2**32 - 2**28 < max(seeds) < 2**32
