"""Checkpoints of other authors, in small and at random, but of their true layout."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.errors import InputError, ModelError
from engine.models import clap, panns
from engine.models.catalog import find_model, get_model
from engine.models.efficientat import EfficientAt
from engine.models.foreign import (
    audio_spec,
    load_audio_tower,
    load_clap,
    load_foreign_text_encoder,
    text_spec,
)
from engine.models.frontend import LogMel
from engine.models.match_model import (
    AudioEncoder,
    MatchModel,
    TextEncoder,
    load_audio_encoder,
    load_text_encoder,
)
from engine.models.text_towers import BertTower, CaptionTokenizer
from engine.models.towers import PAIR
from engine.progress import Control
from engine.torch_setup import prepare_torchaudio
from tests.conftest import WORDS, tone, write_tokenizer

prepare_torchaudio()
transformers = pytest.importorskip("transformers")

AUDIO = {
    "patch_embeds_hidden_size": 8,
    "hidden_size": 64,
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 2, 4, 8],
    "enable_fusion": False,
}
TEXT = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    torch.manual_seed(0)
    config = transformers.ClapConfig(audio_config=AUDIO, text_config=TEXT, projection_dim=24)
    transformers.ClapModel(config).save_pretrained(folder)
    return folder


def theirs(folder):
    return transformers.ClapModel.from_pretrained(folder).eval()


def rows(output) -> torch.Tensor:
    found = getattr(output, "pooler_output", output)
    return torch.nn.functional.normalize(found, dim=-1)


@pytest.mark.parametrize("seconds", [10.0, 3.3, 0.7])
def test_our_front_end_hears_what_claps_feature_extractor_hears(seconds):
    extractor = transformers.ClapFeatureExtractor(
        frequency_min=50, frequency_max=14000, truncation="rand_trunc", padding="repeatpad"
    )
    rng = np.random.default_rng(0)
    samples = (tone(440, seconds, 48000) + rng.normal(0, 0.05, round(seconds * 48000))).astype(
        np.float32
    )
    expected = extractor(samples, sampling_rate=48000, return_tensors="pt")["input_features"][0, 0]
    heard = LogMel(clap.FRONT_END)(torch.from_numpy(samples)).T
    assert heard.shape == expected.shape
    assert torch.allclose(heard, expected.float(), atol=0.05)


def test_a_complete_clap_embeds_sounds_and_texts_as_transformers_does(clap_folder, tmp_path):
    model = load_clap(clap_folder, "clap")
    log_mel = torch.randn(2, 64, 1001)
    with torch.no_grad():
        expected = rows(
            theirs(clap_folder).get_audio_features(
                input_features=log_mel[:, None].transpose(2, 3), is_longer=torch.zeros(2, 1).bool()
            )
        )
        ours = model.map_features(model.audio_tower(log_mel))
    assert torch.allclose(ours, expected, atol=1e-4)
    tokenizer = CaptionTokenizer.from_bytes(
        write_tokenizer(tmp_path / "tokenizer.json").read_bytes(), 16
    )
    captions = ["a sound dog", "rain bell wind cat tone"]
    ids, mask = tokenizer(captions)
    ids[~mask] = 1  # what RoBERTa pads with
    with torch.no_grad():
        expected = rows(
            theirs(clap_folder).get_text_features(input_ids=ids, attention_mask=mask.long())
        )
    assert torch.allclose(TextEncoder(model, tokenizer)(captions), expected, atol=1e-4)


def test_claps_audio_tower_alone_is_taken_from_either_kind_of_folder(clap_folder, tmp_path):
    theirs(clap_folder).audio_model.save_pretrained(tmp_path)
    features = []
    for folder in (clap_folder, tmp_path):
        model = MatchModel(audio_spec("clap-htsat", folder), ("audio",)).eval()
        load_audio_tower(model, folder)
        features.append(AudioEncoder(model).features([torch.ones(64, 1001), torch.ones(64, 900)]))
    assert features[0].shape == (2, 64)
    assert torch.equal(*features)


def test_a_clap_becomes_a_model_folder_that_searches(clap_folder, tmp_path, own_home):
    write_tokenizer(clap_folder / "tokenizer.json")
    folder = get_model("clap", clap_folder, Control())
    assert folder == find_model("clap")
    audio_encoder, text_encoder = load_audio_encoder(folder), load_text_encoder(folder)
    assert text_encoder(["a sound"]).shape == (1, 24)
    vectors = audio_encoder.model.map_features(audio_encoder.features([torch.randn(64, 1001)]))
    assert torch.allclose(vectors.norm(dim=1), torch.ones(1), atol=1e-3)
    assert audio_encoder.model.bank_vectors.abs().sum() > 0


def test_a_clap_with_fusion_is_refused_with_a_sentence(tmp_path):
    config = {"audio_config": {"enable_fusion": True}, "text_config": TEXT}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="CLAP model with fusion"):
        load_clap(tmp_path, "clap")


OFFICIAL = {  # names and shapes of ResNet38_mAP=0.434.pth that span its architecture
    "bn0.running_mean": (64,),
    "conv_block1.conv2.weight": (64, 64, 3, 3),
    "resnet.layer1.0.bn1.weight": (64,),
    "resnet.layer1.2.conv2.weight": (64, 64, 3, 3),
    "resnet.layer2.0.downsample.1.weight": (128, 64, 1, 1),
    "resnet.layer2.0.downsample.2.running_var": (128,),
    "resnet.layer3.5.conv1.weight": (256, 256, 3, 3),
    "resnet.layer4.2.bn2.bias": (512,),
    "conv_block_after1.conv1.weight": (2048, 512, 3, 3),
    "fc1.weight": (2048, 2048),
    "fc_audioset.bias": (527,),
}


@pytest.fixture(scope="module")
def panns_checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("panns") / "ResNet38_mAP=0.434.pth"
    torch.manual_seed(0)
    state = panns.ResNet38().state_dict()
    state |= {
        "spectrogram_extractor.stft.conv_real.weight": torch.zeros(513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": torch.zeros(513, 1, 1024),
        "logmel_extractor.melW": torch.zeros(513, 64),
    }
    torch.save({"iteration": 600000, "model": state}, path)
    return path


def test_resnet38_loads_the_checkpoint_as_its_authors_save_it(panns_checkpoint):
    model = MatchModel(audio_spec("panns-resnet38", panns_checkpoint), ("audio",)).eval()
    load_audio_tower(model, panns_checkpoint)
    state = model.audio_tower.state_dict()
    assert {name: tuple(state[name].shape) for name in OFFICIAL} == OFFICIAL
    features = AudioEncoder(model).features([torch.randn(64, 200), torch.randn(64, 90)])
    assert features.shape == (2, 2048)


def test_padding_changes_no_embedding_of_resnet38(panns_checkpoint):
    model = MatchModel(audio_spec("panns-resnet38", panns_checkpoint), ("audio",)).eval()
    short, long = torch.randn(64, 90), torch.randn(64, 200)
    audio_encoder = AudioEncoder(model)
    together = audio_encoder.features([short, long])
    assert torch.allclose(together[0], audio_encoder.features([short])[0], atol=1e-5)


@pytest.fixture(scope="module")
def resnet38():
    tower = panns.ResNet38().train()
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            tower(20 * torch.randn(2, 64, 100) - 40)  # batch statistics that are not trivial
    return tower.eval()


def test_resnet38_hears_a_batch_of_unequal_sounds_in_one_forward(resnet38):
    lengths = [5, 63, 64, 65, 99, 130]
    sounds = [10 * torch.randn(64, length) - 50 for length in lengths]
    batch = torch.full((len(lengths), 64, 130), 7.0)
    for row, sound in zip(batch, sounds, strict=True):
        row[:, : sound.shape[1]] = sound
    seen = []
    handle = resnet38.fc1.register_forward_pre_hook(
        lambda module, given: seen.append(len(given[0]))
    )
    with torch.no_grad():
        together = resnet38(batch, torch.tensor(lengths))
        assert seen == [len(lengths)]
        handle.remove()
        for row, sound in zip(together, sounds, strict=True):
            assert torch.allclose(row, resnet38(sound[None])[0], atol=1e-6)
    assert together.std(0).mean() > 1e-5  # they are not all alike


def test_htsat_hears_a_batch_of_sounds_of_about_ten_seconds_in_one_forward(clap_folder):
    model = load_clap(clap_folder, "clap")
    seen = []
    model.audio_tower.model.register_forward_pre_hook(
        lambda module, given, named: seen.append(named["input_features"].shape[2]),
        with_kwargs=True,
    )
    seconds = (0.4, 2.0, 10.0)
    sounds = [0.1 * torch.randn(round(s * 48000)) for s in seconds]
    batch = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
    lengths = torch.tensor([len(sound) for sound in sounds])
    frames = torch.tensor([clap.FRONT_END.frames(len(sound)) for sound in sounds])
    with torch.no_grad():
        together = model.audio_tower(model.log_mel(batch, lengths), frames)
        assert seen == [1001]
        alone = AudioEncoder(model).features([model.log_mel(sound) for sound in sounds])
        assert torch.allclose(together, alone, atol=1e-5)
        model.audio_tower(torch.randn(3, 64, 1200), torch.tensor([1100, 1200, 1024]))
    assert seen[2:] == [1024]


def test_pannss_front_end_is_librosas(panns_checkpoint):
    """Decibels of slaney's bands, as torchlibrosa computes them: checked on one frame."""
    filters = LogMel(panns.FRONT_END).filters
    assert filters.shape == (64, 513)
    widths = filters.sum(1) * (32000 / 1024)  # bands of equal area
    assert torch.allclose(widths[20:], torch.ones(44), atol=0.1)
    silence = LogMel(panns.FRONT_END)(torch.zeros(32000))
    assert torch.allclose(silence, torch.full_like(silence, -100.0))


def test_a_checkpoint_of_another_architecture_is_refused(panns_checkpoint, tmp_path):
    wrong = tmp_path / "mn04.pt"
    torch.save(EfficientAt().state_dict(), wrong)
    model = MatchModel(audio_spec("panns-resnet38", wrong), ("audio",))
    with pytest.raises(ModelError, match="does not match the architecture"):
        load_audio_tower(model, wrong)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_any_bert_class_encoder_gives_what_transformers_gives(kind, pickled, tmp_path):
    sizes = {k: v for k, v in TEXT.items() if k != "type_vocab_size"}
    if kind == "bert":
        config = transformers.BertConfig(**{**sizes, "pad_token_id": 0})
        theirs = transformers.BertModel(config).eval()
    else:
        config = transformers.RobertaConfig(**sizes, type_vocab_size=1)
        theirs = transformers.RobertaModel(config).eval()
    theirs.save_pretrained(tmp_path)
    if pickled:
        (tmp_path / "model.safetensors").unlink()
        state = {f"{kind}.{n}": t for n, t in theirs.state_dict().items()}
        torch.save(state, tmp_path / "pytorch_model.bin")
    write_tokenizer(tmp_path / "tokenizer.json")
    spec, _, weights = load_foreign_text_encoder(tmp_path)
    tower = BertTower(spec).eval()
    tower.load_state_dict(weights)
    ids = torch.tensor([[2, 3, 4, 5], [6, 7, config.pad_token_id, config.pad_token_id]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
    with torch.no_grad():
        hidden = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        expected = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        assert torch.allclose(tower(ids, mask), expected, atol=1e-5)


def test_an_encoder_of_another_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="of kind t5"):
        text_spec(tmp_path)


def test_a_tower_of_which_a_part_is_ours_cannot_be_read_from_its_authors_file(tmp_path):
    model, file = MatchModel(audio_spec(PAIR, None), ("audio",)), tmp_path / "mn04.pt"
    torch.save(EfficientAt().state_dict(), file)
    with pytest.raises(InputError, match=r"cannot be read from .*mn04\.pt alone: .* with --base"):
        load_audio_tower(model, file)
