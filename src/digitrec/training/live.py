"""Live curves: a skorch callback that logs every epoch to DVCLive."""

import sqlite3
from pathlib import Path
from typing import Any

from dvclive import Live
from skorch import NeuralNet
from skorch.callbacks import Callback

from digitrec.errors import ArtifactError


class DVCLiveCallback(Callback):
    """Log the history's numbers to DVCLive, one step an epoch.

    Parameters
    ----------
    folder : Path
        DVCLive empties it at the start, so epochs restored from an interrupted fit are logged again.
    keys : sequence of str
        What to log of each epoch; a key that an epoch lacks is left out.
    """

    def __init__(self, folder: Path, keys: tuple[str, ...]):
        self.folder = folder
        self.keys = keys

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Start anew."""
        try:
            # DVC itself tracks the experiment and dvc.yaml names the plots.
            self.live_ = Live(str(self.folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        except sqlite3.Error as error:
            # It opens DVC's own index, which cannot grow on a full disk.
            raise ArtifactError(
                f"cannot write {self.folder}: DVC's index refuses ({error}). "
                "Make room, then run the same command again."
            ) from error
        self.logged_ = 0

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Log the epoch, and before the first one those that were restored."""
        self._log(net)

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Close the log."""
        # Where all epochs were restored from an interrupted fit, none ended.
        self._log(net)
        self.live_.end()

    def _log(self, net: NeuralNet) -> None:
        for row in net.history[self.logged_ :]:
            for key in self.keys:
                if key in row:
                    self.live_.log_metric(key, row[key])
            self.live_.next_step()
        self.logged_ = len(net.history)
