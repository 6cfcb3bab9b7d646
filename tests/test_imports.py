"""Public checkpoints: what is read, what is refused, and that the model is theirs."""

import dataclasses
import importlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from public_checkpoints import MEL, STATS, hifigan_discriminators, hifigan_generator, jinhan, ming024, nvidia
from safetensors.torch import load_file, save_file

from pipeline.importing import Files, describe, fields, import_files, require_free
from pipeline.paths import Paths
from tts import imports
from tts.acoustic.fastspeech2 import FastSpeech2
from tts.errors import CheckpointError, ConfigError, TextError
from tts.imports import symbols
from tts.imports.layouts import LAYOUTS
from tts.interfaces import Controls, Inventory
from tts.models import load_model
from tts.synthesis import Voice
from tts.text.frontend import TextSettings, build_frontend, speakable
from tts.training.export import read_model
from tts.training.starting import start_discriminator_from, start_from
from tts.vocoders.hifigan import HifiGan

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
NO_CREDIT = {"license": None, "source": None}


def imported(files, folder, *, layout=None, mel=None, credit=NO_CREDIT):
    return import_files(files, folder, layout=layout, mel=mel or {}, credit=credit)


def written(path, content, **options):
    torch.save(content, path, **options)
    return path


def json_file(path, value):
    path.write_text(json.dumps(value))
    return path


def spoken(network, num_symbols):
    """What a network says of a few phones, its pre-net's dropout drawn alike."""
    phones = torch.arange(1, 9)[None] * 7 % num_symbols
    zero = torch.zeros(1, dtype=torch.int64)
    torch.manual_seed(0)
    with torch.inference_mode():
        return network.speak(phones, torch.tensor([8]), speaker_ids=zero, style_ids=zero, controls=Controls()).mel


def vocoded(network):
    torch.manual_seed(0)
    with torch.inference_mode():
        return network(torch.randn(1, 80, 12))


@pytest.fixture(scope="module")
def generator():
    return hifigan_generator()


@pytest.fixture
def fs2(tmp_path):
    """Files of a FastSpeech 2."""
    network, state = ming024()
    statistics = json_file(tmp_path / "stats.json", STATS)
    return network, Files(written(tmp_path / "9.pth.tar", {"model": state, "optimizer": {}}), statistics=statistics)


class TestTheModelIsTheirs:
    @pytest.mark.parametrize("way", ["zip", "pickle", "several GPUs", "safetensors", "folded"])
    def test_hifigan_however_it_was_written(self, generator, tmp_path, way):
        network, state = generator
        path = tmp_path / "g_00000001"
        if way == "safetensors":
            save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
        elif way == "folded":
            plain, _ = hifigan_generator()
            plain.fold_weight_norm()
            written(path, {"generator": plain.state_dict()})
        elif way == "several GPUs":
            written(path, {"generator": {f"module.{name}": each for name, each in state.items()}})
        else:
            written(path, {"generator": state}, _use_new_zipfile_serialization=way == "zip")
        found = imported(Files(path), tmp_path / "model")
        assert found.layout.name == "hifigan_jik876"
        torch.testing.assert_close(
            vocoded(load_model(tmp_path / "model").network), vocoded(network), atol=1e-6, rtol=1e-5
        )

    @pytest.mark.parametrize("version", ["v2", "v3"])
    @pytest.mark.parametrize("with_config", [True, False])
    def test_the_authors_own_hifigan(self, tmp_path, version, with_config):
        golden = GOLDEN / f"hifigan_{version}"
        if not golden.exists():
            pytest.skip(f"the golden fixture {golden.name} is not beside this checkout")
        config = json.loads((golden / "config.json").read_text())["config"]
        beside = (json_file(tmp_path / "config.json", config),) if with_config else ()
        state = load_file(golden / "state.safetensors")
        imported(Files(written(tmp_path / "g_02500000", {"generator": state}), config=beside), tmp_path / "model")
        loaded, arrays = load_model(tmp_path / "model"), np.load(golden / "io.npz")
        assert loaded.inventory.mel == MEL
        with torch.inference_mode():
            ours = loaded.network(torch.from_numpy(arrays["mel"])).numpy()
        np.testing.assert_allclose(ours, arrays["wav"][:, 0], atol=1e-5, rtol=0)

    def test_fastspeech2(self, fs2, tmp_path):
        network, files = fs2
        imported(files, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        mel = spoken(network, 361)
        assert mel.shape[1] > 8
        torch.testing.assert_close(spoken(loaded.network, 361), mel, atol=1e-5, rtol=0)
        assert loaded.inventory.mel.framing == "centered"
        assert loaded.inventory.statistics.pitch_hz_mean == {"speaker": 200.0}

    def test_fastspeech2_of_several_speakers(self, tmp_path):
        network, state = ming024(speakers=("bob", "ann"))
        files = Files(
            written(tmp_path / "a.pt", {"model": state}),
            statistics=json_file(tmp_path / "stats.json", STATS),
            speakers=json_file(tmp_path / "speakers.json", {"ann": 1, "bob": 0}),
        )
        imported(files, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        assert loaded.inventory.speakers == ("bob", "ann")
        torch.testing.assert_close(spoken(loaded.network, 361), spoken(network, 361), atol=1e-5, rtol=0)

    @pytest.mark.parametrize(("make", "num_symbols", "sample_rate"), [(nvidia, 148, 22050), (jinhan, 80, 16000)])
    def test_tacotron2(self, tmp_path, make, num_symbols, sample_rate):
        network, state = make()
        files = Files(
            written(tmp_path / "checkpoint_1", {"iteration": 1, "state_dict": state, "learning_rate": 1e-3}),
            config=(json_file(tmp_path / "hparams.json", {"gate_threshold": 0.6}),),
        )
        imported(files, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        assert loaded.inventory.mel.sample_rate == sample_rate
        torch.testing.assert_close(spoken(loaded.network, num_symbols), spoken(network, num_symbols), atol=1e-5, rtol=0)

    def test_tacotron2_of_a_torch_that_did_not_count_batches_yet(self, tmp_path):
        network, state = nvidia()
        uncounted = {name: each for name, each in state.items() if not name.endswith("num_batches_tracked")}
        assert len(uncounted) < len(state)
        imported(Files(written(tmp_path / "a.pt", {"state_dict": uncounted})), tmp_path / "model")
        assert torch.equal(load_model(tmp_path / "model").network.symbols.weight, network.symbols.weight)

    def test_letters_and_the_spaces_between_them_can_be_said_in_braces(self, tmp_path):
        imported(Files(written(tmp_path / "a.pt", nvidia()[1])), tmp_path / "model")
        known = load_model(tmp_path / "model").inventory.symbols
        frontend = build_frontend(TextSettings(frontend="characters"))
        (words,) = frontend.pronounce([frontend.normalize("{h i space y o u .}", "en")], "en")
        assert speakable(words)[1:-1] == ("h", "i", "space", "y", "o", "u", ".")
        assert set(speakable(words)[1:-1]) <= set(known)

    def test_jinhans_style_is_that_of_a_reshaped_mel_with_and_without_padding(self, tmp_path):
        network, state = jinhan()
        imported(Files(written(tmp_path / "a.pt", {"state_dict": state})), tmp_path / "model")
        loaded = load_model(tmp_path / "model").network
        torch.manual_seed(1)
        mel = torch.randn(2, 30, 80)
        lengths = torch.tensor([30, 21])
        with torch.inference_mode():
            together = loaded.encode_style(mel, lengths)
            network.style.reference.scrambled = False
            for row, length in enumerate(lengths.tolist()):
                reshaped = mel[row, :length].T.reshape(1, length, 80)
                alone = network.encode_style(reshaped, lengths[row : row + 1])
                torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)

    def test_the_public_config_goes_before_what_is_published(self, generator, tmp_path):
        _, state = generator
        config = {"upsample_rates": [8, 8, 4], "resblock_dilation_sizes": [[1, 3], [1, 3], [1, 3]], "fmax": None}
        files = Files(written(tmp_path / "g", state), config=(json_file(tmp_path / "config.json", config),))
        found = imported(files, tmp_path / "model")
        assert found.understood.config.resblock_dilations == ((1, 3), (1, 3), (1, 3))
        assert found.understood.inventory.mel.f_max == 11025
        assert not found.understood.notes

    def test_fields_of_the_mel_can_be_corrected_and_this_is_kept(self, generator, tmp_path):
        files = Files(written(tmp_path / "g", generator[1]))
        imported(files, tmp_path / "model", mel=fields(["framing=centered", "magnitude_epsilon=0"]))
        saved = read_model(tmp_path / "model")
        assert (saved.inventory.mel.framing, saved.inventory.mel.magnitude_epsilon) == ("centered", 0)
        origin = json.loads((tmp_path / "model/config.json").read_text())["training"]["imported"]
        assert origin["mel"] == {"framing": "centered", "magnitude_epsilon": 0}

    def test_where_it_comes_from_is_kept(self, generator, tmp_path):
        path = written(tmp_path / "g_1", {"generator": generator[1]})
        imported(Files(path), tmp_path / "model", credit={"license": "MIT", "source": "https://example.org/g"})
        origin = json.loads((tmp_path / "model/config.json").read_text())["training"]["imported"]
        assert origin == {
            "layout": "hifigan_jik876",
            "file": "g_1",
            "sha256": origin["sha256"],
            "beside": {},
            "mel": {},
            "license": "MIT",
            "source": "https://example.org/g",
        }
        assert len(origin["sha256"]) == 64


class TestTrainingStartsFromIt:
    def test_a_generator_with_its_discriminators(self, generator, tmp_path):
        network, state = generator
        judge, content = hifigan_discriminators()
        files = Files(written(tmp_path / "g", {"generator": state}), written(tmp_path / "do", content))
        found = imported(files, tmp_path / "model")
        saved, inventory = read_model(tmp_path / "model"), Inventory(mel=MEL)
        started = HifiGan(found.understood.config, inventory).eval()
        start_from(started, saved, system="vocoders/hifigan", inventory=inventory)
        torch.testing.assert_close(vocoded(started), vocoded(network), atol=1e-6, rtol=1e-5)
        torch.manual_seed(9)
        other = type(judge)(found.understood.config.discriminator).eval()
        start_discriminator_from(other, saved)
        waveform = torch.randn(1, 2000)
        with torch.no_grad():
            for (ours, _), (theirs, _) in zip(other(waveform), judge(waveform), strict=True):
                torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
        assert any("discriminators: " in line for line in describe(found))

    def test_the_rows_of_an_acoustic_models_phones_by_their_names(self, fs2, tmp_path):
        found = imported(fs2[1], tmp_path / "model")
        saved = read_model(tmp_path / "model")
        inventory = dataclasses.replace(saved.inventory, symbols=("AA1", "HH", "sil"), speakers=("speaker",))
        started = FastSpeech2(found.understood.config, inventory)
        start_from(started, saved, system="acoustic/fastspeech2", inventory=inventory)
        rows = fs2[0].symbols.weight[[66, symbols.ming024().index("HH"), 357]]
        assert torch.equal(started.symbols.weight, rows)

    def test_discriminators_alone_are_no_model(self, tmp_path):
        content = {"mpd": {"a": torch.zeros(1)}, "msd": {}, "steps": 7}
        with pytest.raises(CheckpointError, match="discriminators only; import its g_ file"):
            imported(Files(written(tmp_path / "do", content)), tmp_path / "model")

    def test_discriminators_are_those_of_the_layout(self, fs2, generator, tmp_path):
        judge = written(tmp_path / "do", {"mpd": {}, "msd": {}})
        with pytest.raises(CheckpointError, match="fastspeech2_ming024: its discriminators cannot be imported"):
            imported(Files(fs2[1].weights, judge, statistics=fs2[1].statistics), tmp_path / "model")
        files = Files(written(tmp_path / "g", generator[1]), judge)
        with pytest.raises(CheckpointError, match=r"discriminators: the weights do not fit.*members\.0.* is missing"):
            imported(files, tmp_path / "model")
        with pytest.raises(CheckpointError, match="not mpd and msd"):
            imported(Files(files.weights, files.weights), tmp_path / "model")


class Module(torch.nn.Module):
    """What no reader of tensors knows."""


def bad_files(folder, state):
    """Files that are no checkpoint, and what is said of each."""
    folder.mkdir()
    good = written(folder / "good", state).read_bytes()
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("generator.pth.tar", good)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "script.pt"))
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 0xFF
    contents = {
        "empty": (b"", "is empty"),
        "page": (b"<!DOCTYPE html><html>", "perhaps a web page"),
        "tar.gz": (b"\x1f\x8b\x08\x00" + bytes(20), "is packed with gzip, unpack it first"),
        "cut": (good[:-400], "is cut off or damaged"),
        "damaged": (bytes(damaged), r"is cut off or damaged \(checksum of"),
        "half a pickle": (b"\x80\x02}q\x00", "is cut off or damaged"),
        "header.safetensors": (b"\x10\0\0\0\0\0\0\0{}", "is cut off or damaged"),
    }
    for name, (content, said) in contents.items():
        (folder / name).write_bytes(content)
        yield folder / name, said
    yield folder / "packed.zip", "is an archive of 1 files; unpack it"
    yield folder / "script.pt", "is TorchScript"
    yield folder / "absent", "cannot be read"
    yield written(folder / "module", {"model": Module()}), r"holds \S*Module, more than .*c\['model'\]\.state_dict"
    yield written(folder / "old module", {"model": Module()}, _use_new_zipfile_serialization=False), "holds .*Module"
    yield written(folder / "list", [torch.zeros(1)]), "holds a list, not tensors by name"


class TestRefused:
    @pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
    def test_files_that_are_no_checkpoint(self, generator, tmp_path):
        for path, said in bad_files(tmp_path / "files", generator[1]):
            with pytest.raises(CheckpointError, match=said) as caught:
                imported(Files(path), tmp_path / "model")
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)
        assert [each.name for each in tmp_path.iterdir()] == ["files"], "nothing is left behind"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda state: state.pop("conv_pre.bias"), "layout of none of .*; it holds conv_pre.weight_g"),
            (
                lambda state: state.pop("resblocks.2.convs.1.bias"),
                r"fit the network: resblocks\.2\.convs\.1\.bias is m",
            ),
            (lambda state: state.update(extra=torch.zeros(1)), "extra is left over"),
            (lambda state: state.update({"ups.0.bias": torch.zeros(9)}), r"ups\.0\.bias is \[9\], expected \[8\]"),
            (lambda state: state["ups.1.bias"].fill_(torch.nan), r"not all values are finite in ups\.1\.bias"),
            (lambda state: state.update({f"x{n}": torch.zeros(1) for n in range(7)}), r"x4 is left over \(and 2 more"),
        ],
    )
    def test_tensors_that_do_not_fit(self, tmp_path, change, said):
        _, state = hifigan_generator()
        change(state)
        with pytest.raises(CheckpointError, match=said):
            imported(Files(written(tmp_path / "g", {"generator": state})), tmp_path / "model")
        assert not (tmp_path / "model").exists()

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("decoder.layer_stack.0.pos_ffn.w_1.weight", r"lacks decoder\.layer_stack\.0\.pos_ffn\.w_1\.weight"),
            ("encoder.layer_stack.1.slf_attn.w_ks.bias", r"lacks encoder\.layer_stack\.1\.slf_attn\.w_ks\.bias"),
            ("postnet.convolutions.1.1.running_mean", r"postnet\.norms\.1\.running_mean is missing"),
        ],
    )
    def test_a_missing_tensor_of_an_acoustic_model(self, fs2, tmp_path, name, said):
        _, state = ming024()
        del state[name]
        files = Files(written(tmp_path / "a.pt", state), statistics=fs2[1].statistics)
        with pytest.raises(CheckpointError, match=said):
            imported(files, tmp_path / "model")

    def test_a_whole_missing_module(self, fs2, tmp_path):
        _, state = ming024()
        gone = {name: each for name, each in state.items() if ".pitch_predictor.conv_layer.layer_norm_2." not in name}
        files = Files(written(tmp_path / "a.pt", gone), statistics=fs2[1].statistics)
        with pytest.raises(CheckpointError, match=r"pitch_predictor\.conv_layer\.layer_norm_2\.\* is missing"):
            imported(files, tmp_path / "model")

    def test_two_networks_in_one_file(self, generator, tmp_path):
        files = Files(written(tmp_path / "g", {"a": generator[1], "b": generator[1]}))
        with pytest.raises(CheckpointError, match=r"several networks: a \(hifigan_jik876\), b \(hifigan_jik876\)"):
            imported(files, tmp_path / "model")

    def test_a_layout_that_is_unknown_or_another(self, generator, tmp_path):
        files = Files(written(tmp_path / "g", generator[1]))
        with pytest.raises(ConfigError, match="did you mean 'hifigan_jik876'"):
            imported(files, tmp_path / "model", layout="hifigan_jik867")
        with pytest.raises(CheckpointError, match="layout of none of tacotron2_nvidia"):
            imported(files, tmp_path / "model", layout="tacotron2_nvidia")

    def test_dilations_that_cannot_be_known(self, generator, tmp_path):
        config = json_file(tmp_path / "config.json", {"resblock_dilation_sizes": [[1], [1], [1]]})
        with pytest.raises(CheckpointError, match=r"have \[2, 2, 2\] convolutions, but the dilations are"):
            imported(Files(written(tmp_path / "g", generator[1]), config=(config,)), tmp_path / "model")

    @pytest.mark.parametrize(
        ("stats", "said"),
        [
            (None, r"give the stats\.json"),
            ({"pitch": [0, 1, 2]}, r"pitch must be \[min, max, mean, std\]"),
            ({**STATS, "energy": [0, 1, 2, 0]}, "energy must be .* with std above 0"),
            ({**STATS, "energy": [0, 1, 2, "3"]}, "energy must be"),
            ([1], "holds no mapping"),
        ],
    )
    def test_statistics(self, fs2, tmp_path, stats, said):
        statistics = None if stats is None else json_file(tmp_path / "other.json", stats)
        with pytest.raises(CheckpointError, match=said):
            imported(Files(fs2[1].weights, statistics=statistics), tmp_path / "model")

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ({"preprocessing": {"pitch": {"feature": "frame_level"}}}, "pitch of 'frame_level' cannot be imported"),
            ({"transformer": {"encoder_head": 3}}, r"hidden 16 is not a multiple of encoder\.heads 3"),
            ({"preprocessing": {"mel": {"mel_fmax": 20000}}}, "half the sample rate"),
        ],
    )
    def test_a_config_that_cannot_be(self, fs2, tmp_path, config, said):
        files = Files(
            fs2[1].weights, statistics=fs2[1].statistics, config=(json_file(tmp_path / "model.json", config),)
        )
        with pytest.raises((CheckpointError, ConfigError), match=said):
            imported(files, tmp_path / "model")

    def test_bins_that_are_not_even(self, fs2, tmp_path):
        _, state = ming024()
        state["variance_adaptor.energy_bins"] = torch.logspace(0, 2, 15)
        files = Files(written(tmp_path / "a.pt", state), statistics=fs2[1].statistics)
        with pytest.raises(CheckpointError, match="bins of energy are not evenly spaced"):
            imported(files, tmp_path / "model")

    def test_speakers_that_are_not_the_checkpoints(self, tmp_path):
        _, state = ming024(speakers=("ann", "bob"))
        path, statistics = written(tmp_path / "a.pt", state), json_file(tmp_path / "stats.json", STATS)
        with pytest.raises(CheckpointError, match=r"has 2 speakers; give the speakers\.json"):
            imported(Files(path, statistics=statistics), tmp_path / "model")
        for value, said in (
            (["ann"], "has 2 speakers, the file of speakers 1"),
            ({"ann": 1, "bob": 2}, "ids from 0 on"),
            ([1, 2], "must hold names by id"),
        ):
            speakers = json_file(tmp_path / "speakers.json", value)
            with pytest.raises(CheckpointError, match=said):
                imported(Files(path, statistics=statistics, speakers=speakers), tmp_path / "model")

    def test_symbols_that_are_not_the_checkpoints(self, fs2, tmp_path):
        path = tmp_path / "symbols.txt"
        for names, said in (
            (["a", "b"], "has 361 symbols, the file of symbols has 2"),
            ([*map(str, range(360)), "7"], "the symbol '7' is there twice"),
        ):
            path.write_text("\n".join(names))
            with pytest.raises(CheckpointError, match=said):
                imported(Files(fs2[1].weights, statistics=fs2[1].statistics, symbols=path), tmp_path / "model")

    @pytest.mark.parametrize(
        ("texts", "said"), [(["framing"], "must be FIELD=VALUE"), (["frames=1"], r"mel\.frames: unknown key")]
    )
    def test_fields_of_the_mel(self, generator, tmp_path, texts, said):
        with pytest.raises(ConfigError, match=said):
            imported(Files(written(tmp_path / "g", generator[1])), tmp_path / "model", mel=fields(texts))

    def test_names_that_are_taken(self, tmp_path):
        paths = Paths(tmp_path)
        (tmp_path / "params.yaml").write_text("runs: {mine: {}}\n")
        paths.model("there").mkdir(parents=True)
        for name, said in (("a/b", "no name of a folder"), ("mine", "`tts train mine` writes"), ("there", "exists")):
            with pytest.raises(ConfigError, match=said):
                require_free(paths, name, force=False)
        require_free(paths, "there", force=True)
        require_free(paths, "free", force=False)


class TestSymbols:
    def test_tables_are_as_long_as_published_and_name_nothing_twice(self):
        for table, size in ((symbols.ming024(), 361), (symbols.nvidia(), 148), (symbols.jinhan(), 80)):
            assert len(table) == len(set(table)) == size

    def test_known_places(self):
        """Ids as the public text front ends give them."""
        ming024_, nvidia_, jinhan_ = symbols.ming024(), symbols.nvidia(), symbols.jinhan()
        assert (ming024_[65], ming024_[66], ming024_[147], ming024_[148]) == ("AA0", "AA1", "ZH", "@b")
        assert (ming024_[356], ming024_[357], ming024_[359]) == ("@rr", "sil", "@sil")
        assert (nvidia_[11], nvidia_[38], nvidia_[63], nvidia_[66]) == ("space", "a", "z", "@AA1")
        assert (jinhan_[1], jinhan_[2], jinhan_[20], jinhan_[21]) == ("~", "ㄱ", "ㅎ", "ㅏ")
        assert (jinhan_[42], jinhan_[48], jinhan_[68], jinhan_[79]) == ("-ㄱ", "(-ㄷ)", "-ㅎ", "space")

    def test_what_front_ends_say_is_there_or_told(self):
        name, lacking, unsaid = symbols.front_end(symbols.ming024())
        assert (name, lacking, len(unsaid)) == ("english, stress true", [], 361 - 69 - 1)
        assert symbols.front_end(symbols.nvidia())[:2] == ("characters", [])
        assert symbols.front_end(symbols.jinhan())[:2] == ("korean", ["-ㄷ"])

    def test_english_speaks_with_stress_and_is_told_so_without(self, fs2, generator, tmp_path):
        imported(fs2[1], tmp_path / "acoustic")
        vocoder = Files(written(tmp_path / "g", generator[1]))
        imported(vocoder, tmp_path / "vocoder", mel={"framing": "centered", "magnitude_epsilon": 0})
        voice = Voice.load(tmp_path / "acoustic", tmp_path / "vocoder")
        for stress in (True, False):
            frontend = build_frontend(TextSettings(frontend="english", stress=stress))
            (words,) = frontend.pronounce([frontend.normalize("Good morning, all.", "en")], "en")
            if stress:
                voice.require_known(speakable(words))
            else:
                with pytest.raises(TextError, match=r"361 others, of which .*; it tells .* set text\.stress to true"):
                    voice.require_known(speakable(words))


def test_every_layout_is_in_the_table():
    files = Path(imports.__file__).parent.glob("*.py")
    modules = [importlib.import_module(f"tts.imports.{file.stem}") for file in files if file.stem != "__init__"]
    assert {id(each.LAYOUT) for each in modules if hasattr(each, "LAYOUT")} == set(map(id, LAYOUTS.values()))
