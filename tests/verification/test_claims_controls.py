"""Claims' parts that ask for other models than the paper's, on models made up for the purpose."""

from dataclasses import replace

import pytest

from patchlaw.simulators.named_circuits import named_circuit, names_of
from patchlaw.verification.claims import Findings, ledger
from patchlaw.verification.records import Eigenvalue, TrainedModel
from patchlaw.verification.records.run_facts import RunFacts
from patchlaw.verification.records.trained_model import Minimum, SampleMeans
from tests.verification.claim_worlds import AUTHOR

OTHER = replace(AUTHOR, author_protocol=False)  # not all of MNIST
PAPER = RunFacts(4, 10, 1001, 2000, 15, n_parameters=2628)


def model(
    facts: RunFacts, h: float = 1.0, test_loss: float = 1.0, **settings: object
) -> TrainedModel:
    """A trained model with H's and G's largest eigenvalue and a test loss."""
    top = (Eigenvalue(h, 1e-6, True, facts.images),)
    minimum = Minimum(15, SampleMeans(loss=1.0), SampleMeans(test_loss, 0.5, n_samples=1000))
    name = f"P{facts.n_patches}_d{facts.depth}_s{facts.seed}_{abs(hash(facts)) % 16**8:08x}"
    known = replace(OTHER, **settings)
    facts = replace(facts, id=name)
    return TrainedModel(facts, "", minimum, {"H": top, "G": top}, settings=known)


def part(name: str, *models: TrainedModel) -> tuple[str, list[float]]:
    """A part's verdict and the numbers behind it."""
    entries = ledger(Findings(models=models))
    (found,) = (p for entry in entries for p in entry.parts if p.part.id == name)
    return str(found.judgement.verdict), [e.value for e in found.evidence if e.value is not None]


def at(n_patches: int, **axes: object) -> RunFacts:
    return replace(PAPER, n_patches=n_patches, **axes)


@pytest.mark.parametrize(("loss", "verdict"), [(0.5, "confirmed with"), (1.5, "refuted")])
def test_alpha_is_held_against_its_like_at_equal_c_only(loss, verdict):
    """Only this would catch a pair of different P or c, or alpha 1/2 in the paper's own claims."""
    half = at(4, aggregation_exponent=0.5)
    models = (
        model(at(4)),
        model(at(9), test_loss=0.01),
        model(half, test_loss=loss),
        model(replace(half, scale=50.0), test_loss=7.0),
        model(replace(half, n_patches=9, images=999), test_loss=9.0),
    )
    found, numbers = part("13b", *models)
    assert found.startswith(verdict)
    assert numbers == [loss]
    # 9a speaks of the paper's model: one step from 4 to 9, not a second one at alpha = 1/2
    more = (*models, model(at(9, aggregation_exponent=0.5), 3.0))
    assert part("9a", *more)[1] == part("9a", *models)[1] == [1.0]


@pytest.mark.parametrize(
    "other",
    [
        {"data_sha256": "1" * 64},
        {"n_batches": 61},
        {"learning_rate": 0.1, "author_rate": False},
    ],
)
def test_a_variant_is_held_against_its_like_in_data_and_training_only(other):
    """Only this catches alpha = 1/2 on MNIST beside alpha = 1 on images of one's own."""
    half = at(4, aggregation_exponent=0.5)
    apart = (model(at(4), test_loss=10.0, **other), model(half, test_loss=2.0))
    assert part("13b", *apart) == ("not measured", [])
    assert part("13b", *apart, model(at(4))) == ("refuted", [2.0])


def test_a_variant_counts_at_the_papers_scale_by_the_authors_protocol_only():
    """Only this catches a run at another rate, or on other images, that decides as the paper's."""
    full = replace(at(4), depth=50, images=60_000, epochs=50)
    for author in (True, False):
        variant = model(replace(full, aggregation_exponent=0.5), author_protocol=author)
        assert variant.at_paper_scale == author
    assert not replace(model(full), settings=None).at_paper_scale  # by its name


@pytest.mark.parametrize(("last", "verdict"), [(0.5, "confirmed with"), (2.0, "refuted")])
def test_without_a_bias_the_fall_is_held_against_the_fall_with_one(last, verdict):
    """Falls by 0.8 with a bias, by 0.8 x ``last`` without one."""
    models = [model(at(4), 10.0), model(at(9), 8.0)]
    models += [model(at(4, pixel_bias=False), 5.0), model(at(9, pixel_bias=False), 4.0 * last)]
    found, numbers = part("6f", *models)
    assert found.startswith(verdict)
    assert numbers == [pytest.approx(last)]
    over = replace(at(6, pixel_bias=False), depth=7)  # a step over a P that another depth has
    assert part("6f", *models, model(over)) == ("not measured", [])


def test_shared_angles_and_other_data_are_kept_apart():
    shared = [
        model(at(p, shared_angles=True, pixel_bias=False), h) for p, h in ((4, 1.0), (9, 0.5))
    ]
    fashion = [
        model(at(p, dataset="fashion-mnist"), h, loss)
        for p, h, loss in ((4, 2.0, 1.0), (9, 1.0, 0.9))
    ]
    digits = [model(at(p, dataset="digits"), h) for p, h in ((4, 1.0), (9, 9.0))]
    models = (*shared, *fashion, *digits)
    assert part("7c", *models) == ("refuted", [0.5])
    found, numbers = part("13g", *models)
    assert found.startswith("confirmed with")
    assert numbers == [0.5, pytest.approx(0.9)]
    assert part("9a", *models) == ("not measured", [])


@pytest.mark.parametrize(
    "axis", [{"circuit": "ry-cz circuit, zz observables"}, {"loss": "squared_error"}]
)
def test_another_circuit_or_loss_is_no_model_of_the_papers(axis):
    """Only this catches a claim on the paper's model that counts a run on --ansatz or --loss."""
    others = [model(at(p, **axis), h) for p, h in ((4, 1.0), (9, 0.5))]
    assert part("9a", *others) == ("not measured", [])
    paper = [model(at(p), h) for p, h in ((4, 1.0), (9, 0.5))]
    assert part("9a", *paper, *others) == part("9a", *paper) != ("not measured", [])


def test_noise_is_held_against_its_own_strength_only():
    """Only this would catch a fall between two strengths of noise, or noise in the paper's 9a."""
    noisy = [
        model(at(n_patches, noise=p), h)
        for p, tops in ((0.001, (4.0, 3.0)), (0.003, (1.0, 2.0)))
        for n_patches, h in zip((4, 9), tops, strict=True)
    ]
    models = (model(at(4), 8.0), *noisy)
    found, numbers = part("13f", *models)
    assert (found, sorted(numbers)) == ("refuted", [0.75, 2.0])
    found, numbers = part("13h", *models)
    assert found.startswith("confirmed with")
    assert sorted(numbers) == [0.125, 0.5]
    assert part("9a", *models) == ("not measured", [])


@pytest.mark.parametrize("circuit", ["", "interleaved circuit on 4 x 4 pixels"])
@pytest.mark.parametrize(
    "large",
    [
        {"family": "own circuit 0123abcd"},
        {"circuit": names_of(named_circuit("interleaved", "z", 7, 3, 14), 3), "n_qubits": 7},
    ],
)
def test_one_large_qnn_is_held_against_models_of_equal_size(circuit, large):
    """Whatever their circuit: only this catches a named one that has no pair any more."""
    large = at(1, **large)
    # by the digest pixels in the range of other qubits are other data
    data = {"data_sha256": "7" * 64} if large.n_qubits == 7 else {}
    models = (
        model(at(4, circuit=circuit), 2.0),
        model(replace(large, depth=49, n_parameters=2646), 6.0, whole_image=True, **data),
        model(replace(large, n_parameters=1008), 0.1, whole_image=True),
        model(replace(at(1), n_parameters=2628), 0.2),  # a single patch of 8 x 8
        model(replace(large, seed=7), 0.3),  # another one
        model(replace(at(4), seed=7), 2.0),
    )
    found, numbers = part("13e", *models)
    assert found.startswith("confirmed with")
    assert numbers == [3.0]
    known = replace(models[1].settings, data_sha256="1" * 64)
    others = (models[0], replace(models[1], settings=known))
    assert part("13e", *others)[1] == ([3.0] if large.n_qubits == 7 else [])


def test_modules_on_the_patches_are_no_model_of_the_papers():
    """Only this catches classical patches that count in 9a, or beside one large QNN in 13e."""
    modules = [model(at(p, family="own.code:mlp 1"), h) for p, h in ((4, 1.0), (9, 0.5))]
    facts = at(1, family="own circuit 0123abcd", depth=49, n_parameters=2628)
    large = model(facts, 6.0, whole_image=True)
    assert part("9a", *modules) == ("not measured", [])
    assert part("13e", *modules, large) == ("not measured", [])


def test_averaged_observables_are_held_against_their_like():
    """Catches a pair of different seeds or the ratio upside down, and modules taken for one QNN."""
    name = "patchlaw.simulators.averaged_observables"
    one = at(1, family=f"{name}:one_observable 1", dataset="digits")
    four = replace(one, family=f"{name}:four_observables 2")
    models = (model(one, 4.0), model(four, 1.0), model(replace(four, seed=7), 9.0))
    assert part("8c", *models) == ("refuted", [0.25])
    # another run in the place of one: which of the two belongs to its pair is not on record
    assert part("8c", *models, model(four, 8.0)) == ("not measured", [])
    distributed = model(at(4, dataset="digits", family="own circuit 3"))
    assert part("13e", *models, distributed)[1] == []
