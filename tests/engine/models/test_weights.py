"""What becomes of weights on the disk (engine/models/weights.py)."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.models.weights import fill, load_tensors, save_weights, shapes_of

WORDS = "text_tower.embeddings.word_embeddings.weight"


class Words(torch.nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(count, 8))


@pytest.fixture
def words() -> torch.Tensor:
    rows = torch.randn(10_000, 8) * torch.logspace(-3, 1, 10_000)[:, None]
    rows[7] = 0.0
    rows[8, 1:] = 0.0
    return rows


def test_many_words_take_eight_bits_and_err_by_half_a_percent_of_a_rows_greatest(words, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights({WORDS: words, "text_head.bias": torch.randn(5)}, path)
    assert path.stat().st_size < 10_000 * (8 + 2) + 1000
    read = load_tensors(path)
    assert set(read) == {WORDS, "text_head.bias"}
    assert read[WORDS].dtype == torch.float32
    greatest = words.abs().amax(1, keepdim=True).clamp(min=127 * 2.0**-14)
    assert ((read[WORDS] - words).abs() <= greatest / 200).all()
    assert (read[WORDS][7] == 0).all()
    assert (read[WORDS][8, 1:] == 0).all()
    assert shapes_of(path) == {WORDS: (10_000, 8), "text_head.bias": (5,)}


def test_what_was_read_is_written_as_it_was(words, tmp_path):
    save_weights({WORDS: words}, tmp_path / "one")
    save_weights(load_tensors(tmp_path / "one"), tmp_path / "two")
    one, two = load_tensors(tmp_path / "one")[WORDS], load_tensors(tmp_path / "two")[WORDS]
    assert torch.allclose(one, two, rtol=2e-3, atol=1e-6)
    save_weights({WORDS: two}, tmp_path / "three")
    assert torch.allclose(two, load_tensors(tmp_path / "three")[WORDS], rtol=2e-3, atol=1e-6)


def test_what_was_read_stays_as_it_was_while_its_file_is_overwritten(tmp_path):
    path, tensors = tmp_path / "w", {"whole": torch.randn(300, 300), "owners": torch.arange(9_000)}
    save_file(tensors, path)  # as it is: neither is converted on its way in
    read = load_tensors(path)
    with path.open("r+b") as file:  # a mapped page that nobody changed would follow
        file.seek(0)
        file.write(bytes(path.stat().st_size))
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_tensors_are_copied_into_a_module_unless_they_are_given_away(tmp_path):
    tensors = {"weight": torch.randn(3, 8)}
    copied, taken = Words(3), Words(3)
    fill(copied, tensors, "", tmp_path)
    fill(taken, tensors, "", tmp_path, given_away=True)
    assert torch.equal(copied.weight, taken.weight)
    tensors["weight"].zero_()
    assert copied.weight.any()
    assert not taken.weight.any()
    assert taken.weight.requires_grad


def test_few_words_and_all_else_are_halves(tmp_path):
    tensors = {WORDS: torch.randn(9_999, 8), "memory.texts": torch.randn(10_000, 8)}
    save_weights(tensors, tmp_path / "w")
    assert {t.dtype for t in load_file(tmp_path / "w").values()} == {torch.float16}


@pytest.mark.parametrize(
    "wrong",
    [
        {WORDS + ".row_scale": torch.ones(10_000, 8)},  # not one a row
        {WORDS + ".row_scale": torch.ones(1, 1)},
        {WORDS: torch.zeros(10_000, 8).half()},  # no codes
        {WORDS: torch.zeros(10_000, 8, dtype=torch.int16)},
    ],
)
def test_codes_and_scales_that_do_not_fit_are_refused(words, wrong, tmp_path):
    save_weights({WORDS: words}, tmp_path / "w")
    save_file(load_file(tmp_path / "w") | wrong, tmp_path / "forged")
    model, prefix = Words(10_000), WORDS.removesuffix("weight")
    with pytest.raises(ModelError, match="does not match the architecture"):
        fill(model, load_tensors(tmp_path / "forged"), prefix, tmp_path / "forged")
    fill(model, load_tensors(tmp_path / "w"), prefix, tmp_path / "w")


def test_codes_without_a_scale_are_refused(words, tmp_path):
    save_weights({WORDS: words}, tmp_path / "w")
    stored = load_file(tmp_path / "w")
    del stored[WORDS + ".row_scale"]
    save_file(stored, tmp_path / "forged")
    with pytest.raises(ModelError, match="has the type int8"):
        fill(Words(10_000), load_tensors(tmp_path / "forged"), WORDS[:-6], tmp_path / "forged")


def test_a_scale_of_nothing_is_a_tensor_too_many(words, tmp_path):
    odd = WORDS.replace("weight", "other.row_scale")
    save_weights({WORDS: words, odd: torch.ones(10_000, 1)}, tmp_path / "w")
    assert shapes_of(tmp_path / "w")[odd] == (10_000, 1)
    with pytest.raises(ModelError, match="does not match the architecture"):
        fill(Words(10_000), load_tensors(tmp_path / "w"), WORDS[:-6], tmp_path / "w")
