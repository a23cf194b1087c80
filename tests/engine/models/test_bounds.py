"""What model.json may say: everything else is one sentence that names the field."""

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models.bounds import BOUNDS, is_plain_name
from engine.models.catalog import find_model, models, spec_of
from engine.models.files import MOST_BYTES
from engine.models.match_model import load_model, load_text_encoder
from engine.models.spec import FILES, FrontEnd, ModelSpec, Ranking, TextEncoderSpec, read_spec
from engine.paths import installed_models
from tests.engine.models.forging import change, sign

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(model_folder, tmp_path / "model")
    return tmp_path / "model"


def refused(folder: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        read_spec(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("features", 10**9),
        ("features", -384),
        ("features", 384.0),
        ("features", "384"),
        ("features", True),
        ("features", None),
        ("features", 10**400),
        ("hidden", 0),
        ("dimensions", 10**9),
        ("rank", 0),
        ("rank", 10**9),
        ("exemplars", -1),
        ("exemplars", 10**9),
        ("memory_texts", -1),
        ("memory_sounds", 10**9),
        ("filed_sounds", -1),
        ("filed_sounds", 10**9),
        ("categories", ["a" * 200]),
        ("categories", ["RAIN\x1b[2J"]),
        ("categories", "RAIN"),
        ("window_s", 0),
        ("window_s", 1e9),
        ("window_s", NAN),
        ("window_s", "10"),
        ("window_s", True),
        ("hop_s", 0),
        ("hop_s", INF),
        ("text_encoder__vocabulary", 10**12),
        ("text_encoder__layers", 10**6),
        ("text_encoder__layers", -1),
        ("text_encoder__layers", 1.5),
        ("text_encoder__heads", 0),
        ("text_encoder__positions", 10**9),
        ("text_encoder__longest_tokens", 0),
        ("text_encoder__pooling", "sum"),
        ("text_encoder__pooling", ["mean"]),
        ("text_encoder__norm_epsilon", 0),
        ("front_end__rate_hz", 1),
        ("front_end__rate_hz", 10**9),
        ("front_end__rate_hz", 32000.5),
        ("front_end__fft_samples", 0),
        ("front_end__hop_samples", 0),
        ("front_end__hop_samples", -1),
        ("front_end__mel_bands", 10**9),
        ("front_end__mel_scale", "bark"),
        ("front_end__scale", 0),
        ("front_end__log_offset", 0),
        ("front_end__clamped", 1),
        ("front_end__fill_s", 1e9),
        ("ranking__epsilon", 0),
        ("ranking__epsilon", -0.05),
        ("ranking__epsilon", NAN),
        ("ranking__cost_scale", 0),
        ("ranking__cost_scale", NAN),
        ("ranking__blend", 1.01),
        ("ranking__blend", -0.01),
        ("ranking__familiar", 2),
        ("ranking__divider", "half"),
        ("ranking__query_potential", -INF),
        ("bank", ["a"] * 1_000_000),
        ("bank", ["a" * 3000]),
        ("bank", [1]),
        ("bank", "abc"),
        ("bank", ["\x1b[2J"]),
        ("name", "../../x"),
        ("name", "a/b"),
        ("name", "a\\b"),
        ("name", ".hidden"),
        ("name", ""),
        ("name", "a" * 101),
        ("name", "\x1b]0;x\x07"),
        ("name", "a\nb"),
        ("name", "txt.\u202eledom"),
        ("name", "\ud800"),
        ("name", 7),
        ("provenance", "\x1b[31m"),
        ("licences", [["x"]]),
        ("base", "../x"),
        ("sha256", {"../../secret": "0" * 64}),
        ("sha256", {"weights.safetensors": "short"}),
        ("audio_sha256", 5),
        ("tower_config", {"hidden_size": 10**9}),
        ("tower_config", {"depths": [1] * 1000}),
        ("tower_config", {"depths": {"a": 1}}),
        ("tower_config", [1]),
    ],
)
def test_a_field_out_of_its_bounds_is_named(copy, field, value):
    change(copy, **{field: value})
    name = field.replace("__", r"\.")
    refused(copy, rf"is damaged: {name} |cannot be read: -?(NaN|Infinity) is not a number$")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rank": 33}, "rank is more than dimensions"),
        ({"hop_s": 11.0}, "hop_s is more than window_s"),
        ({"text_encoder__heads": 3}, "is not divisible by"),
        ({"text_encoder__longest_tokens": 33}, "exceeds the number of positions"),
        ({"front_end__window_samples": 2048}, "window_samples is more than"),
        ({"front_end__hop_samples": 801}, "hop_samples is more than"),
        ({"front_end__fft_samples": 4096}, "too large for the shortest sounds"),
        ({"front_end__low_hz": 15000.0}, "low_hz is not below"),
        ({"front_end__high_hz": 16001.0}, "more than half of front_end.rate_hz"),
    ],
)
def test_fields_that_contradict_one_another_are_named(copy, values, words):
    change(copy, **values)
    refused(copy, f"is damaged: .*{words}")


@pytest.mark.parametrize("part", ["front_end", "text_encoder", "ranking"])
@pytest.mark.parametrize("value", [None, 3, [], "x"])
def test_a_part_that_is_no_object_is_named(copy, part, value):
    change(copy, **{part: value})
    refused(copy, f"is damaged: {part} is missing, or is not an object")


@pytest.mark.parametrize("value", [True, 0, -1, 1.0, "1", None, [1]])
def test_a_format_that_is_none_is_told(copy, value):
    change(copy, format=value)
    refused(copy, "does not say its format")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 100_000, "cannot be read: it is nested too deeply"),
        (b'{"a":' * 100_000, "cannot be read: it is nested too deeply"),
        (b'{"format": 1, "format": 1}', "cannot be read: it says 'format' twice"),
        (b'{"format": NaN}', "cannot be read: NaN is not a number"),
        (b'{"format": ' + b"9" * 10_000 + b"}", "cannot be read"),
        (b"[]", "does not say its format"),
        (b"null", "does not say its format"),
        (b'{"format": 1}', "is damaged"),
    ],
)
def test_a_description_that_is_none_is_told(copy, data, words):
    (copy / "model.json").write_bytes(data)
    refused(copy, words)


def test_a_description_of_a_gigabyte_is_not_read(copy):
    with (copy / "model.json").open("ab") as file:
        file.truncate(1 << 30)  # of nothing, which takes no room
    refused(copy, r"is too large: it has 1\.0 GB, and 8\.0 MB is the most")


@pytest.mark.parametrize("name", ["tokenizer.json", "weights.safetensors"])
def test_a_file_larger_than_its_kind_may_be_is_not_read(copy, name):
    with (copy / name).open("ab") as file:
        file.truncate(MOST_BYTES[name] + 1)
    with pytest.raises(ModelError, match=f"{name} is too large"):
        load_text_encoder(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["model.json", *FILES])
def test_a_pipe_is_not_waited_for(copy, name):
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(ModelError, match=f"{name} cannot be read: it is not a file"):
        load_text_encoder(copy)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
@pytest.mark.parametrize("name", ["model.json", *FILES])
def test_a_link_to_a_device_is_not_read(copy, name):
    (copy / name).unlink()
    (copy / name).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match=f"{name} cannot be read: it is not a file"):
        load_text_encoder(copy)


@pytest.mark.parametrize("name", ["model.json", *FILES])
def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(copy, tmp_path, name):
    (copy / name).rename(copy / "inside")
    (copy / name).symlink_to("inside")
    load_text_encoder(copy)
    (copy / "inside").rename(tmp_path / "outside")
    (copy / name).unlink()
    (copy / name).symlink_to(tmp_path / "outside")
    with pytest.raises(ModelError, match=f"{name} is a link to another folder"):
        load_text_encoder(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_vanished_is_told(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"{name} cannot be read: No such file"):
        load_text_encoder(copy)


def test_every_field_has_bounds_and_every_default_is_within(model_folder):
    for part, kind in (
        ("", ModelSpec("x", "compact")),
        ("front_end", FrontEnd()),
        ("text_encoder", TextEncoderSpec()),
        ("ranking", Ranking()),
    ):
        held = {name: value for name, value in vars(kind).items() if name not in BOUNDS}
        assert set(held) == set(BOUNDS[part])
        for name, value in held.items():
            plain = list(value) if isinstance(value, tuple) else value
            assert BOUNDS[part][name].problem(plain) is None, name
    read_spec(model_folder)


@pytest.mark.parametrize("name", ["default-mn04", "my model 2", "Größe", "a.b"])
def test_plain_names_are_names(name):
    assert is_plain_name(name)


@pytest.mark.parametrize("name", ["a" * 5000, "x\x00y", "/root/secret\x1b[2J", "../../x"])
def test_a_name_that_no_system_has_is_told(name):
    with pytest.raises(ModelError, match="there is no model named") as caught:
        find_model(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_damaged_model_does_not_hide_the_others(model_folder):
    for name in ("good", "bad"):
        shutil.copytree(model_folder, installed_models() / name)
    (installed_models() / "bad" / "model.json").write_bytes(b"\xff")
    found = {entry.name: spec_of(entry) for entry in models()}
    assert found["bad"] is None
    assert found["good"] is not None


def test_weights_of_another_kind_are_refused(copy):
    import torch

    from tests.engine.models.forging import change_weights

    change_weights(copy, lambda t: t.update({"metric.factor": torch.ones(32, 32).int()}))
    with pytest.raises(ModelError, match=r"metric\.factor has the type int32"):
        load_model(copy)


def test_hashes_of_a_forged_folder_fit(copy):
    sign(copy, window_s=9.0)
    assert json.loads((copy / "model.json").read_text())["window_s"] == read_spec(copy).window_s
