import pytest
import torch

from engine.errors import ModelError
from engine.models.spec import TextEncoderSpec
from engine.models.text_towers import BertTower, CaptionTokenizer
from engine.torch_setup import prepare_torchaudio
from tests.conftest import WORDS, write_tokenizer

SPEC = TextEncoderSpec(
    vocabulary=50, width=32, layers=3, heads=4, inner_width=64, positions=40, longest_tokens=16
)


def test_it_is_bert():
    """Random weights of transformers' own BertModel load and give the same features."""
    prepare_torchaudio()
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
    )
    bert = BertModel(config, add_pooling_layer=False).eval()
    tower = BertTower(SPEC).eval()
    weights = {k: v for k, v in bert.state_dict().items() if "position_ids" not in k}
    tower.load_state_dict(weights)
    ids = torch.randint(0, 50, (3, 9))
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[1, 5:] = False
    with torch.no_grad():
        hidden = bert(ids, attention_mask=mask.long()).last_hidden_state
        weight = mask[:, :, None].float()
        expected = (hidden * weight).sum(1) / weight.sum(1)
        assert torch.allclose(tower(ids, mask), expected, atol=1e-5)


def test_padding_never_changes_a_captions_features():
    tower = BertTower(SPEC).eval()
    ids = torch.randint(0, 50, (1, 6))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], 1)
    mask = torch.arange(11)[None] < 6
    with torch.no_grad():
        alone = tower(ids, torch.ones(1, 6, dtype=torch.bool))
        assert torch.allclose(alone, tower(padded, mask), atol=1e-5)


def test_long_captions_are_cut(tmp_path):
    data = write_tokenizer(tmp_path / "tokenizer.json").read_bytes()
    ids, mask = CaptionTokenizer.from_bytes(data, 8)(["door " * 100, "rain"])
    assert ids.shape == (2, 8)
    assert mask.sum(1).tolist() == [8, 1]
    assert ids[0, 0] == WORDS.index("door")


def test_a_damaged_tokenizer_is_told():
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):
        CaptionTokenizer.from_bytes(b"{", 8)
