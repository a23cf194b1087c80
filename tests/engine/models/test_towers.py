"""What every audio tower of the registry promises the rest of the program."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from engine.models.encoders import audio_tower_entry
from engine.models.foreign import audio_spec
from engine.models.layers import ConvNorm, fold_norms
from engine.models.towers import AUDIO_TOWERS, HTSAT
from engine.torch_setup import prepare_torchaudio

prepare_torchaudio()

SMALL = {  # what is not to be of full size here
    HTSAT: {"spec_size": 256, "num_mel_bins": 64, "patch_embeds_hidden_size": 8, "hidden_size": 64}
    | {"depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 1, 1], "num_hidden_layers": 4}
}


@pytest.fixture(scope="module", params=AUDIO_TOWERS)
def made(request):
    spec = audio_spec(request.param, None)
    if request.param in SMALL:
        config = SMALL[request.param]
        spec = replace(spec, tower_config=config, features=config["hidden_size"])
    torch.manual_seed(0)
    tower = audio_tower_entry(request.param).make(spec)
    for layer in tower.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # or what an untrained tower hears fades out on its way
    with torch.no_grad():
        tower(torch.randn(4, spec.front_end.mel_bands, 96))
    return spec, tower.eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_tower_gives_features_as_wide_as_its_entry_says_whatever_is_in_the_batch(made):
    spec, tower = made
    lengths = [96, 70, 96, 81]
    batch = torch.full((4, spec.front_end.mel_bands, 96), spec.front_end.floor)
    for row, length in zip(batch, lengths, strict=True):
        row[:, :length] = torch.randn(len(row), length)
    with torch.no_grad():
        together = tower(batch, torch.tensor(lengths))
        alone = [tower(row[None, :, :n]) for row, n in zip(batch, lengths, strict=True)]
    assert together.shape == (4, spec.features)
    assert together.std(0).max() > 0.01  # they are not all alike
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)


@pytest.mark.parametrize("name", AUDIO_TOWERS)
def test_a_tower_says_where_it_is_from_and_under_which_licence(name):
    entry = audio_tower_entry(name)
    assert entry.provenance.startswith("Audio tower ")
    assert not entry.provenance.endswith(".")  # a sentence goes on
    assert entry.licence.endswith(".")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_folded_norms_change_features_by_rounding_only(made):
    spec, tower = made
    log_mel, lengths = torch.randn(3, spec.front_end.mel_bands, 96), torch.tensor([96, 70, 81])
    folded = deepcopy(tower)
    fold_norms(folded)
    fold_norms(folded)  # what is folded stays so
    units = [m for m in folded.modules() if isinstance(m, ConvNorm)]
    assert not any(isinstance(unit[1], torch.nn.BatchNorm2d) for unit in units)
    with torch.no_grad():
        expected, found = tower(log_mel, lengths), folded(log_mel, lengths)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert bool(units) == spec.audio_tower.startswith(("compact", "efficientat"))
