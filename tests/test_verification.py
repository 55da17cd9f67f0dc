"""``verify=True``: agreed bits of every record."""

from __future__ import annotations

import numpy as np
import pytest

import mpsharp
from mpsharp.agreement import agreed_bits
from mpsharp.errors import ConfigurationError
from mpsharp.exact import ExactArray


def test_agreed_bits_fall_from_the_precision_to_nothing_at_the_catapult(tmp_path):
    seen = mpsharp.run(bits=53, steps=300, coordinates="spectral", verify=True)
    assert seen.config["verified"] == {"how": "agreed", "at": 170}
    for name in ("loss_bits", "sharpness_bits"):
        agreed = seen[name]
        assert agreed.shape == seen.step.shape
        assert np.all((agreed >= 0) & (agreed <= 53))
        assert agreed[0] > 45
        # The catapult comes at another step in exact arithmetic: nothing of the run behind it is right.
        assert agreed[seen.catapult_step + 5] < 4
        assert agreed[: seen.first_unstable_step].min() > 30
    seen.save(tmp_path / "run")
    back = mpsharp.load(tmp_path / "run")
    assert back.identical(seen)
    assert back.rerun().identical(seen)


@pytest.mark.parametrize("arithmetic", ["exact", "numpy"])
def test_float_formats_and_runs_without_sharpness(arithmetic):
    problem = mpsharp.problems.gaussian(5, 4, step_size=0.01)
    seen = mpsharp.run(
        problem, format="float64", steps=5, arithmetic=arithmetic, observables="loss", verify=True
    )
    assert list(seen.records) == ["loss", "loss_bits"]
    assert seen["loss_bits"].min() > 40
    plain = mpsharp.run(problem, format="float64", steps=5, arithmetic=arithmetic, observables="loss")
    assert "loss_bits" not in plain


def test_a_wrong_record_is_seen():
    run = mpsharp.run(mpsharp.problems.gaussian(5, 4, step_size=0.01), bits=64, steps=4)
    other = run.rerun(bits=200)
    loss = run.records["loss"]
    limbs = loss.limbs.copy()
    limbs[2, 0] ^= np.uint64(1) << np.uint64(40)
    changed = ExactArray(loss.bits, loss.sign, loss.kind, loss.exponent, limbs)
    agreed = agreed_bits(changed, other.records["loss"])
    assert agreed[2] < 30 < agreed[[0, 1, 3, 4]].min()


def test_steps_of_their_own_cannot_be_compared():
    with pytest.raises(ConfigurationError, match="verify=True: expected GD, SGD or GradientFlow"):
        mpsharp.run(bits=64, steps=2, optimizer=mpsharp.GradientFlow(), verify=True)
