"""A model is given another audio tower under the same projections (trainer/recipes/towers.py)."""

import pytest
import torch

from engine.errors import InputError
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.match_model import MatchModel, load_model
from engine.models.pair import Pair
from engine.models.towers import COMPACT, PAIR
from trainer.cli.program import main
from trainer.recipes.towers import beside, tuned_tower, with_tower


@pytest.fixture
def base(model_folder) -> MatchModel:
    return load_model(model_folder)


def settled() -> Compact:
    """Give a tower with other weights and batch statistics than any before."""
    tower = Compact().train()
    with torch.no_grad():
        tower(3 * torch.randn(2, 128, 64))
    return tower.eval()


def test_a_tuned_tower_lies_between_its_base_and_the_mean_of_those_tuned_from_it(base):
    first, second = settled(), settled()
    own = base.audio_tower.state_dict()
    theirs = [tower.state_dict() for tower in (first, second)]
    found = tuned_tower(base, [first, second], 0.4).state_dict()
    for name, tensor in found.items():
        if tensor.is_floating_point():
            mean = (theirs[0][name] + theirs[1][name]) / 2
            assert torch.allclose(tensor, 0.6 * own[name] + 0.4 * mean, atol=1e-5), name
    assert not torch.allclose(found["stem.1.running_var"], own["stem.1.running_var"])


def test_with_no_tuned_tower_it_is_the_bases_own(base):
    found = tuned_tower(base, [], 0.0)
    for name, tensor in base.audio_tower.state_dict().items():
        assert torch.equal(tensor, found.state_dict()[name])


def test_only_a_model_with_our_tower_can_be_tuned(base):
    base.audio_tower = EfficientAt()
    with pytest.raises(InputError, match=f"name a --base with the tower {COMPACT}"):
        tuned_tower(base, [settled()], 0.5)


def test_a_model_with_another_tower_keeps_all_else_but_what_it_remembers(remembering):
    base, tower, heard = load_model(remembering), settled(), torch.randn(40, 384)
    made = with_tower(base, tower, heard)
    assert base.memory is not None
    assert made.memory is None
    assert (made.spec.memory_texts, made.spec.memory_sounds) == (0, 0)
    assert made.filed is None
    assert (made.spec.filed_sounds, made.spec.categories) == (0, ())
    assert (made.spec.audio_tower, made.spec.provenance) == (COMPACT, base.spec.provenance)
    state, before = made.state_dict(), base.state_dict()
    for name, tensor in tower.state_dict().items():
        assert torch.equal(state[f"audio_tower.{name}"], tensor)
    theirs = ("audio_tower.", "memory.", "filed.", "exemplars")
    alike = [n for n in before if not n.startswith(theirs)]
    assert {n for n in state if not n.startswith(("audio_tower.", "exemplars"))} == {*alike}
    assert all(torch.equal(state[n], before[n]) for n in alike)


def test_exemplars_are_centres_of_what_the_new_tower_hears(base):
    heard = torch.randn(4, 384)[torch.arange(4096) % 4] + 0.01 * torch.randn(4096, 384)
    base.exemplars = torch.zeros(4, 384)
    base.spec = type(base.spec)(**{**vars(base.spec), "exemplars": 4})
    made = with_tower(base, settled(), heard)
    assert torch.cdist(made.exemplars, heard[:4]).min(0).values.max() < 1


def test_a_pair_hears_with_the_teacher_and_the_models_own_tower_and_says_so(base):
    teacher, own = EfficientAt().eval(), settled()
    pair, log_mel = beside(teacher, own), torch.randn(1, 128, 40)
    with torch.no_grad():
        assert torch.allclose(pair(log_mel), (teacher(log_mel) + own(log_mel)) / 2, atol=1e-6)
    made = with_tower(base, pair, torch.randn(40, 384))
    assert isinstance(made.audio_tower, Pair)
    assert made.spec.audio_tower == PAIR
    assert "EfficientAT's authors" in made.spec.provenance
    assert any("MIT" in licence for licence in made.spec.licences)


def test_a_tower_that_would_stay_as_it_is_is_refused(model_folder, tmp_path, capsys):
    asked = ("tower", str(tmp_path / "new"), "--base", str(model_folder), "--spectra", "x")
    assert main(asked) == 1
    assert "name towers with --student, or say --pair" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
