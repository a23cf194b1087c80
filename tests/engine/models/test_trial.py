"""Models that load but cannot be used are found out by trying them, in a child process."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models import apart, trial
from engine.models.apart import Limits, run_apart
from engine.models.spec import read_spec
from engine.models.trial import ensure_tried, remember_tried, try_model
from engine.models.weights import AUDIO_PREFIX
from engine.paths import assets, data_folder
from engine.progress import Cancelled, Control
from tests.conftest import WORDS
from tests.engine.models.forging import change_tokenizer, change_weights, sign
from tests.warm import CAN_FORK, Forked

MANY_WORDS = {word: 10**9 if word == "cat" else n for n, word in enumerate(WORDS)}


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(model_folder, tmp_path / "model")
    (data_folder() / "tried-models.json").unlink()  # where the common model stands
    return tmp_path / "model"


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let children that try models be forks, where a start of Python is not what is proved."""

    def popen(
        command: list[str],
        *,
        stdin: int,
        stdout: int,
        stderr: IO[bytes],
        env: dict[str, str],
        creationflags: int,
    ) -> Forked:
        (read, given), (said, write) = os.pipe(), os.pipe()
        with os.fdopen(read, "rb") as asked, os.fdopen(write, "wb") as told:
            child = Forked("engine.models.trial:_main", [], env, (asked, told, stderr))
        child.stdin, child.stdout = os.fdopen(given, "wb"), os.fdopen(said, "rb")
        return child

    if CAN_FORK:
        pretended = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
        monkeypatch.setattr(apart, "subprocess", pretended)


def refused(folder: Path, words: str, limits: Limits | None = None) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        try_model(folder, limits=limits)
    assert str(caught.value).isprintable()
    assert "Traceback" not in str(caught.value)


def put(name: str | tuple[str, ...], value: float | torch.Tensor):
    """Return what overwrites some weights, in their shape."""

    def do(tensors: dict[str, torch.Tensor]) -> None:
        for found in [n for n in tensors if n.startswith(name)]:
            if tensors[found].is_floating_point():
                tensors[found] = torch.full_like(tensors[found], value)

    return do


def test_a_good_model_is_taken(copy):
    try_model(copy)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("metric.factor", float("nan"), r"weights metric\.factor: not every number"),
        ("audio_tower.head.weight", float("inf"), r"weights audio_tower\.head\.weight: not every"),
        ("bank_potentials", float("nan"), "weights bank_potentials: not every"),
        ("bank_vectors", float("-inf"), "weights bank_vectors: not every"),
        ("metric.factor", 0.0, "a vector of texts is zero"),
        (
            ("metric.factor", "text_head.layers.3.bias"),
            60000.0,
            "a vector of texts: not every number in it is finite",
        ),
        ("audio_head.layers", 0.0, "a vector of sounds is zero"),
        ("audio_tower.head", 60000.0, "a vector of sounds: not every number in it is finite"),
    ],
)
def test_numbers_that_are_none_are_found_out(copy, name, value, words, forked):
    refused(change_weights(copy, put(name, value)), words)


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda t: t.pop("metric.factor"), r"metric\.factor is absent, and should be 32×32"),
        (lambda t: t.update(extra=torch.ones(2)), "extra is 2, and should be absent"),
        (
            lambda t: t.update({"metric.factor": torch.ones(32, 31)}),
            r"metric\.factor is 32×31, and should be 32×32",
        ),
        (
            lambda t: t.update({"metric.factor": torch.ones(32, 32, dtype=torch.int32)}),
            r"metric\.factor has the type int32",
        ),
    ],
)
def test_weights_that_do_not_fit_are_found_out(copy, do, words, forked):
    refused(change_weights(copy, do), words)


def test_sizes_are_compared_before_anything_is_allocated(copy, forked):
    """The text tower that is described would take 34 GB."""
    sign(copy, text_encoder__vocabulary=1 << 20, text_encoder__width=1 << 13)
    refused(copy, r"weights\.safetensors does not match model\.json: .* should be ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (pickle.dumps({"a": 1}), "cannot be read"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "cannot be read"),
        ((2).to_bytes(8, "little") + b"[]", "cannot be read"),
        (
            (lambda h: len(h).to_bytes(8, "little") + h)(
                json.dumps(
                    {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
                ).encode()
            ),
            "cannot be read",
        ),
    ],
    ids=["empty", "pickle", "endless header", "list", "lying sizes"],
)
def test_weights_that_are_none_are_found_out(copy, data, words, forked):
    (copy / "weights.safetensors").write_bytes(data)
    refused(sign(copy), words)


def test_hashes_that_do_not_fit_are_found_out(copy, forked):
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    refused(copy, r"tokenizer\.json is damaged: download or copy the model again")


def test_an_empty_bank_is_found_out(copy, forked):
    def empty(tensors: dict[str, torch.Tensor]) -> None:
        tensors["bank_vectors"] = torch.zeros(0, 32)
        tensors["bank_potentials"] = torch.zeros(0)

    refused(change_weights(copy, empty, bank=[]), "its bank holds no texts")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"model": {"type": "Nothing"}}, r"tokenizer\.json is damaged"),
        (
            {"model": {"type": "WordLevel", "vocab": MANY_WORDS, "unk_token": "[UNK]"}},
            "has the token 1000000000, but the text tower knows only 11",
        ),
        (
            {
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"Regex": "(a+)+$"},
                    "behavior": "Isolated",
                    "invert": False,
                }
            },
            r"a regular expression that may take forever: \(a\+\)\+\$",
        ),
        (
            {"model": {"type": "WordLevel", "vocab": {"door": 2}, "unk_token": "[UNK]"}},
            "it does not work: ",
        ),
    ],
    ids=["no model", "ids beyond", "regular expression", "no unknown token"],
)
def test_tokenizers_that_cannot_be_used_are_found_out(copy, parts, words, forked):
    refused(change_tokenizer(copy, **parts), words)


@pytest.mark.parametrize(
    "parts",
    [
        {
            "padding": {"strategy": {"Fixed": 10**7}, "direction": "Left", "pad_id": 10**6}
            | {"pad_to_multiple_of": 10**6, "pad_type_id": 0, "pad_token": "x"}
        },
        {
            "truncation": {"max_length": 1, "strategy": "LongestFirst", "stride": 0}
            | {"direction": "Left"}
        },
        {"normalizer": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}},
    ],
    ids=["padding", "truncation", "replacing"],
)
def test_odd_settings_of_a_tokenizer_do_no_harm(copy, parts, forked):
    try_model(change_tokenizer(copy, **parts))


@pytest.mark.parametrize(
    "data", [b"{", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000], ids=["cut", "no", "[[", "{{"]
)
def test_a_tokenizer_that_is_no_json_is_found_out(copy, data, forked):
    (copy / "tokenizer.json").write_bytes(data)
    refused(sign(copy), r"tokenizer\.json is damaged")


def test_code_in_a_tower_configuration_is_never_asked_for(copy):
    """Only sizes reach the library that makes the tower: nothing that names code to load."""
    from engine.models.clap import sizes_of

    given = {"hidden_size": 64, "attn_implementation": "someone/kernels", "auto_map": "x"}
    assert sizes_of(given) == {"hidden_size": 64}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX limits memory")
def test_too_much_memory_is_told(copy):
    refused(copy, r"needs more than 0\.0312 GB of memory", Limits(memory_bytes=32 << 20))


def test_too_much_time_is_told(copy):
    refused(copy, "did not finish within 0 seconds", Limits(time_s=0.0))


CHILDREN = {
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "aborted for want of memory": "import os, sys; sys.stderr.write('memory allocation of 8 "
    "bytes failed'); sys.stderr.flush(); os.abort()",
    "says nothing": "pass",
    "fails": "raise SystemExit(3)",
}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("killed", "was killed by the system"),
        ("aborted for want of memory", "it needs more than 8 GB of memory"),
        ("says nothing", "was killed by the system"),
        ("fails", r"was killed by the system \(code 3\)"),
    ],
)
def test_a_child_that_ends_without_a_word_is_a_sentence(tmp_path, monkeypatch, caplog, how, words):
    child = tmp_path / "child.py"
    child.write_text(CHILDREN[how])
    monkeypatch.setattr(apart, "CHILD", [sys.executable, str(child)])
    with pytest.raises(ModelError, match=f"the model in X was not accepted: .*{words}"):
        run_apart({}, "the model in X", Limits(), Control())
    assert ("memory allocation of 8 bytes failed" in caplog.text) is ("memory" in how)


def test_a_mistake_that_a_model_provokes_is_in_the_log_with_its_traceback(
    tmp_path, monkeypatch, caplog
):
    child = tmp_path / "child.py"
    child.write_text(
        "from engine.models.apart import be_child\n"
        "def divide(order): 1 / 0\n"
        "raise SystemExit(be_child(divide))\n"
    )
    monkeypatch.setattr(apart, "CHILD", [sys.executable, str(child)])
    monkeypatch.setenv("PYTHONPATH", str(Path(apart.__file__).parents[2]))
    with pytest.raises(ModelError, match="it does not work: division by zero"):
        run_apart({}, "the model in X", Limits(), Control())
    assert "in divide" in caplog.text and "ZeroDivisionError" in caplog.text
    caplog.clear()
    child.write_text(child.read_text().replace("1 / 0", "print('a warning')"))
    run_apart({}, "the model in X", Limits(), Control())
    assert not caplog.records


def test_whoever_tries_may_be_stopped(copy):
    with pytest.raises(Cancelled):
        ensure_tried(copy, Control(cancel=lambda: True))
    assert not (data_folder() / "tried-models.json").exists()


@pytest.fixture
def trials(monkeypatch) -> list[Path]:
    """Count trials, and let them all end well."""
    seen: list[Path] = []
    monkeypatch.setattr(trial, "try_model", lambda folder, *more: seen.append(folder))
    return seen


def test_a_model_is_tried_once(make_model, trials):
    folder = make_model("once")
    ensure_tried(folder)
    ensure_tried(folder)
    assert trials == [folder]


def test_what_ships_is_not_tried(trials):
    ensure_tried(assets() / "models" / "default")
    assert trials == []


def test_what_was_tried_is_known_by_description_and_files(copy, trials):
    remember_tried(copy)
    ensure_tried(copy)
    assert trials == []
    change_weights(copy, put("metric.factor", 0.5))
    ensure_tried(copy)
    assert trials == [copy]
    sign(copy, ranking__blend=0.75)  # which is not part of the id
    ensure_tried(copy)
    assert trials == [copy, copy]


def test_files_that_no_longer_fit_are_tried_again(copy, trials):
    remember_tried(copy)
    with (copy / "weights.safetensors").open("ab") as file:
        file.write(b"x")
    ensure_tried(copy)
    assert trials == [copy]


def test_a_refused_model_is_not_remembered(copy, forked):
    change_weights(copy, put("metric.factor", 0.0))
    for _ in range(2):
        with pytest.raises(ModelError, match="is zero"):
            ensure_tried(copy)


def test_a_model_that_changes_meanwhile_is_refused(copy, monkeypatch):
    def change(folder: Path, *more: object) -> None:
        sign(folder, ranking__blend=0.9)

    monkeypatch.setattr(trial, "try_model", change)
    with pytest.raises(ModelError, match="changed during its trial"):
        ensure_tried(copy)
    assert not (data_folder() / "tried-models.json").exists()


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b"[1, null]", b"[" * 100_000])
def test_a_damaged_memory_of_trials_means_to_try_again(copy, trials, data):
    (data_folder() / "tried-models.json").write_bytes(data)
    ensure_tried(copy)
    assert trials == [copy]
    ensure_tried(copy)
    assert trials == [copy]


def test_the_audio_tower_may_be_of_another_kind(tmp_path, model_folder):
    """Sizes are compared for every kind of tower without allocating it."""
    from dataclasses import replace

    from engine.models import clap, panns
    from engine.models.outline import outline

    base = read_spec(model_folder)
    for name, front_end, features in (
        ("efficientat-mn04", base.front_end, 384),
        ("panns-resnet38", panns.FRONT_END, 2048),
        ("clap-htsat", clap.FRONT_END, 768),
    ):
        spec = replace(base, audio_tower=name, front_end=front_end, features=features)
        assert any(weight.startswith(AUDIO_PREFIX) for weight in outline(spec))


def test_a_tower_of_other_widths_is_found_out(copy, forked):
    def widen(tensors: dict[str, torch.Tensor]) -> None:
        tensors["audio_head.mean"] = torch.zeros(400)
        tensors["audio_head.deviation"] = torch.ones(400)
        tensors["audio_head.layers.0.weight"] = torch.ones(64, 400)

    refused(change_weights(copy, widen, features=400), "does not work|have the shape")


def test_a_folder_that_vanishes_is_told(copy):
    shutil.rmtree(copy)
    with pytest.raises(ModelError, match="is not a model folder"):
        ensure_tried(copy)


def test_a_foreign_checkpoint_with_a_hostile_configuration_installs_nothing(tmp_path, forked):
    from engine.models.catalog import get_model
    from engine.paths import installed_models

    source = tmp_path / "clap"
    source.mkdir()
    (source / "tokenizer.json").write_text("{}")
    save_file({"a": torch.zeros(1)}, source / "model.safetensors")
    for text in ({"vocab_size": 10**12}, {"num_hidden_layers": "many"}, {"hidden_size": -1}):
        config = {"audio_config": {}, "text_config": text}
        (source / "config.json").write_text(json.dumps(config))
        with pytest.raises(ModelError, match=r"the model in .* was not accepted: "):
            get_model("clap", source, Control())
        assert not [p for p in installed_models().iterdir() if p.name != ".lock"]
