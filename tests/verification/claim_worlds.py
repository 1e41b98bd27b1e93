"""Synthetic findings in which every measured statement holds, and ways to break each one."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from patchlaw.verification.checks import CheckResult
from patchlaw.verification.claims import CLAIMS, Findings, TheoremResult
from patchlaw.verification.claims.future_work import NOISE
from patchlaw.verification.records import (
    Eigenvalue,
    Minimum,
    RunFacts,
    SampleMeans,
    SpectrumMoment,
    SplitMoment,
    TrainedModel,
    Trajectory,
)
from patchlaw.verification.records.run_facts import Settings
from patchlaw.verification.solvers import Estimate, OutlierCount, SpectralDensity

AUTHOR = Settings(0.01, 60, 5e-5, 5, "float32", "0" * 64, True, author_protocol=True)
PATCHES, DEPTHS = (4, 9, 16), (50, 100, 150, 200)


def eigenvalue(value: float, error: float = 1e-4, converged: bool = True) -> Eigenvalue:
    return Eigenvalue(value, error * abs(value), converged, 60_000)


def spectrum(epoch: int, loss: float, power: float, outliers: int) -> SpectrumMoment:
    """A moment whose outliers and bulk go with a power of the loss."""
    values = np.array([50.0 / k * loss**power for k in range(1, 21)])
    edge = 0.1 * loss**power
    density = SpectralDensity(
        nodes=np.array([[0.0, values[0]]] * 2),
        weights=np.full((2, 2), 0.5),
        size=1000,
        probes="rademacher",
        matvecs=4,
        n_samples=60_000,
        dtype="float64",
        seed=0,
        seconds=1.0,
        replayed=0,
    )
    return SpectrumMoment(
        epoch,
        loss,
        tuple(map(eigenvalue, values.tolist())),
        density,
        OutlierCount(outliers, outliers, outliers, edge, 0.0, "made up"),
        Estimate(0.99, 1e-3),
    )


def world(
    *,
    images: int = 60_000,
    patches: tuple[int, ...] = PATCHES,
    depths: tuple[int, ...] = DEPTHS,
    converged: bool = True,
    law_factor: float = 1.0,
    depth_growth: float = 1.5,
    alignment_factor: float = 1.0,
    gauss_newton_share: float = 0.95,
    residual_exponent: float = 1.0,
    curvature_change: float = 1.0,
    bias_exponent: float = 2.0,
    residual_bias_exponent: float = 1.0,
    residual_block_exponent: float = 1.0,
    residual_in_training: float = 2.0,
    bias_part: float = 0.05,
    test_loss_change: float = 0.9,
    accuracy_change: float = 0.01,
    depth_loss_change: float = 0.95,
    depth_accuracy_change: float = 0.01,
    near_zero: float = 0.99,
    outliers: tuple[int, int] = (10, 10),
    top_gap: float = 10.0,
    course: float = 0.0,
    outliers_in_training: int = 10,
    plane: float = 0.95,
    plane_to_minimum: float = 0.95,
    half_alpha_loss: float = 0.8,
    fall_without_bias: float = 0.7,
    shared_growth: float = 1.1,
    large_factor: float = 2.0,
    observables_factor: float = 1.0,
    fashion_loss_change: float = 0.9,
    noisy_factor: float = 0.5,
    noisy_growth: float = 1.0,
    seed: int = 1,
) -> tuple[TrainedModel, ...]:
    """Models on a grid of P and d, and their variants; each keyword moves one measured quantity."""
    models = []
    for i, p in enumerate(patches):
        for j, d in enumerate(depths):
            top = 50.0 * (4 / p) ** 2 * law_factor**i * depth_growth**j
            g = gauss_newton_share * top
            angles = (1 - bias_part) * g
            ratios = {"start": 0.1, "end": 0.1 * 0.1**residual_exponent}
            eigen: dict[str, list[float]] = {
                "H": [top] + [top / (1 + top_gap) * (1 - k / 20) for k in range(11)],
                "G": [g],
                "R": [g * ratios["end"]],
                "G over the angles": [angles],
                "G over the bias": [(4 / p) ** bias_exponent],
                "R over the bias": [(4 / p) ** residual_bias_exponent],
            }
            residual_block = (4 / p) ** residual_block_exponent * depth_growth**j
            # one block is the largest, the others are not alike
            eigen |= {f"R_{q}{q}": [residual_block / (1 + q)] for q in range(p)}
            eigen |= {f"G_{q}{q}": [angles / alignment_factor] for q in range(p)}
            mean = 0.02 * curvature_change**i
            test_loss = 0.06 * test_loss_change**i * depth_loss_change**j
            accuracy = 0.9 + accuracy_change * i + depth_accuracy_change * j
            models.append(
                TrainedModel(
                    RunFacts(p, d, seed, images, 50, n_parameters=1000 * 3 ** (4 * i + j)),
                    reproduce="made up",
                    minimum=Minimum(
                        36,
                        SampleMeans(0.01, None, mean, mean, images),
                        SampleMeans(test_loss, accuracy, n_samples=10_000),
                    ),
                    eigenvalues={
                        name: tuple(eigenvalue(v, converged=converged) for v in values)
                        for name, values in eigen.items()
                    },
                    bias_share=bias_part,
                    outliers=OutlierCount(outliers[0], *outliers, math.nan, math.nan, "made up"),
                    near_zero=Estimate(near_zero, 1e-3),
                    along_training=tuple(
                        SplitMoment(
                            epoch,
                            loss,
                            {"G": eigenvalue(g), "R": eigenvalue(g * ratio, converged=converged)},
                        )
                        for epoch, loss, ratio in (
                            (0, 0.1, ratios["start"]),
                            (10, 0.05, residual_in_training),
                            (50, 0.01, ratios["end"]),
                        )
                    ),
                    spectra_along_training=tuple(
                        spectrum(epoch, loss, 0.6 + course * (-1) ** (i + j), outliers_in_training)
                        for epoch, loss in ((0, 3.0), (1, 0.1), (36, 0.01))
                    ),
                    trajectory=Trajectory(
                        (plane - 0.05, 0.05), 51, (plane_to_minimum - 0.05, 0.05), 38
                    ),
                )
            )
    change = {
        "half_alpha_loss": half_alpha_loss,
        "fall_without_bias": fall_without_bias,
        "shared_growth": shared_growth,
        "large_factor": large_factor,
        "observables_factor": observables_factor,
        "fashion_loss_change": fashion_loss_change,
        "noisy_factor": noisy_factor,
        "noisy_growth": noisy_growth,
    }
    return (
        *models,
        *(v for m in models for v in variants(m, patches.index(m.run.n_patches), change)),
    )


def over_seeds(n_seeds: int = 5, scatter: float = 0.02, **changes: Any) -> tuple[TrainedModel, ...]:
    """The same world for several seeds, whose numbers scatter."""
    rng, found = np.random.default_rng(0), []
    for seed in range(1, n_seeds + 1):
        for model in world(seed=seed, **changes):
            top, *rest = model.eigenvalues["H"]
            test = model.minimum.test
            assert test.loss is not None
            assert test.accuracy is not None
            by, of_loss, of_accuracy = np.exp(scatter * rng.normal(size=3))
            means = SampleMeans(
                test.loss * of_loss, test.accuracy + (of_accuracy - 1) / 10, n_samples=10_000
            )
            tops = (replace(top, value=top.value * by), *rest)
            found.append(
                replace(
                    model,
                    eigenvalues={**model.eigenvalues, "H": tops},
                    minimum=Minimum(36, model.minimum.train, means),
                )
            )
    return tuple(found)


def variants(model: TrainedModel, i: int, change: dict[str, float]) -> Iterator[TrainedModel]:
    """Of the i-th P: at alpha = 1/2, without a bias, sharing, on other data, one QNN, noisy."""

    def other(h: float = 1.0, g: float = 1.0, loss: float = 1.0, **facts: Any) -> TrainedModel:
        tops = {
            name: tuple(replace(v, value=factor * v.value) for v in model.eigenvalues[name])
            for name, factor in (("H", h), ("G", g))
        }
        test = model.minimum.test
        assert test.loss is not None
        test = SampleMeans(loss * test.loss, test.accuracy, n_samples=test.n_samples)
        return replace(
            model,
            run=replace(model.run, **facts),
            eigenvalues=tops,
            minimum=Minimum(36, model.minimum.train, test),
        )

    falls = model.run.n_patches**2 / 16  # undoes the paper's law
    yield other(loss=change["half_alpha_loss"], aggregation_exponent=0.5)
    yield other(g=change["fall_without_bias"] ** i, pixel_bias=False)
    yield other(h=falls * change["shared_growth"] ** i, pixel_bias=False, shared_angles=True)
    # as far as the paper's model changes its test loss, undone
    yield other(loss=(change["fashion_loss_change"] / 0.9) ** i, dataset="fashion-mnist")
    own = f"own circuit {model.run.n_patches:08x}"
    large = other(h=change["large_factor"], n_patches=1, family=own)
    yield replace(large, settings=replace(AUTHOR, whole_image=True))
    averaging = "patchlaw.simulators.averaged_observables"
    for data in ("", "digits") if i == 0 else ():
        one = f"{averaging}:one_observable 1"
        four = f"{averaging}:four_observables 2"
        yield other(n_patches=1, family=one, dataset=data)
        yield other(h=change["observables_factor"], n_patches=1, family=four, dataset=data)
    for p in NOISE:
        yield other(h=change["noisy_factor"] * change["noisy_growth"] ** i, noise=p)


def checked(name: str, passed: bool = True, measured: float = 1e-16) -> CheckResult:
    return CheckResult(name, "made up", passed, measured, 1e-12, "rounding", 6)


def proved_everything(**changes: Any) -> Findings:
    """All theorems proved and all checks passed; keywords replace fields."""
    parts = [part for claim in CLAIMS for part in claim.parts]
    fields: dict[str, Any] = {
        "theorems": {n: TheoremResult(n, "proved", 3) for p in parts for n in p.all_theorems},
        "checks": {n: checked(n) for p in parts for n in p.all_checks},
    }
    return Findings(**(fields | changes))
