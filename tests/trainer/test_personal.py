"""Training on a library, on made-up features whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import InputError
from engine.metadata.captions import caption_of, caption_of_name
from engine.models.folder import write_model
from engine.models.match_model import load_model, load_text_encoder
from engine.models.spec import read_spec
from engine.progress import Cancelled, Control, Progress
from engine.store import Library, StoredWindow
from engine.store.records import FileFacts
from engine.store.tables import MISSING
from engine.store.tags import accepted_tags
from tests.conftest import accept_tags
from trainer.data.library_pairs import CaptionedFeatures, read_pairs, with_captions
from trainer.data.pairs import shuffled
from trainer.recipes import personal
from trainer.recipes.exam import Standing, hear_general_set
from trainer.recipes.personal import PersonalConfig, Trial, parts_of, train_personal
from trainer.recipes.personal_model import write_personal

NOUNS = ["door", "rain", "bell", "wind", "dog", "cat", "tone", "sound"]
CONFIG = PersonalConfig(steps=100, batch=64, heads_rate=3e-3, metric_rate=1e-4)


def facts(path: str) -> FileFacts:
    return FileFacts(path, 1, 1, path, 1.0, 32000, 1, 16, "wav")


def window(features: np.ndarray) -> StoredWindow:
    half = features.astype(np.float16).tobytes()
    return StoredWindow(0.0, 1.0, half, np.zeros(32, np.float16).tobytes(), 0.0)


@pytest.fixture
def pairs() -> CaptionedFeatures:
    """Sounds of every pair of nouns, whose features are the sum of the nouns' directions."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(len(NOUNS), 384, generator=generator)
    features, captions = [], []
    for first in range(len(NOUNS)):
        for second in range(len(NOUNS)):
            for _ in range(6):
                noise = 0.5 * torch.randn(384, generator=generator)
                features.append(directions[first] + 0.7 * directions[second] + noise)
                captions.append((f"{NOUNS[first]} {NOUNS[second]}",))
    clip = torch.arange(len(captions))
    takes = tuple((clip // 6).tolist())
    return CaptionedFeatures(torch.stack(features), clip, tuple(captions), takes)


@pytest.fixture
def guarded_folder(model_folder, pairs, tmp_path):
    """The common model with exemplars, which lie where the library's sounds do not."""
    model = load_model(model_folder)
    model.exemplars = 3 * torch.randn(200, 384, generator=torch.Generator().manual_seed(5))
    bank = tuple(f"{one} {other}" for one in NOUNS for other in NOUNS)
    model.spec = replace(model.spec, exemplars=200, bank=bank)
    model.bank_vectors = torch.zeros(len(bank), 32)
    model.bank_potentials = torch.zeros(len(bank))
    write_model(tmp_path / "guarded", model, model_folder / "tokenizer.json")
    return tmp_path / "guarded"


def test_clips_of_one_meaning_are_no_negatives_of_one_another(pairs):
    count = len(pairs.captions)
    meant = replace(pairs, meanings=("storm", *[""] * (count - 2), "storm"))
    half = meant.part(np.array([0, 1, count - 1]))
    batch = half.draw(np.random.default_rng(0), 60)
    assert set(batch.keys) == {"storm", pairs.captions[1][0]}


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("Door_Creak_01.wav", "door creak"),
        ("DOORWood_Cabin Door Creak_ABC_XYZ.wav", "cabin door creak"),
        ("HeavyRain-Take3_Stereo_48kHz.wav", "heavy rain"),
        ("ZOOM0001.wav", None),
        ("a1.wav", None),
        ("Türquietschen 2.flac", "türquietschen"),
    ],
)
def test_names_say_what_they_say(tmp_path, name, caption):
    assert caption_of_name(tmp_path / name) == caption


def test_a_folder_speaks_for_a_name_that_says_nothing(tmp_path):
    assert caption_of(tmp_path / "Doors" / "ZOOM0001.wav") == "doors"


def test_a_librarys_pairs_are_its_tags_and_names_in_that_order(tmp_path):
    with Library(tmp_path / "library.db") as library:
        rows = [
            (facts(f"/x/{noun}/Zoom_{n}.wav"), [window(np.full(384, n))])
            for n in range(10)
            for noun in NOUNS
        ]
        library.put_sounds(rows)
        accept_tags(library, [(1, "squeak"), (1, "DOORCreak")])
        accept_tags(library, [(1, "squeak")])
        assert accepted_tags(library) == {1: ["DOORCreak", "squeak"]}
        library.set_state([2], MISSING)
        found = read_pairs(library, Control())
    assert found.captions[0] == ("doors creak, squeak", "door")
    assert len(found.captions) == 69  # one is missing, and ten are only called "sound"
    assert found.features[1].mean() == 0.0


def test_a_library_that_is_being_listened_to_anew_is_not_said_to_have_no_names(tmp_path):
    with Library(tmp_path / "anew.db") as library:
        rows = [(facts(f"/x/Door_{n}.wav"), [window(np.zeros(384))]) for n in range(3)]
        library.put_sounds(rows)
        library.put_sounds([(facts(f"/x/Gate_{n}.wav"), []) for n in range(60)])
        with pytest.raises(InputError, match=r"only 3 of 63 .*: finish indexing first"):
            read_pairs(library, Control())


def test_too_small_a_library_and_one_of_a_single_name_are_told(tmp_path):
    with Library(tmp_path / "small.db") as library:
        library.put_sounds([(facts("/x/door.wav"), [window(np.zeros(384))])])
        with pytest.raises(InputError, match=r"only 1 sounds of .* and 50 are needed"):
            read_pairs(library, Control())
    with Library(tmp_path / "same.db") as library:
        rows = [(facts(f"/x/Door_{n}.wav"), [window(np.zeros(384))]) for n in range(60)]
        library.put_sounds(rows)
        with pytest.raises(InputError, match='are called "door": there is nothing to tell apart'):
            read_pairs(library, Control())


def test_a_recording_is_never_parted_and_every_sound_has_one_part(pairs):
    parts = pairs.split((60, 30), 0)
    recordings = [set(part.recordings) for part in parts]
    assert not recordings[0] & recordings[1]
    assert not recordings[0] & recordings[2]
    assert not recordings[1] & recordings[2]
    assert [len(part.captions) for part in parts] == [384 - 90, 60, 30]


def test_sounds_of_one_name_from_other_recordings_may_be_held_out(pairs):
    """What a held-out sound is called may well have been learnt from other sounds."""
    apart = replace(pairs, recordings=())
    training, test = apart.split((100,), 0)
    assert {t[0] for t in training.captions} & {t[0] for t in test.captions}


def test_a_recording_larger_than_a_part_is_trained_on(pairs):
    one = replace(pairs, recordings=(0,) * 300 + tuple(range(1, 85)))
    training, test = one.split((50,), 3)
    assert 0 in training.recordings and 0 not in test.recordings
    assert len(test.captions) == 50


def test_too_few_recordings_are_told(pairs):
    few = replace(pairs, recordings=tuple(n // 96 for n in range(384)))
    with pytest.raises(InputError, match="384 named sounds of this library come from 4 recordings"):
        parts_of(few, 1)


def test_a_part_keeps_sounds_and_captions_together(pairs):
    part = pairs.part(np.array([7, 3]))
    assert part.captions == (pairs.captions[7], pairs.captions[3])
    first = part.features[part.clip == 0]
    assert torch.equal(first, pairs.features[pairs.clip == 7])


def test_training_helps_on_sounds_that_were_held_out(model_folder, pairs, tmp_path):
    told: list[dict] = []
    model, outcome = train_personal(
        model_folder, pairs, tmp_path / "run", CONFIG, Control(), tell=told.append
    )
    assert outcome.way > 0
    assert outcome.after.map10 > outcome.before.map10 + 0.2
    assert outcome.before.general is None and outcome.before.agreement is None
    assert outcome.sounds + outcome.chosen_on + outcome.held_out == len(pairs.captions)
    assert {event["event"] for event in told} >= {"loss", "way"}
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    (chosen,) = [event for event in map(json.loads, log) if event["event"] == "chosen"]
    assert chosen["way"] == outcome.way
    assert [trial["way"] for trial in chosen["ways"]] == [1.0, 0.75, 0.5, 0.25]
    target = tmp_path / "models" / "mine"
    write_personal(target, model_folder, model, outcome, pairs)
    spec = read_spec(target)
    assert (spec.name, spec.base) == ("mine", read_spec(model_folder).id)
    assert spec.audio_id == read_spec(model_folder).audio_id
    again = load_model(target)
    mapped = again.map_features(pairs.features[:5])
    assert torch.allclose(mapped, model.map_features(pairs.features[:5]), atol=1e-2)
    assert load_text_encoder(target)(["door rain"]).isfinite().all()
    with pytest.raises(InputError, match="already exists"):
        write_personal(target, model_folder, model, outcome, pairs)


def test_names_that_mean_nothing_leave_the_base_as_it_is(model_folder, pairs, tmp_path):
    wrong = with_captions(pairs, shuffled([t[0] for t in pairs.captions], 1.0, 3))
    model, outcome = train_personal(model_folder, wrong, tmp_path / "run", CONFIG, Control())
    assert outcome.way == 0.0
    assert outcome.after == outcome.before
    assert "it had not learned from" in outcome.kept
    base = load_model(model_folder)
    assert torch.equal(model.metric.factor, base.metric.factor)


def test_half_of_the_names_wrong_is_not_worse_than_no_training(model_folder, pairs, tmp_path):
    names = [t[0] for t in pairs.captions]
    half = with_captions(pairs, shuffled(names, 0.5, 0))
    model, _ = train_personal(model_folder, half, tmp_path / "run", CONFIG, Control())
    base, tokenizer = load_model(model_folder), load_text_encoder(model_folder).tokenizer
    from engine.models.match_model import TextEncoder

    def right(m) -> float:
        texts = sorted(set(names))
        cost = torch.cdist(m.map_features(pairs.features), TextEncoder(m, tokenizer)(texts))
        wanted = torch.tensor([texts.index(name) for name in names])
        return float((cost.argmin(1) == wanted).float().mean())

    assert right(model) >= right(base)


def test_what_is_reported_has_no_part_in_training_or_choosing(model_folder, pairs, tmp_path):
    """Another truth of the reported sounds changes the report, and nothing else."""
    told: list[dict] = []
    _, outcome = train_personal(
        model_folder, pairs, tmp_path / "run", CONFIG, Control(), tell=told.append
    )
    reported = set(parts_of(pairs, CONFIG.seed)[2].recordings)
    told_again: list[dict] = []
    captions = tuple(
        ("rain bell" if recording == min(reported) else "bell rain",)
        if recording in reported
        else texts
        for texts, recording in zip(pairs.captions, pairs.recordings, strict=True)
    )
    other = replace(pairs, captions=captions)
    _, again = train_personal(
        model_folder, other, tmp_path / "again", CONFIG, Control(), tell=told_again.append
    )
    assert again.way == outcome.way
    ways = [[e for e in events if e["event"] == "way"] for events in (told, told_again)]
    assert ways[0] == ways[1]
    assert again.after.map10 != outcome.after.map10


def test_a_general_set_that_cannot_be_read_is_told(model_folder, tmp_path):
    model, absent = load_model(model_folder), tmp_path / "absent.csv"
    with pytest.raises(InputError, match=r"absent\.csv cannot be read as CSV"):
        hear_general_set(model, absent, Control())
    other = tmp_path / "other.csv"
    other.write_text("path,name\na.wav,dog\n")
    with pytest.raises(InputError, match="has no column named caption"):
        hear_general_set(model, other, Control())
    with pytest.raises(InputError, match="folder, not a file"):
        hear_general_set(model, tmp_path, Control())


class Known:
    """A general set on which only the base's metric does well."""

    def __init__(self, model_folder) -> None:
        self.base = load_model(model_folder).metric.factor

    def figure(self, text_encoder) -> float:
        return 0.9 if torch.equal(text_encoder.model.metric.factor, self.base) else 0.5


def test_what_would_be_forgotten_elsewhere_stops_it_unless_insisted(
    model_folder, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr(personal, "hear_general_set", lambda *ignored: Known(model_folder))
    general = tmp_path / "general.csv"
    arguments = (model_folder, pairs, tmp_path / "run", CONFIG, Control(), general)
    _, outcome = train_personal(*arguments)
    assert outcome.way == 0.0 and not outcome.forgets
    assert "cost too much" in outcome.kept
    _, insisted = train_personal(*arguments, insist=True)
    assert insisted.way > 0 and insisted.forgets
    assert json.dumps(insisted.to_dict())


def test_exemplars_that_are_not_rehearsed_tell_what_was_forgotten(guarded_folder, pairs, tmp_path):
    hard = replace(CONFIG, rehearsal=0.0, heads_rate=1e-2)
    arguments = (guarded_folder, pairs, tmp_path / "run", hard, Control())
    _, outcome = train_personal(*arguments)
    assert outcome.way == 0.0 and "cost too much" in outcome.kept
    assert outcome.after.agreement == 1.0
    _, insisted = train_personal(*arguments, insist=True)
    assert insisted.way > 0 and insisted.forgets
    assert insisted.after.agreement is not None
    assert insisted.after.agreement < personal.MUST_AGREE


def trial(way: float, map10: float, surely: bool, forgets: bool) -> Trial:
    return Trial(way, Standing(0.5, 0.5, map10), surely, forgets)


@pytest.mark.parametrize(
    ("trials", "way", "why"),
    [
        ([trial(1.0, 0.6, True, False), trial(0.5, 0.7, True, False)], 0.5, ""),
        ([trial(1.0, 0.9, True, True), trial(0.5, 0.7, True, False)], 0.5, ""),
        ([trial(1.0, 0.9, False, False), trial(0.5, 0.8, True, False)], 0.5, ""),
        ([trial(1.0, 0.9, True, True)], 0.0, "cost too much"),
        ([trial(1.0, 0.9, False, True)], 0.0, "reliably better"),
        ([trial(1.0, 0.1, True, False)], 0.0, "reliably better"),
    ],
)
def test_the_best_way_is_one_that_is_sure_and_forgets_little(trials, way, why):
    chosen, kept = personal.choice(trials, Standing(0.4, 0.5, 0.5), insist=False)
    assert chosen == way and why in kept


def test_training_that_was_stopped_goes_on_and_ends_the_same(model_folder, pairs, tmp_path):
    whole, outcome = train_personal(model_folder, pairs, tmp_path / "whole", CONFIG, Control())
    first: list[Progress] = []
    with pytest.raises(Cancelled):
        stopping = Control(first.append, lambda: len(first) == 80)
        train_personal(model_folder, pairs, tmp_path / "run", CONFIG, stopping)
    seen: list[Progress] = []
    model, again = train_personal(
        model_folder, pairs, tmp_path / "run", CONFIG, Control(seen.append)
    )
    training = [p for p in seen if p.stage == "training"]
    assert training[0].done > 50
    assert all(p.left_s is not None for p in training[6:])
    assert seen[-1].left_s is not None
    assert again == outcome
    assert torch.equal(model.metric.factor, whole.metric.factor)


def test_threads_are_those_that_the_process_may_use(monkeypatch):
    from engine.torch_setup import set_threads

    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert set_threads() == 1
    assert set_threads(2) == 2
    torch.set_num_threads(before)


def test_a_personal_model_remembers_what_its_base_does(remembering, pairs, tmp_path):
    model, outcome = train_personal(remembering, pairs, tmp_path / "run", CONFIG, Control())
    write_personal(tmp_path / "mine", remembering, model, outcome, pairs)
    base, mine = load_model(remembering), load_model(tmp_path / "mine")
    assert torch.equal(mine.memory.texts, base.memory.texts)
    assert torch.equal(mine.memory.sounds, base.memory.sounds)
    assert torch.equal(mine.filed.sounds, base.filed.sounds)
    assert mine.spec.categories == base.spec.categories
    assert not torch.equal(mine.audio_head.layers[0].weight, base.audio_head.layers[0].weight)
