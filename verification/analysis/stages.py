"""The stages of an analysis: each gives sections of the record from the workbench."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.analysis.workbench import TwoLevels, Workbench
from patchlaw.verification.landscape.pca import LEAST_POINTS, trajectory_plane
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator, SymmetricOperator
from patchlaw.verification.records import Eigenvalue
from patchlaw.verification.solvers import (
    Alignment,
    EigenResult,
    Estimate,
    VectorShares,
    class_directions,
    eigenvalue_interval,
    estimate_trace,
    outliers_above_bulk,
    outliers_by_gap,
    spectral_density,
)
from patchlaw.verification.solvers.probe_vectors import mean_and_error
from patchlaw.verification.store.errors import StoreError
from patchlaw.verification.store.json_files import plain

Sections: TypeAlias = dict[str, Any]

_TOP_IN_RECORD = 12  # contribution ratios kept; the rest of 50 says nothing that these do not
_NEAR_ZERO = 0.01  # claim 11a: within lambda_max / 100
_BOTTOM_PRODUCTS = 300  # the lower end has no gap to help it; what did not converge says so


def evaluation(bench: Workbench) -> Sections:
    """Losses, accuracies, <tr S> and <|g|_1> at the minimum."""
    objective, samples = bench.objective(bench.model), bench.samples
    return {
        "minimum": {
            "epoch": bench.run.minimum_epoch,
            "train": objective.evaluate(samples.train_images, samples.train_labels),
            "test": objective.evaluate(samples.test_images, samples.test_labels),
        }
    }


def misclassified(bench: Workbench) -> Sections:
    """Which test images are, at the minimum: what two models' accuracies are compared by.

    Raises:
        StoreError: others than the evaluation on record counted.
    """
    objective, samples = bench.objective(bench.model), bench.samples
    found = objective.misclassified(samples.test_images, samples.test_labels)
    n, accuracy = len(samples.test_labels), bench.section("minimum")["test"]["accuracy"]
    if len(found) != (wrong := round(n * (1 - accuracy))):
        raise StoreError(
            f"misclassified: expected the {wrong} test images that the evaluation on record "
            f"counted, got {len(found)}, as another device or number of threads may round; go on "
            "without this stage by naming others (--stage), or measure both again on one machine, "
            "in a record of its own (--out)"
        )
    return {"misclassified": found}


def trajectory(bench: Workbench) -> Sections:
    """Contribution ratios of the epoch-end angle vectors, the pixel bias left out."""
    points = bench.run.trajectory()[:, bench.subset.layout.own].double().numpy()
    minimum = bench.run.minimum_epoch
    if len(points) < LEAST_POINTS:  # a run so short has no plane, and that is all there is to say
        return {}
    before = points[: minimum + 1]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return {
        "trajectory": {
            "pc_ratios": _contributions(points, minimum),
            "n_points": len(points),
            "pc_ratios_to_minimum": _contributions(before, minimum),
            "n_points_to_minimum": len(before),
            "largest_step": float(steps.max() / steps.sum()),
        }
    }


def hessian(bench: Workbench) -> Sections:
    """Top eigenpair of H over all images, several on the subset, and who holds the top vector."""
    found = _hessian_pairs(bench)
    shares = VectorShares.of(found.whole.vectors[:, 0], bench.subset.layout)
    return {
        "eigenvalues": {"H": Eigenvalue.all_of(found.whole)},
        "shares": {"H": shares},
        "bias_share": shares.bias,
        "subset": _subset_facts(bench) | {"top": Eigenvalue.all_of(found.subset)},
    }


def hessian_outliers(bench: Workbench) -> Sections:
    """The largest eigenvalues of H over all images, in place of the top one alone."""
    found = _hessian_pairs(bench, bench.options.n_top)
    return {"eigenvalues": {"H": Eigenvalue.all_of(found.whole)}}


def gauss_newton(bench: Workbench) -> Sections:
    """Top eigenvalues of G and of G over the angles, and who holds G's top vector."""
    layout = bench.subset.layout
    g = bench.two_levels("G", lambda problem: problem.gauss_newton)
    angles = g  # where there is nothing else
    if len(layout.shared):
        angles = bench.two_levels(
            "G over the angles",
            lambda problem: RestrictedOperator(problem.gauss_newton, layout.own),
        )
    shares = VectorShares.of(g.whole.vectors[:, 0], layout)
    return _levels(bench, {"G": g, "G over the angles": angles}) | {"shares": {"G": shares}}


def residual(bench: Workbench) -> Sections:
    """Top eigenvalue of R."""
    return _levels(bench, {"R": bench.two_levels("R", lambda problem: problem.residual, gap=False)})


def gauss_newton_blocks(bench: Workbench) -> Sections:
    """Top eigenvalue of every G_pp, and the alignment; nothing where patches share angles."""
    named = _blocks(bench, "G", lambda problem: problem.gauss_newton)
    if not named:
        return {}
    angles = bench.on_record("G over the angles")
    alignment = Alignment.of_values(
        (angles.value, angles.radius), [block.whole.extreme for block in named.values()]
    )
    return _levels(bench, named) | {"alignment": alignment}


def residual_blocks(bench: Workbench) -> Sections:
    """Top eigenvalue of every R_pp."""
    return _levels(bench, _blocks(bench, "R", lambda problem: problem.residual, gap=False))


def bias_blocks(bench: Workbench) -> Sections:
    """Top eigenvalues of the pixel bias' blocks of G and R (of what the patches share)."""
    bias = bench.subset.layout.shared
    if not len(bias):
        return {}
    return _levels(
        bench,
        {
            "G over the bias": bench.two_levels(
                "G over the bias", lambda problem: RestrictedOperator(problem.gauss_newton, bias)
            ),
            "R over the bias": bench.two_levels(
                "R over the bias",
                lambda problem: RestrictedOperator(problem.residual, bias),
                gap=False,
            ),
        },
    )


def density(bench: Workbench) -> Sections:
    """Density of H's spectrum on the subset, and the outliers."""
    h = bench.subset.hessian
    top = bench.solve("H", h, bench.options.n_top_subset)  # as in ``hessian``
    return _spectrum(bench, "H", h, top, "density")


def _spectrum(
    bench: Workbench, name: str, op: SymmetricOperator, top: EigenResult, folder: str
) -> Sections:
    """Density of an operator's spectrum, and what of its largest pairs stands out of it."""
    options = bench.options
    found = spectral_density(
        bench.watched(f"density of {name}", op),
        n_probes=options.density_probes,
        n_steps=min(options.density_steps, op.shape[0]),
        seed=options.seed,
        checkpoint=bench.work / folder,
    )
    near = np.abs(found.nodes) <= _NEAR_ZERO * float(top.values[0])
    share, error = mean_and_error((found.weights * near).sum(axis=1))
    sections: Sections = {
        "density": found,
        "outliers": plain(outliers_above_bulk(top, found), math.isnan),  # null for no edge
        "near_zero": {"share": float(share), "standard_error": float(error)},
    }
    if top.converged.all():
        sections["outliers_by_gap"] = plain(outliers_by_gap(top), math.isnan)
    return sections


def bottom(bench: Workbench) -> Sections:
    """The smallest eigenvalues of H on the subset."""
    found = bench.solve(
        "H",
        bench.subset.hessian,
        bench.options.n_bottom,
        "SA",
        bench.options.coarse_tol,
        folder="H-bottom",
        max_matvecs=_BOTTOM_PRODUCTS,
    )
    return {"subset": _subset_facts(bench) | {"bottom": Eigenvalue.all_of(found)}}


def along_training(bench: Workbench) -> Sections:
    """Top eigenvalues of H, G and R on the subset at chosen epochs and at the minimum."""
    images, labels = bench.subset_data

    def moment(epoch: int) -> Sections:
        model = bench.model_after(epoch)
        problem = bench.problem(model, images, labels)
        # at the minimum as in ``residual``, whose products serve again
        r_of_minimum = f"R-{len(labels)}" if epoch == bench.run.minimum_epoch else ""
        g, r = (
            bench.solve(
                f"{name} after {epoch} epochs", op, tol=bench.options.coarse_tol, folder=folder
            )
            for name, op, folder in (
                ("G", problem.gauss_newton, ""),
                ("R", problem.residual, r_of_minimum),
            )
        )
        h = bench.solve(
            f"H after {epoch} epochs",
            problem.hessian,
            tol=bench.options.coarse_tol,
            # whichever term carries H's top, H's vector is near the sum of theirs
            start=g.vectors[:, 0] + r.vectors[:, 0],
        )
        shares = VectorShares.of(h.vectors[:, 0], problem.layout)
        return {
            "epoch": epoch,
            "loss": bench.objective(model).evaluate(images, labels).loss,
            "top": {name: Eigenvalue.all_of(x)[0] for name, x in (("H", h), ("G", g), ("R", r))},
            "bias_share": shares.bias,
        }

    return _moments(bench, "along_training", moment)


def spectra_along_training(bench: Workbench) -> Sections:
    """Largest eigenvalues, density and outliers of H on a subset at the same moments."""
    images, labels = bench.stratified(bench.options.n_images_along or bench.options.subset)

    def moment(epoch: int) -> Sections:
        model, name = bench.model_after(epoch), f"H after {epoch} epochs"
        h = bench.problem(model, images, labels).hessian
        # not the folder of the top pair alone
        top = bench.solve(name, h, bench.options.n_top_along, folder=f"H-spectrum-after-{epoch}")
        spectrum = _spectrum(bench, name, h, top, f"density-after-{epoch}")
        return {
            "epoch": epoch,
            "loss": bench.objective(model).evaluate(images, labels).loss,
            "top": Eigenvalue.all_of(top),
            **spectrum,
        }

    return _moments(bench, "spectra_along_training", moment)


def _moments(bench: Workbench, section: str, moment: Callable[[int], Sections]) -> Sections:
    """A section of moments of training by epoch; one that is on record is not measured again."""
    done = bench.run.epochs_done
    epochs = sorted({*(e for e in bench.options.epochs if e <= done), bench.run.minimum_epoch})
    known = {found["epoch"]: found for found in bench.section(section) or ()}
    return {section: [known.get(epoch) or moment(epoch) for epoch in epochs]}


def traces(bench: Workbench) -> Sections:
    """Traces of G, of every G_pp and of the bias block, over all images."""
    layout, options = bench.subset.layout, bench.options
    op = bench.whole.gauss_newton
    names = [f"patch {p}" for p in range(layout.n_patches)]
    found = estimate_trace(
        bench.watched("trace of G", op),
        n_products=options.trace_probes,
        seed=options.seed,
        blocks={name: layout.patch(p) for p, name in enumerate(names)}
        | ({"bias": layout.shared} if len(layout.shared) else {}),
        checkpoint=bench.work / "traces",
    )
    return {
        "traces": {
            "total": found.trace,
            "patches": [found.blocks[name] for name in names],
            "bias": found.blocks.get("bias", Estimate(0.0, 0.0)),
            "n_probes": found.n_probes,
            "n_samples": op.n_samples,
            "seed": options.seed,
            "caveats": found.caveats,
        }
    }


def bounds(bench: Workbench) -> Sections:
    """lambda_max(G) over all images between two bounds, from class directions and probes."""
    op, options = bench.whole.gauss_newton, bench.options
    directions = class_directions(bench.whole)
    if not directions.vectors.any():  # every softmax saturated: G = 0
        return {}
    interval = eigenvalue_interval(
        bench.watched("bounds on G", op),
        directions.vectors,
        options.bound_probes,
        options.seed,
        checkpoint=bench.work / "bounds",
    )
    bench.progress.say(f"  G, {op.n_samples:,} images: {interval}")
    return {"bounds": {"output_ritz": float(directions.output_ritz[0]), "interval": interval}}


RUN_STAGE: Mapping[str, Callable[[Workbench], Sections]] = {
    "evaluation": evaluation,
    "trajectory": trajectory,
    "hessian": hessian,
    "gauss-newton": gauss_newton,
    "residual": residual,
    "gauss-newton blocks": gauss_newton_blocks,
    "residual blocks": residual_blocks,
    "bias blocks": bias_blocks,
    "density": density,
    "bottom": bottom,
    "along training": along_training,
    "traces": traces,
    "bounds": bounds,
    "hessian outliers": hessian_outliers,
    "misclassified": misclassified,
    "spectra along training": spectra_along_training,
}


def _contributions(points: NDArray[np.float64], origin: int) -> NDArray[np.float64]:
    if len(points) < LEAST_POINTS:
        return points[:0, 0]
    return trajectory_plane(points, origin).ratios[:_TOP_IN_RECORD]


def _hessian_pairs(bench: Workbench, k: int = 1) -> TwoLevels:
    return bench.two_levels(
        "H",
        lambda problem: problem.hessian,
        k,
        bench.options.n_top_subset,
        folder="H-outliers" if k > 1 else "",
    )


def _blocks(
    bench: Workbench,
    term: str,
    matrix: Callable[[CurvatureProblem], SymmetricOperator],
    *,
    gap: bool = True,
) -> dict[str, TwoLevels]:
    if bench.model.layout.n_patches < bench.model.n_patches:  # they share angles: no block is one's
        return {}
    small = bench.subset.blocks()
    large = bench.whole.blocks() if bench.has_subset else small
    found = {}
    for p in range(len(small)):
        name = f"{term}_{p}{p}"
        found[name] = bench.two_levels(name, matrix, problems=(small[p], large[p]), gap=gap)
        # a block's states are of no use to the next one
        small[p] = large[p] = bench.subset
    return found


def _levels(bench: Workbench, named: Mapping[str, TwoLevels]) -> Sections:
    """Sections for matrices of which one pair was asked for."""
    others = {name: Eigenvalue.all_of(found.subset)[0] for name, found in named.items()}
    return {
        "eigenvalues": {name: Eigenvalue.all_of(found.whole) for name, found in named.items()},
        "subset": _subset_facts(bench) | {"others": others},
    }


def _subset_facts(bench: Workbench) -> Sections:
    return {"n_samples": len(bench.subset_data[1]), "seed": bench.options.subset_seed}
