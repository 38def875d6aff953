"""Training against one liar: of each sample one id's signals, or one signal, are another time's; the truth is asked back.

A model that has learned this says what a signal should be by those that are not lied about. It is the denoising criterion for
autoencoders (Vincent et al. 2010, with emphasis on what was corrupted; for variational ones Im et al. 2017). Errors count in units
of what is usual, linearly beyond one, by their root beyond nine (transients are not to be learned). Weights are drawn to where
they started from, a closed-form linear model: little data then bends it only where it must (Li et al. 2018, L2-SP).

JAX is imported when it is needed: `pip install 'canbean[neural]'`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE = 2e-3
BATCH = 256
EMPHASIS = 3.0
"""What was corrupted counts so much more."""
WHOLE, SINGLE = 0.6, 0.25
"""Share of the samples in which a whole id, and in which a single signal lies; the rest is as it was."""
SHARP = 3.0
"""Root of the error beyond which its root counts."""


def neural() -> tuple[Any, Any]:
    """JAX and optax.

    Raises:
        UsageError: they are not installed.
    """
    try:
        return importlib.import_module("jax"), importlib.import_module("optax")
    except ImportError as error:
        raise UsageError(f"{error.name} is missing: pip install 'canbean[neural]'") from error


def minimise(
    loss: Callable[[Any, Any], Any], parameters: Any, steps: int, seed: int, rate: float = RATE
) -> Any:
    """Parameters after some steps of Adam (Kingma and Ba 2015) under a cosine schedule, as numpy float64.

    Args:
        loss: `loss(parameters, key)`, a scalar that JAX differentiates; `key` is drawn for each step.
        parameters: a tree of arrays to start from.
        steps: how many.
        seed: of the keys.
        rate: the first step's learning rate.
    """
    jax, optax = neural()
    parameters = jax.tree.map(lambda value: jax.numpy.asarray(value, "float32"), parameters)
    if steps:
        optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))

        def step(carry: Any, key: Any) -> tuple[Any, None]:
            at, state = carry
            update, state = optimiser.update(jax.grad(loss)(at, key), state)
            return (optax.apply_updates(at, update), state), None

        @jax.jit  # type: ignore[untyped-decorator]
        def run(carry: Any, keys: Any) -> Any:
            return jax.lax.scan(step, carry, keys)[0]

        keys = jax.random.split(jax.random.PRNGKey(seed), steps)
        parameters, _ = run((parameters, optimiser.init(parameters)), keys)
    return jax.tree.map(lambda value: np.asarray(value, np.float64), parameters)


def liars(key: Any, count: int, group: NDArray[np.int64]) -> Any:
    """Bool (count, d): which signals lie in each of so many samples.

    Args:
        key: of JAX's random numbers.
        count: samples.
        group: (d,) the id of each signal.
    """
    jax, _ = neural()
    jnp = jax.numpy
    which, alone, way = jax.random.split(key, 3)
    whole = jnp.asarray(group)[None] == jax.random.randint(which, (count, 1), 0, int(group.max()) + 1)
    single = jnp.arange(len(group))[None] == jax.random.randint(alone, (count, 1), 0, len(group))
    drawn = jax.random.uniform(way, (count, 1))
    return jnp.where(drawn < WHOLE, whole, single & (drawn < WHOLE + SINGLE))


def penalty(error: Any, lied: Any) -> Any:
    """The mean price of errors (..., d) in usual ones."""
    jnp = neural()[0].numpy
    size = jnp.abs(error)
    root = 2 * SHARP * jnp.sqrt(jnp.maximum(size, 1)) - SHARP**2 - 0.5
    price = jnp.where(size < 1, size**2 / 2, jnp.where(size < SHARP**2, size - 0.5, root))
    return (price * jnp.where(lied, EMPHASIS, 1.0)).mean()


def rounded(weight: Any) -> Any:
    """A weight matrix in 255 steps a row, as it will be stored; gradients pass as if it were not.

    Training then finds weights whose rounding does little harm (straight-through estimator: Bengio et al. 2013; Jacob et al. 2018).
    """
    jax, _ = neural()
    jnp = jax.numpy
    step = jnp.maximum(jnp.abs(weight).max(axis=1, keepdims=True), 1e-9) / 127
    return weight + jax.lax.stop_gradient(jnp.round(weight / step) * step - weight)


def apart(parameters: Any, start: Any) -> Any:
    """The squared distance of parameters from where they started."""
    jax, _ = neural()
    pairs = zip(jax.tree.leaves(parameters), jax.tree.leaves(start), strict=True)
    return sum(((one - other) ** 2).sum() for one, other in pairs)
