"""Going on where an interrupted training was."""

import copy
import hashlib
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from digitrec.pipeline.files import replacing

# In front of a state, its SHA-256: torch's reader takes damaged weights as they are.
DIGEST = hashlib.sha256().digest_size
# What a damaged file raises in torch's reader, and a state of another network when it is taken over.
DAMAGE = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError, OSError),
    *(pickle.UnpicklingError, struct.error),
)


class ResumeFrom(Callback):
    """Save the state after each epoch and go on from it.

    Parameters
    ----------
    path : Path
        A file whose name says what is trained on what: it is believed. A damaged one is ignored with a warning.
    """

    def __init__(self, path: Path):
        self.path = path

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Take over what was saved, if anything."""
        if not self.path.exists():
            return
        before = copy.deepcopy((net.module_.state_dict(), net.optimizer_.state_dict()))
        try:
            found = self.path.read_bytes()
            if hashlib.sha256(found[DIGEST:]).digest() != found[:DIGEST]:
                raise ValueError("its SHA-256 is another one")
            state = torch.load(io.BytesIO(found[DIGEST:]), weights_only=True, map_location=net.device)
            history = [dict(row) for row in state["history"]]
            net.module_.load_state_dict(state["module"])
            net.optimizer_.load_state_dict(state["optimizer"])
        except DAMAGE as error:
            print(f"warning: ignoring {self.path}, which is damaged ({error}); training starts anew.", flush=True)
            # What was taken over before the damage showed is undone.
            net.module_.load_state_dict(before[0])
            net.optimizer_.load_state_dict(before[1])
            return
        for row in history:
            net.history.new_epoch()
            for key, value in row.items():
                net.history.record(key, value)
        net.epochs_restored_ = len(net.history)
        print(f"going on after epoch {net.epochs_restored_} of {net.max_epochs}", flush=True)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Save weights, the optimizer's averages and the history."""
        history = [{key: value for key, value in row.items() if key != "batches"} for row in net.history]
        state = {"module": net.module_.state_dict(), "optimizer": net.optimizer_.state_dict(), "history": history}
        # By way of memory: on a full disk, torch's own writer raises what cannot be told from a bug.
        content = io.BytesIO()
        torch.save(state, content)
        with replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())
