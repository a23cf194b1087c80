from dataclasses import replace

import numpy as np
import pytest
import torch

from trainer.data.pairs import (
    FeaturePairs,
    Pool,
    TaggedCaption,
    read_tag_names,
    read_tagged_captions,
)

TAGS = ["Dog", "Rain", "Door", "Speech"]


def test_what_is_trained_on_is_known_by_labels_captions_and_tags_and_not_by_rounding():
    captions = (TaggedCaption("a dog barks", frozenset({"dog", "bark"})),)
    pool = Pool(torch.randn(2, 4), torch.rand(2, 2), ("dog", "rain"), {"dog": "animal"})

    def digest(pool: Pool = pool, said: tuple[TaggedCaption, ...] = captions) -> str:
        return FeaturePairs(pool, said, ["dog", "bark"], least_agreement=0.0).digest()

    others = {
        digest(replace(pool, labels=("dog", "wind"))),
        digest(replace(pool, meaning={})),
        digest(said=(replace(captions[0], text="a dog"),)),
        digest(said=(replace(captions[0], tags=frozenset({"dog"})),)),
    }
    assert len(others) == 4
    assert digest() not in others
    assert digest(replace(pool, features=pool.features + 1e-6)) == digest()


def pool() -> Pool:
    probabilities = torch.tensor(
        [[0.9, 0.0, 0.0, 0.0], [0.0, 0.9, 0.0, 0.0], [0.0, 0.0, 0.8, 0.1], [0.8, 0.7, 0.0, 0.0]]
    )
    return Pool(torch.arange(4.0)[:, None].expand(4, 384), probabilities, ("a", "b", "c", "a"))


def captions() -> list[TaggedCaption]:
    return [
        TaggedCaption("a dog barks", frozenset({"Dog"})),
        TaggedCaption("a dog barks in the rain", frozenset({"Dog", "Rain"})),
        TaggedCaption("someone talks", frozenset({"Speech"})),
    ]


def test_captions_meet_clips_in_which_their_labels_are_heard():
    source = FeaturePairs(pool(), captions(), TAGS, 1.0, candidates=1)
    batch = source.draw(np.random.default_rng(0), 64)
    for features, caption in zip(batch.audio, batch.captions, strict=True):
        expected = {"a dog barks": 0.0, "a dog barks in the rain": 3.0}[caption]
        assert features[0].item() == expected


def test_captions_whose_labels_nobody_heard_are_left_out():
    source = FeaturePairs(pool(), captions(), TAGS, candidates=1)
    assert "someone talks" not in source.texts
    assert "a dog barks" in source.texts
    assert "This is a sound of c." in source.texts


def test_a_batch_depends_on_its_seed_alone():
    source = FeaturePairs(pool(), captions(), TAGS)
    one, two = (source.draw(np.random.default_rng((1, 7)), 32) for _ in range(2))
    assert one.captions == two.captions
    assert torch.equal(one.audio, two.audio)


def test_equal_meanings_have_equal_keys():
    batch = FeaturePairs(pool(), captions(), TAGS, 0.5).draw(np.random.default_rng(0), 200)
    keys: dict[str, set[str]] = {}
    for caption, key in zip(batch.captions, batch.keys, strict=True):
        keys.setdefault(caption.removeprefix("This is a sound of ").rstrip("."), set()).add(key)
    assert all(len(found) == 1 for found in keys.values())
    assert keys["a"] != keys["b"]


def test_labels_of_one_meaning_are_no_negatives_of_one_another():
    synonyms = replace(pool(), meaning={"a": "b"})
    batch = FeaturePairs(synonyms).draw(np.random.default_rng(0), 40)
    keys = {c[-2:].strip(" ."): k for c, k in zip(batch.captions, batch.keys, strict=True)}
    assert keys["a"] == keys["b"] != keys["c"]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_tagged_captions_is_kept(share):
    batch = FeaturePairs(pool(), captions(), TAGS, share).draw(np.random.default_rng(0), 40)
    assert sum(key.startswith("tags") for key in batch.keys) == round(40 * share)
    assert len(batch.audio) == len(batch.captions) == 40


def test_real_captions_and_tags_are_read(data):
    names = read_tag_names(data)
    assert len(names) == 527
    real = read_tagged_captions(data, "val")
    assert real
    assert len([c for c in real if c.tags <= set(names)]) > 0.9 * len(real)
