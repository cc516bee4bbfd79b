"""The training loop: repeatable, resumable between any two steps, and loud when the loss is lost."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from suite.cnn import StandaloneCNN
from suite.data import Data, Split, find_data, open_data
from suite.errors import OutOfMemoryError, TrainingError
from suite.evaluation import Outcome, evaluate
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings, validate_study
from suite.supernet import Scorer, Supernet, load_supernet, new_training, train_supernet
from suite.supernet.step_rules import STEP_RULES
from suite.training import Training, train_to_end

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Real digits."""
    from suite.study import validate_study
    from tests.conftest import tiny_table

    settings = validate_study(tiny_table(), where="tiny").data
    return open_data(settings, find_data(settings), cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def space(tiny_study: StudySettings, data: Data) -> SearchSpace:
    return SearchSpace(tiny_study.space, data.picture_shape, len(data.classes))


def training(study: StudySettings, space: SearchSpace, data: Data, seed: int = 0) -> Training:
    return standalone_training(study, space, space.parse("8k3max-8k3avg-fc16"), data, CPU, seed)


def weights(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_seed_trains_the_same_network_whatever_the_global_state(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    results = []
    for seed, noise in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(noise)
        random.seed(noise)
        t = training(tiny_study, space, data, seed)
        losses = [t.run_epoch() for _ in range(2)]
        results.append((losses, weights(t.network)))
    assert results[0][0] == results[1][0]
    assert same(results[0][1], results[1][1])
    assert not same(results[0][1], results[2][1])


def test_class_weights_make_every_class_count_alike(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    weighed = (10.0, *[1e-9] * 9)
    before = training(tiny_study, space, data)
    after = training(tiny_study, space, replace(data, class_weights=weighed))
    for _ in range(5):
        before.run_epoch()
        after.run_epoch()
    zeros = data.train.labels == 0
    split = Split(data.train.pictures[zeros], data.train.labels[zeros])
    assert evaluate(after.network, data, split, CPU).accuracy == 1.0
    assert evaluate(after.network, data, data.train, CPU).predicted.unique().tolist() == [0]
    assert len(evaluate(before.network, data, data.train, CPU).predicted.unique()) > 1


def test_balanced_accuracy_is_the_mean_over_classes() -> None:
    labels, predicted = torch.tensor([0, 0, 0, 0, 2, 2]), torch.tensor([0, 0, 0, 1, 2, 0])
    outcome = Outcome(
        torch.zeros(6, dtype=torch.float64), predicted, labels, torch.ones(6, dtype=torch.float64)
    )
    assert outcome.accuracy == pytest.approx(4 / 6)
    assert outcome.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_it_goes_on_from_any_step_as_if_never_stopped(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    whole = training(tiny_study, space, data)
    states = []

    def save() -> None:
        if whole.step in (3, 9):
            states.append(torch_copy(whole.state()))

    losses = [whole.run_epoch(save=save) for _ in range(2)]
    for number, state in enumerate(states):
        resumed = training(tiny_study, space, data)
        resumed.load(state)
        again = [resumed.run_epoch() for _ in range(2 - resumed.epoch)]
        assert again == losses[resumed.epoch - len(again) :], number
        assert same(weights(resumed.network), weights(whole.network)), number


def test_the_average_is_the_result_and_survives_a_stop(
    tiny_study: StudySettings, space: SearchSpace, data: Data, tmp_path: Path
) -> None:
    quiet = Display(quiet=True)
    plain, averaged = (with_supernet(tiny_study, average=decay) for decay in (0.0, 0.99))
    last, whole, stopped, resumed = (
        new_training(study, space, data, CPU) for study in (plain, averaged, averaged, averaged)
    )
    for number, t in enumerate((last, whole)):
        train_to_end(t, "p", "P", RunDirectory.create(tmp_path / f"{number}"), quiet)
    assert not same(weights(last.network), weights(whole.network))

    states = []
    stopped.run_epoch(save=lambda: states.append(torch_copy(stopped.state())))
    resumed.load(states[4])
    train_to_end(resumed, "p", "P", RunDirectory.create(tmp_path / "resumed"), quiet)
    assert same(weights(resumed.network), weights(whole.network))


def torch_copy(state: dict[str, object]) -> dict[str, object]:
    """A deep copy by way of a file, as a checkpoint makes it."""
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    copied: dict[str, object] = torch.load(buffer, weights_only=True)
    return copied


def test_it_learns(tiny_study: StudySettings, space: SearchSpace, data: Data) -> None:
    t = training(tiny_study, space, data)
    first = t.run_epoch()
    for _ in range(14):
        last = t.run_epoch()
    outcome = evaluate(t.network, data, data.val_choice, CPU)
    assert last < 0.5 * first
    assert outcome.accuracy > 0.6
    assert outcome.losses.dtype == torch.float64
    assert len(outcome.losses) == len(data.val_choice)


def test_evaluation_does_not_depend_on_the_batch(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    network = training(tiny_study, space, data).network
    one, other = (evaluate(network, data, data.val_choice, CPU, batch=batch) for batch in (250, 7))
    assert torch.equal(one.predicted, other.predicted)
    torch.testing.assert_close(one.losses, other.losses, rtol=1e-5, atol=1e-7)


def test_a_lost_loss_stops_with_what_to_do(tiny_study: StudySettings, space: SearchSpace, data: Data) -> None:
    t = training(tiny_study, space, data)
    with torch.no_grad():
        next(iter(t.network.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"became nan in epoch 1.*[Ll]ower the learning rate"):
        t.run_epoch()


def test_too_little_memory_is_told_with_what_to_do(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    def run_out(*_: object) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")

    t = training(tiny_study, space, data)
    t.network.forward = run_out  # type: ignore[method-assign]
    with pytest.raises(OutOfMemoryError, match=r"train on 64 pictures at once.*Lower the batch size"):
        t.run_epoch()
    with pytest.raises(OutOfMemoryError, match="look at 1 picture at once"):
        evaluate(t.network, data, data.val_choice, CPU)


def test_a_look_that_needs_too_much_memory_is_taken_at_fewer_pictures(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    network = training(tiny_study, space, data).network
    whole, forward, seen = evaluate(network, data, data.val_choice, CPU), network.forward, []

    def forward_of_few(pictures: torch.Tensor) -> torch.Tensor:
        seen.append(len(pictures))
        if len(pictures) > 70:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
        return forward(pictures)

    network.forward = forward_of_few  # type: ignore[method-assign]
    halved = evaluate(network, data, data.val_choice, CPU)
    assert torch.equal(halved.predicted, whole.predicted)
    torch.testing.assert_close(halved.losses, whole.losses, rtol=1e-5, atol=1e-7)
    assert seen == [len(data.val_choice), 125, 62, 62, 62, len(data.val_choice) - 3 * 62]


def test_train_to_end_resumes_from_its_checkpoint(
    tiny_study: StudySettings, space: SearchSpace, data: Data, tmp_path: Path
) -> None:
    quiet = Display(quiet=True)
    whole, stopped, resumed = (training(tiny_study, space, data) for _ in range(3))
    log = train_to_end(whole, "p", "P", RunDirectory.create(tmp_path / "whole"), quiet)
    assert len(log["train_loss"]) == tiny_study.finalists.epochs
    run = RunDirectory.create(tmp_path / "stopped")
    save, saves = run.save_checkpoint, []

    def stop_after_two(phase: str, state: dict[str, object]) -> None:
        save(phase, state)
        saves.append(phase)
        if len(saves) == 2:
            raise KeyboardInterrupt

    run.save_checkpoint = stop_after_two  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        train_to_end(stopped, "p", "P", run, quiet)
    again = train_to_end(resumed, "p", "P", RunDirectory(tmp_path / "stopped"), quiet)
    assert again["train_loss"] == log["train_loss"]
    assert same(weights(resumed.network), weights(whole.network))


def test_the_supernet_is_trained_once_and_then_read(
    tiny_study: StudySettings, space: SearchSpace, data: Data, tmp_path: Path
) -> None:
    run, quiet = RunDirectory.create(tmp_path / "run"), Display(quiet=True)
    trained = train_supernet(tiny_study, space, data, CPU, run, quiet)
    stored = train_supernet(tiny_study, space, data, CPU, run, quiet)
    assert same(weights(trained), weights(stored))
    result = run.read_result("supernet")
    assert result is not None
    assert len(result["train_loss"]) == tiny_study.supernet.epochs
    content = bytearray((run.path / "supernet.safetensors").read_bytes())
    content[-5] ^= 1
    (run.path / "supernet.safetensors").write_bytes(content)
    with pytest.raises(Exception, match="missing or damaged"):
        load_supernet(tiny_study, space, run)


def with_supernet(study: StudySettings, **keys: object) -> StudySettings:
    """The study with keys of [supernet] set."""
    table = study.model_dump(mode="json")
    return validate_study({**table, "supernet": table["supernet"] | keys}, where="changed")


@pytest.mark.parametrize("rule", STEP_RULES)
def test_an_epoch_by_any_rule_reaches_every_depth(
    tiny_study: StudySettings, space: SearchSpace, data: Data, rule: str
) -> None:
    t = new_training(with_supernet(tiny_study, step_rule=rule, first_fc="per-depth"), space, data, CPU)
    before = {name: p.detach().clone() for name, p in t.network.named_parameters()}
    t.run_epoch()
    moved = {name for name, p in t.network.named_parameters() if not torch.equal(p, before[name])}
    assert {
        "first_fcs.1.weight",
        "first_fcs.2.weight",
        "classifiers.1.weight",
        "classifiers.2.weight",
    } <= moved


@pytest.mark.parametrize("rule", STEP_RULES)
def test_widths_that_a_step_has_not_used_do_not_move(
    tiny_study: StudySettings, space: SearchSpace, data: Data, rule: str
) -> None:
    t = new_training(with_supernet(tiny_study, step_rule=rule), space, data, CPU)
    moved: set[str] = set()
    rested: set[str] = set()
    for _ in range(20):
        before = {name: p.detach().clone() for name, p in t.network.named_parameters()}
        t.run_steps(1)
        for name, p in t.network.named_parameters():
            if p.grad is not None and not p.grad[-1].any():  # the outermost channel or unit
                assert torch.equal(p[-1], before[name][-1])
                rested |= {name} & moved  # with moments that Adam would move it by
            elif p.grad is not None:
                moved.add(name)
    assert rested or rule == "sandwich"  # the largest uses all


def test_scores_are_those_of_the_extracted_networks(
    tiny_study: StudySettings, space: SearchSpace, data: Data
) -> None:
    supernet = new_training(tiny_study, space, data, CPU).network
    assert isinstance(supernet, Supernet)
    genomes = [space.sample(random.Random(i)) for i in range(6)]
    told: list[tuple[int, int]] = []
    scores = Scorer(supernet, data, CPU).score(
        genomes, data.val_search, lambda done, total: told.append((done, total))
    )
    assert told[-1] == (len(data.val_search), len(data.val_search))
    for genome, score in zip(genomes, scores, strict=True):
        network = supernet.extract(genome)
        assert isinstance(network, StandaloneCNN)
        outcome = evaluate(network, data, data.val_search, CPU)
        assert (score.correct, score.pictures) == (int(outcome.correct.sum()), len(data.val_search))
        assert score.loss == pytest.approx(outcome.loss, rel=1e-5)
