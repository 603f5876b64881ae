import torch

from digitrec.transforms.flags import flag_ones


def test_some_ones_get_a_flag_that_starts_at_their_top_and_nothing_else_changes() -> None:
    bars = torch.zeros(2000, 1, 28, 28)
    bars[:, :, 4:24, 13:15] = 0.9
    labels = torch.arange(2000) % 2
    flagged = flag_ones(bars, labels, 0.5, torch.Generator().manual_seed(0))
    changed = (flagged != bars).flatten(1).any(1)
    assert not changed[labels == 0].any()
    assert 0.45 < changed[labels == 1].float().mean() < 0.55
    ink = (flagged[changed] - bars[changed])[:, 0] > 0.01
    columns, rows = ink.any(1), ink.any(2)
    # To the left of the bar, from its top down, as long and as steep as stated.
    assert not columns[:, 17:].any()
    assert columns[:, 12].all()
    assert not rows[:, :2].any()
    assert rows[:, 4:6].any(1).all()
    left, bottom = columns.int().argmax(1), 27 - rows.flip(1).int().argmax(1)
    assert 3 <= left.min() < 6 < 9 < left.max() <= 12
    assert 4 < bottom.min() < 8 < 11 < bottom.max() <= 15
    assert flagged.max() == bars.max()
    # What was given is as it was.
    assert (bars[:, :, 4:24, 13:15] == bars.max()).all()
    assert bars.count_nonzero() == 2000 * 20 * 2
