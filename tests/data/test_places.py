"""Where data is looked for, in which order, and what is said when it is nowhere."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from suite.data import hub
from suite.data.places import find_data
from suite.errors import DataError
from tests.data.conftest import noise, settings, write_folders, write_parquet

LABELS = [0, 1] * 4


def hub_layout(folder: Path) -> Path:
    """A folder with train and test as on the hub."""
    for split in ("train", "test"):
        write_parquet(folder / f"{split}-00000-of-00001.parquet", LABELS)
    return folder


def cached_snapshot(home: Path, name: str, commit: str = "abc123", inner: str = "plain_text") -> Path:
    """A repository as huggingface_hub leaves it in its cache."""
    repository = home / "hub" / f"datasets--{hub.repository(name).replace('/', '--')}"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    return hub_layout(repository / "snapshots" / commit / inner)


def test_importing_places_loads_neither_torch_nor_datasets() -> None:
    code = "import sys, suite.data.places; print([m for m in ('torch', 'datasets', 'numpy') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_digits_are_built_in() -> None:
    assert find_data(settings("digits")).kind == "digits"


def test_missing_data_lists_every_place_and_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        find_data(settings("fashion_mnist"))
    text = str(caught.value)
    assert text.startswith('data.name = "fashion_mnist": ')
    for place in (
        "own folder: fashion_mnist: not there",
        "SUITE_DATA_DIR: not set",
        "system copy: ",
        "Hugging Face cache: ",
        "Hugging Face hub: not asked: HF_HUB_OFFLINE is set",
        "Set SUITE_DATA_DIR (or --data)",
        "dataset-fashion-mnist",
        '"digits"',
    ):
        assert place in text
    assert caught.value.exit_code == 2


def test_a_near_miss_is_guessed() -> None:
    with pytest.raises(DataError, match='Did you mean "cifar10"'):
        find_data(settings("cifar-10"))


def test_a_folder_that_was_named_like_a_data_set_gets_a_hint() -> None:
    with pytest.raises(DataError, match=r"your own pictures is written as a path, such as \./leaves"):
        find_data(settings("leaves"))
    with pytest.raises(DataError) as caught:
        find_data(settings("cifar10"))
    assert "your own" not in str(caught.value)


def test_the_data_folder_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_layout(tmp_path / "a" / "cifar10")
    hub_layout(tmp_path / "b" / "cifar10")
    monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path / "b"))
    assert find_data(settings("cifar10")).files["train"][0].is_relative_to(tmp_path / "b")
    place = find_data(settings("cifar10"), tmp_path / "a")
    assert place.files["train"] == (tmp_path / "a" / "cifar10" / "train-00000-of-00001.parquet",)
    assert place.files["test"] == (tmp_path / "a" / "cifar10" / "test-00000-of-00001.parquet",)
    assert (place.kind, place.name) == ("parquet", "cifar10")


def test_a_data_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--data .*nowhere: no such folder"):
        find_data(settings("cifar10"), tmp_path / "nowhere")


def test_a_folder_of_the_name_is_the_users_own(tmp_path: Path) -> None:
    write_folders(tmp_path / "cwd" / "flowers")
    place = find_data(settings("flowers"))
    assert (place.kind, place.name, len(place.files["train"])) == ("folder", "flowers", 40)


def test_owner_and_name_is_a_folder_where_there_is_one(tmp_path: Path) -> None:
    write_folders(tmp_path / "cwd" / "me" / "flowers")
    assert find_data(settings("me/flowers")).kind == "folder"


def test_a_folder_of_the_name_without_data_is_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd" / "cifar10").mkdir()
    hub_layout(tmp_path / "data" / "cifar10")
    monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path / "data"))
    assert find_data(settings("cifar10")).files["train"][0].is_relative_to(tmp_path / "data")


@pytest.mark.parametrize("name", ["./flowers", "~/flowers", "/nowhere/at/all", "a/b/c"])
def test_a_path_is_looked_for_nowhere_else(name: str) -> None:
    with pytest.raises(DataError) as caught:
        find_data(settings(name))
    assert "not there" in str(caught.value)
    assert "hub" not in str(caught.value)


def test_a_home_directory_that_is_not_there() -> None:
    with pytest.raises(DataError, match="no such home directory"):
        find_data(settings("~nobody-of-this-name/flowers"))


def test_train_and_test_folders(tmp_path: Path) -> None:
    write_folders(tmp_path / "train")
    write_folders(tmp_path / "test", 5)
    files = find_data(settings(tmp_path)).files
    assert {split: len(paths) for split, paths in files.items()} == {"train": 40, "test": 10}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_folders(tmp_path / "vehicles", classes=("bus", "train"))
    files = find_data(settings(tmp_path / "vehicles")).files
    assert {path.parent.name for path in files["train"]} == {"bus", "train"}


def test_parquet_of_any_name_is_the_training_part(tmp_path: Path) -> None:
    write_parquet(tmp_path / "pictures.parquet", LABELS)
    write_parquet(tmp_path / "validation.parquet", LABELS)
    assert find_data(settings(tmp_path)).files == {"train": (tmp_path / "pictures.parquet",)}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("pets_train", "pets_test"),
        ("pets-training-v2", "Pets.TEST"),
        ("data", "testing2"),
        ("train", "test"),
    ],
)
def test_parquet_whose_name_says_its_part_is_that_part(train: str, test: str, tmp_path: Path) -> None:
    for name in (train, test, "pets_val", "pets.eval"):
        write_parquet(tmp_path / f"{name}.parquet", LABELS)
    files = find_data(settings(tmp_path)).files
    assert files == {"train": (tmp_path / f"{train}.parquet",), "test": (tmp_path / f"{test}.parquet",)}


def test_strange_things_beside_the_pictures_are_ignored(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    (tmp_path / ".hidden").mkdir()
    noise(0).save(tmp_path / ".hidden" / "x.png")
    noise(0).save(tmp_path / "cat" / "._resource.png")
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    assert len(find_data(settings(tmp_path)).files["train"]) == 6


def test_pictures_outside_class_folders_are_explained(tmp_path: Path) -> None:
    noise(0).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="pictures, but not in class folders"):
        find_data(settings(tmp_path))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00001-of-00002.parquet", LABELS)
    with pytest.raises(DataError, match=r"train-00000-of-00002\.parquet is missing"):
        find_data(settings(tmp_path))


def test_several_configurations_are_not_guessed_between(tmp_path: Path) -> None:
    hub_layout(tmp_path / "small")
    hub_layout(tmp_path / "large")
    with pytest.raises(DataError, match=r"several folders \(large, small\)"):
        find_data(settings(tmp_path))


def test_the_system_copy(tmp_path: Path) -> None:
    folder = tmp_path / "no-system-copy"
    folder.mkdir()
    names = [f"{s}-{p}-ubyte.gz" for s in ("train", "t10k") for p in ("images-idx3", "labels-idx1")]
    for name in names[:3]:
        (folder / name).touch()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz missing"):
        find_data(settings("fashion_mnist"))
    (folder / names[3]).touch()
    assert find_data(settings("fashion_mnist")).kind == "idx"


def test_the_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    cached_snapshot(tmp_path / "hf", "cifar10", "older")
    current = cached_snapshot(tmp_path / "hf", "cifar10", "newer")
    (tmp_path / "hf/hub/datasets--uoft-cs--cifar10/refs/main").write_text("newer\n")
    place = find_data(settings("cifar10"))
    assert place.kind == "hub-cache"
    assert place.files["train"][0].parent == current

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="no uoft-cs/cifar10"):
        find_data(settings("cifar10"))


def test_half_a_download_is_not_taken_for_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    snapshot = cached_snapshot(tmp_path / "hf", "cifar10")
    (snapshot / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="uoft-cs/cifar10 is there, but not whole"):
        find_data(settings("cifar10"))


def test_training_pictures_alone_are_taken_only_where_the_hub_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    snapshot = cached_snapshot(tmp_path / "hf", "me/pets")
    assert find_data(settings("me/pets")).kind == "hub-cache"
    (snapshot / "test-00000-of-00001.parquet").unlink()
    monkeypatch.setattr(hub, "why_not", lambda name: None)
    monkeypatch.setattr(hub, "offline", lambda: None)
    assert find_data(settings("me/pets")).kind == "hub"
    monkeypatch.setattr(hub, "offline", lambda: "HF_HUB_OFFLINE")
    place = find_data(settings("me/pets"))
    assert (place.kind, set(place.files)) == ("hub-cache", {"train"})


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub on this machine that has one data set, uoft-cs/cifar10."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if self.path == "/datasets/uoft-cs/cifar10" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_hub_is_asked_last(hub_server: str) -> None:
    place = find_data(settings("cifar10"))
    assert (place.kind, place.source) == ("hub", f"{hub_server}/datasets/uoft-cs/cifar10")
    with pytest.raises(DataError, match="no public data set of that name there"):
        find_data(settings("me/nothing"))


def test_a_name_the_hub_cannot_have_is_not_asked_for(hub_server: str) -> None:
    with pytest.raises(DataError, match="no name of the hub's"):
        find_data(settings("my pictures"))


def test_a_silent_hub_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.data.hub.PROBE_SECONDS", 0.05)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert hub.why_not("cifar10")


def test_a_name_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr("suite.data.hub.PROBE_SECONDS", 0.05)
    monkeypatch.setattr("suite.data.hub._ask", lambda name: never.wait())
    assert hub.why_not("cifar10") == "no answer within 0.05 s"
    never.set()
