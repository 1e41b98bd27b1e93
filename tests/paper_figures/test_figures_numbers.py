"""The numbers drawn, as the sidecars state them, against the records they come from.

The records' JSON is read here on its own, so a figure that takes another epoch, matrix, row or
run than it says differs from it.
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patchlaw.paper_figures.catalogue import FIGURES
from patchlaw.paper_figures.drawing import Inputs
from patchlaw.paper_figures.records import Records
from patchlaw.simulators import load_mnist
from patchlaw.verification.records import author_results
from tests.paper_figures.synthetic_records import small_config, write_everything

CONFIGS = [small_config(p, d) for p in (4, 9) for d in (1, 2)]


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    for config in CONFIGS:
        write_everything(folder, config)
    return folder


@pytest.fixture(scope="module")
def drawn(records, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Every figure's sidecar; no page is laid out for it, which is most of a drawing's time."""
    out = tmp_path_factory.mktemp("figures")
    inputs = Inputs.of(Records.read(records), small=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("patchlaw.paper_figures.provenance.lay_out", lambda figure: None)
        outcomes = [figure.write(inputs, out, ()) for figure in FIGURES]
    assert {outcome.status for outcome in outcomes} == {"complete"}
    return {
        figure.name: json.loads((out / f"{figure.name}.json").read_text()) for figure in FIGURES
    }


def panels(drawn, name: str) -> list[dict[str, Any]]:
    return drawn[name]["numbers"]["panels"]


def by_run(drawn, name: str) -> dict[str, dict[str, Any]]:
    return {panel["run"]: panel for panel in panels(drawn, name)}


def history(records: Path, run: str) -> list[dict[str, Any]]:
    body = json.loads((records / "runs" / run / "checkpoint.json").read_text())["body"]
    return body["history"]


def analysis(records: Path, run: str) -> dict[str, Any]:
    return json.loads((records / "analyses" / f"{run}.json").read_text())


def landscape(records: Path, run: str) -> dict[str, Any]:
    return json.loads((records / "landscapes" / f"{run}.json").read_text())


def test_spectra_are_those_on_record(drawn, records):
    """Catches a panel of the other moment or law, and one that leaves a run or eigenvalue out."""
    start, minimum = panels(drawn, "kernel-spectra")
    for name, panel in (("start", start), ("minimum", minimum)):
        assert panel["moment"] == name
        assert {model["run"] for model in panel["models"]} == {c.run_id for c in CONFIGS}
        for model in panel["models"]:
            kept = json.loads((records / "kernels" / f"{model['run']}.json").read_text())
            moment = kept["moments"][name]
            assert model["measured"] == [each["value"] for each in moment["measured"]]
            assert model["predicted"] == moment["predicted"] != moment["commutator"]
            assert model["commutator"] == moment["commutator"]


def test_every_figure_draws_every_run(drawn):
    ids = {config.run_id for config in CONFIGS}
    grids = ["figure-3", "figure-3-surfaces", "figure-4", "figure-c-loss", "figure-c-accuracy"]
    grids += ["split-along-training", "spectra-along-training", "alignment", "pixel-bias"]
    for name in grids:
        assert set(by_run(drawn, name)) == ids, name
    assert set(by_run(drawn, "figure-1")) == {c.run_id for c in CONFIGS if c.model.depth == 1}


def test_loss_curves_are_those_of_the_histories(drawn, records):
    for name in ("figure-1", "figure-c-loss"):
        for run, panel in by_run(drawn, name).items():
            entries = history(records, run)
            train = [entry["train"]["loss"] for entry in entries]
            assert panel["epoch"] == [entry["epoch"] for entry in entries]
            assert panel["train_loss"] == train
            assert panel["test_loss"] == [entry["test"]["loss"] for entry in entries]
            # the start is no minimum
            assert panel["minimum_epoch"] == 1 + int(np.argmin(train[1:]))


def test_steps_rates_and_accuracies_are_those_of_the_histories(drawn, records):
    for run, panel in by_run(drawn, "figure-c-loss").items():
        steps = [loss for entry in history(records, run) for loss in entry["step_losses"]]
        assert panel["step_loss"] == steps
    for run, panel in by_run(drawn, "figure-1").items():
        rates = [entry["learning_rate"] for entry in history(records, run)[1:]]
        assert panel["learning_rate"] == rates
    for run, panel in by_run(drawn, "figure-c-accuracy").items():
        entries = history(records, run)[1:]
        for kind in ("train", "test"):
            assert panel[f"{kind}_accuracy"] == [entry[kind]["accuracy"] for entry in entries]


def test_the_patches_are_where_a_count_by_hand_has_them(drawn):
    """Only this sees offsets or counts of another stride, or another digit than the one named."""
    for panel in panels(drawn, "figure-2"):
        side, counts = panel["patch_side"], np.zeros((14, 14), dtype=int)
        assert len(panel["offsets"]) ** 2 == panel["n_patches"]
        assert panel["offsets"][-1] + side == 14
        for row in panel["offsets"]:
            for column in panel["offsets"]:
                counts[row : row + side, column : column + side] += 1
        np.testing.assert_array_equal(panel["counts"], counts)
    digit = drawn["figure-2"]["numbers"]["digit"]
    data = load_mnist()
    assert digit["label"] == int(data.train_labels[digit["index"]])
    np.testing.assert_array_equal(
        np.float32(digit["pixels_rad"]), data.train_images[digit["index"]].numpy()
    )


@pytest.mark.parametrize("name", ["figure-3", "figure-3-surfaces"])
def test_landscapes_are_those_on_record(drawn, records, name):
    for run, panel in by_run(drawn, name).items():
        stored = landscape(records, run)
        assert panel["loss"] == stored["grid"]["loss"]
        assert (panel["x"], panel["y"]) == (stored["grid"]["x"], stored["grid"]["y"])
        assert panel["trajectory_x"] == stored["trajectory"]["x"]
        assert panel["trajectory_y"] == stored["trajectory"]["y"]
        assert panel["pc_ratios"] == stored["pca"]["ratios"][:2]
        assert panel["images"] == stored["n_samples"]
        # the minimum is the origin of the plane, so its marker at (0, 0) is right
        epoch = panel["minimum_epoch"]
        assert (panel["trajectory_x"][epoch], panel["trajectory_y"][epoch]) == (0, 0)


def test_densities_are_sums_of_gaussians_over_the_nodes_on_record(drawn, records):
    """By loops over nodes and probes: none of SpectralDensity's arithmetic."""
    for run, panel in by_run(drawn, "figure-4").items():
        stored = analysis(records, run)
        nodes, weights = stored["density"]["nodes"], stored["density"]["weights"]
        flat = [node for probe in nodes for node in probe]
        width = 0.01 * (max(flat) - min(flat))
        assert panel["kernel_width"] == pytest.approx(width, rel=1e-12)
        for at in (3, 40, 77):
            x = panel["eigenvalue"][at]
            probes = [
                sum(
                    w * math.exp(-(((x - n) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
                    for n, w in zip(*probe, strict=True)
                )
                for probe in zip(nodes, weights, strict=True)
            ]
            assert panel["density"][at] == pytest.approx(np.mean(probes), rel=1e-9, abs=1e-300)


def test_outliers_are_the_subset_s_eigenvalues_beyond_the_edge(drawn, records):
    for run, panel in by_run(drawn, "figure-4").items():
        stored = analysis(records, run)
        top = stored["subset"]["top"]
        assert panel["exact_eigenvalues"] == [entry["value"] for entry in top]
        radii = [entry["residual_norm"] + entry["rounding"] for entry in top]
        np.testing.assert_allclose(panel["exact_radius"], radii, rtol=1e-9)
        assert panel["exact_images"] == stored["subset"]["n_samples"]
        assert panel["exact_on"] == "the subset of the density"
        assert panel["outliers"]["count"] == stored["outliers"]["count"]
        assert panel["outliers"]["edge"] == stored["outliers"]["edge"]


def test_the_blocks_of_the_ansatz_have_the_gates_of_the_text(drawn):
    """Paper, Appendix A: layers RX, RY, ring; twice (trained, data, trained) a qubit, ring."""
    n = 4
    entangling, encoding, whole = panels(drawn, "figure-5")
    assert Counter(entangling["gates"]) == Counter(rx=n, ry=n, cz=n)
    assert Counter(encoding["gates"]) == Counter(rx=3 * n, ry=3 * n, cz=n)
    assert (encoding["angles"], encoding["features"]) == (4 * n, 2 * n)
    kinds = ["entangling" in text for text in whole["blocks"]]
    assert kinds == [True, False, True, False, True]
    assert ["no last ring" in text for text in whole["blocks"]] == [False] * 4 + [True]


def test_ratios_are_those_of_the_eigenvalues_and_the_paper_s_law_is_its_own(drawn, records):
    ours = next(p for p in panels(drawn, "law-ratios") if p["name"] == "runs on record")
    top = {(c.model.n_patches, c.model.depth): analysis(records, c.run_id) for c in CONFIGS}
    laws = set()
    for row in ours["rows"]:
        first, second = (top[p, row["depth"]] for p in row["n_patches"])
        values = [entry["eigenvalues"]["H"][0]["value"] for entry in (first, second)]
        assert row["measured"] == pytest.approx(values[1] / values[0], rel=1e-12)
        low, high = row["measured_interval"]
        assert low < row["measured"] < high
        laws.add(row["law"])
        loss = [entry["minimum"]["train"]["loss"] for entry in (first, second)]
        expected = {"elementwise": (4 / 9) ** 2, "aligned": 4 / 9}
        expected["aligned_loss"] = 4 / 9 * loss[1] / loss[0]
        if row["law"] in expected:
            assert row["predicted"] == pytest.approx(expected[row["law"]], rel=1e-12)
    assert ours["pairs"] == 2
    assert {"elementwise", "aligned", "aligned_loss", "aligned_curvature", "blocks"} <= laws


def test_the_author_s_ratios_are_those_of_table_3(drawn):
    author = next(p for p in panels(drawn, "law-ratios") if p["name"] == "author's Table 3")
    top = {(r.n_patches, r.depth): r.top_hessian_eigenvalue for r in author_results()}
    expected = {
        (d, p, q): top[q, d] / top[p, d]
        for d in (50, 100, 150, 200)
        for p, q in ((4, 9), (4, 16), (9, 16))
    }
    found = {(r["depth"], *r["n_patches"]): r["measured"] for r in author["rows"]}
    assert found == pytest.approx(expected, rel=1e-12)
    assert author["pairs"] == 12


def test_the_summary_s_factors_are_those_of_its_rows(drawn):
    """Every pair that the ratio figure shows is a point of the summary: none is lost."""
    rows = [row for p in panels(drawn, "law-ratios") for row in p["rows"]]
    lanes = panels(drawn, "law-summary")
    assert sum(len(lane["rows"]) for lane in lanes) == len(rows)
    for lane in lanes:
        factors = [row["predicted"] / row["measured"] for row in lane["rows"]]
        assert lane["predicted_over_measured"] == pytest.approx(factors, rel=1e-12)
        typical = np.median([max(f, 1 / f) for f in factors])
        # between two values the median is taken of the logarithms
        assert lane["median_factor"] == pytest.approx(typical, rel=0.02)
        assert all(row["law"] == lane["law"] for row in lane["rows"])


def test_the_split_along_training_is_that_on_record(drawn, records):
    for run, panel in by_run(drawn, "split-along-training").items():
        moments = analysis(records, run)["along_training"]
        assert panel["epoch"] == [moment["epoch"] for moment in moments]
        assert panel["loss"] == [moment["loss"] for moment in moments]
        for name in ("G", "R"):
            assert panel[name] == [moment["top"][name]["value"] for moment in moments]
        ratio = [m["top"]["R"]["value"] / m["top"]["G"]["value"] for m in moments]
        assert panel["R_over_G"] == pytest.approx(ratio, rel=1e-12)


def test_the_spectra_along_training_are_those_on_record(drawn, records):
    """Each moment's own values, edge and count: only this catches one moment's for another's."""
    for run, panel in by_run(drawn, "spectra-along-training").items():
        moments = analysis(records, run)["spectra_along_training"]
        assert panel["loss"] == [moment["loss"] for moment in moments]
        values = [[value["value"] for value in moment["top"]] for moment in moments]
        assert panel["eigenvalues"] == values
        assert panel["edge"] == [moment["outliers"]["edge"] for moment in moments]
        assert panel["outliers_high"] == [moment["outliers"]["high"] for moment in moments]


def test_alignment_and_shares_are_those_on_record(drawn, records):
    for run, panel in by_run(drawn, "alignment").items():
        stored = analysis(records, run)
        assert panel["alignment"] == stored["alignment"]["value"]
        assert panel["patch_shares"] == stored["shares"]["H"]["patches"]
        assert panel["bias_share"] == stored["shares"]["H"]["bias"]
        assert sum(panel["patch_shares"]) + panel["bias_share"] == pytest.approx(1)


def test_the_bias_figure_shows_the_blocks_on_record(drawn, records):
    for run, panel in by_run(drawn, "pixel-bias").items():
        stored = analysis(records, run)
        for name, value in panel["largest_eigenvalues"].items():
            assert value == stored["eigenvalues"][name][0]["value"]
        traces = stored["traces"]
        part = traces["bias"]["value"] / traces["total"]["value"]
        assert panel["trace_part"][0] == pytest.approx(part, rel=1e-12)
        assert panel["bias_shares"]["G"] == stored["shares"]["G"]["bias"]
    maps = drawn["pixel-bias"]["numbers"]["coverage"]
    assert [m["n_patches"] for m in maps] == [4, 9, 16, 49]
    for entry in maps:  # every patch covers 64 pixels, the middle four lie in all of them
        counts = np.array(entry["counts"])
        assert counts.sum() == 64 * entry["n_patches"]
        assert (counts[6:8, 6:8] == entry["n_patches"]).all()


def test_the_trace_law_by_hand(drawn, records):
    """Independent: the formula with the paper's numbers; a wrong c, n_p or v shows here only."""
    found = by_run(drawn, "trace-law")
    assert set(found) == {config.run_id for config in CONFIGS}
    for run, panel in found.items():
        stored = analysis(records, run)
        p, d = stored["run"]["n_patches"], stored["run"]["depth"]
        angles, slope = (6 * d + 16) * 8, 256**2 / (2 * 257 * (256**2 - 1))
        law = (100 / p) ** 2 * p * angles * slope * stored["minimum"]["train"]["trace_s"]
        traces = stored["traces"]
        measured = traces["total"]["value"] - traces["bias"]["value"]
        assert panel["measured_over_predicted"] == pytest.approx(measured / law, rel=1e-12)
        errors = [traces[part]["standard_error"] / law for part in ("total", "bias")]
        assert panel["standard_error"] == pytest.approx(math.hypot(*errors), rel=1e-12)


def test_the_level_off_law_goes_through_the_parts_at_the_smallest_p(drawn, records):
    """Above as measured; below every run in units of its own loss, not of the first run's."""
    for panel in panels(drawn, "level-off"):
        stored = [analysis(records, run) for run in panel["runs"]]
        loss = [record["minimum"]["train"]["loss"] for record in stored]
        assert panel["train_loss"] == loss
        p = np.array(panel["n_patches"])
        assert p.tolist() == [4, 9]
        for shown, unit in ((panel, np.ones(2)), (panel["per_unit_of_loss"], np.array(loss))):
            first = stored[0]["eigenvalues"]
            a = 4 * first["G over the angles"][0]["value"] / unit[0]  # a / P at P = 4
            b = first["G over the bias"][0]["value"] / unit[0]
            np.testing.assert_allclose(shown["law"]["high"], a / p + b, rtol=1e-12)
            np.testing.assert_allclose(shown["law"]["low"], np.maximum(a / p, b), rtol=1e-12)
            g = [record["eigenvalues"]["G"][0]["value"] for record in stored] / unit
            np.testing.assert_allclose(shown["largest_eigenvalues"]["G"], g, rtol=1e-12)
            np.testing.assert_allclose(shown["elementwise"], g[0] * (4 / p) ** 2, rtol=1e-12)
