import numpy as np

from digitrec import images, seeding
from digitrec.fingerprint import fingerprint

ARRAY = np.arange(6, dtype=np.uint8)


def test_a_fingerprint_changes_with_settings_code_and_data() -> None:
    first = fingerprint({"lr": 1, "seed": 0}, [images], [ARRAY])
    assert len(first) == 64
    assert fingerprint({"seed": 0, "lr": 1}, [images], [ARRAY.copy()]) == first
    others = {
        fingerprint({"lr": 2, "seed": 0}, [images], [ARRAY]),
        fingerprint({"lr": 1, "seed": 0}, [seeding], [ARRAY]),
        fingerprint({"lr": 1, "seed": 0}, [images], [ARRAY + np.uint8(1)]),
        fingerprint({"lr": 1, "seed": 0}, [images], [ARRAY.reshape(2, 3)]),
        fingerprint({"lr": 1, "seed": 0}, [images]),
    }
    assert len(others | {first}) == 6
