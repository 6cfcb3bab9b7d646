"""Acts as the program `mfa`: takes the calls of version 3.4.3, writes what it writes, and fails as it fails, if asked.

Nothing is heard: phones are spread evenly between a little silence at both ends. What it is told by environment
variables: MFA_STAND_IN_FOLDER (where it notes its calls), _VERSION, _FAULT, _BEAMS ({file: narrowest beam}),
_SPN and _GARBAGE (files), _CHOOSES (first or last pronunciation).
"""

import json
import os
import signal
import subprocess
import sys
import time
import wave
import zipfile
from itertools import chain
from pathlib import Path

HEARD_VERSION = "3.4.3"
POSITIONALS = {
    "train": ("CORPUS_DIRECTORY", "DICTIONARY_PATH", "OUTPUT_MODEL_PATH"),
    "align": ("CORPUS_DIRECTORY", "DICTIONARY_PATH", "ACOUSTIC_MODEL_PATH", "OUTPUT_DIRECTORY"),
}
COMMON = {"--temporary_directory": 1, "--num_jobs": 1, "--clean": 0, "--output_format": 1, "--config_path": 1}
OPTIONS = {"train": COMMON | {"--output_directory": 1}, "align": COMMON | {"--no_tokenization": 0}}
SHORT = {"-t": "--temporary_directory", "-j": "--num_jobs", "-c": "--config_path"}
UNLISTED = ("--beam", "--retry_beam")  # read from what is left after the positionals
TRACEBACK = """ ERROR    There was an error in the run, please see the log.
Exception ignored in atexit callback: <bound method ExitHooks.history_save_handler of <ExitHooks object at 0x7fb6>>
Traceback (most recent call last):
  File "mfa/bin/mfa", line 6, in <module>
    sys.exit(mfa_cli())
             ^^^^^^^^^
{}
"""


def asked(name, default=""):
    return os.environ.get(f"MFA_STAND_IN_{name}", default)


def info(text):
    print(f" INFO     {text}", flush=True)


def crash(exception):
    print(TRACEBACK.format(exception), file=sys.stderr, flush=True)
    sys.exit(1)


def refuse(argument, why):
    inner = "\n".join(f"│ {line:<76} │" for line in f"Invalid value for '{argument}': {why}".splitlines())
    print(f"\n Usage: mfa align [OPTIONS] ...\n\n╭─ Error {'─' * 69}╮\n{inner}\n╰{'─' * 78}╯\n", file=sys.stderr)
    sys.exit(2)


def parse(verb, arguments):
    """Like click with ignore_unknown_options: an unknown option counts as a positional where it stands."""
    options, rest, queue = {}, [], list(arguments)
    while queue:
        argument = SHORT.get(queue[0], queue[0])
        queue.pop(0)
        if argument in OPTIONS[verb]:
            options[argument] = queue.pop(0) if OPTIONS[verb][argument] else True
        else:
            rest.append(argument)
    names = POSITIONALS[verb]
    extra = rest[len(names) :]
    if len(rest) < len(names) or len(extra) % 2 or not set(extra[::2]) <= set(UNLISTED):
        print(f"the stand-in does not know {rest}", file=sys.stderr)
        sys.exit(3)
    return dict(zip(names, map(Path, rest), strict=False)), options, dict(zip(extra[::2], extra[1::2], strict=True))


def note(verb, places, options, extra):
    clips = sorted(path.stem for path in places["CORPUS_DIRECTORY"].rglob("*.wav"))
    call = {
        "verb": verb, "options": options, "extra": extra, "clips": clips, "root": os.environ["MFA_ROOT_DIR"],
        "speakers": sorted(path.name for path in places["CORPUS_DIRECTORY"].iterdir()),
        "corpus": str(places["CORPUS_DIRECTORY"]), "dictionary": places["DICTIONARY_PATH"].read_text(),
        "texts": {path.stem: path.read_text() for path in places["CORPUS_DIRECTORY"].rglob("*.lab")},
    }  # fmt: skip
    with (Path(asked("FOLDER")) / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def check(places, options):
    corpus, root = places["CORPUS_DIRECTORY"], os.environ["MFA_ROOT_DIR"]
    if not corpus.is_dir():
        refuse("CORPUS_DIRECTORY", "Corpus directory does not exist.")
    if str(corpus).startswith(root):
        refuse("CORPUS_DIRECTORY", "Corpus directories must be outside of MFA's temporary directory")
    if not places["DICTIONARY_PATH"].is_file():
        refuse("DICTIONARY_PATH", f'FileArgumentNotFoundError:\n\nCould not find "{places["DICTIONARY_PATH"]}".')
    temporary = Path(options["--temporary_directory"])
    if Path(root).exists() or temporary.exists() or not options.get("--clean"):
        crash("AssertionError: state of another run")
    (Path(root) / "global_config.yaml").parent.mkdir(parents=True)
    (temporary / corpus.name).mkdir(parents=True)


def wavs(corpus):
    info("Setting up corpus information...")
    info("Loading corpus from source files...")
    found = {}
    for path in sorted(corpus.rglob("*.wav")):
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            found[path] = file.getnframes() / file.getframerate()
    if not found:
        crash(
            "montreal_forced_aligner.exceptions.CorpusError: CorpusError:\n\n"
            "There were no files found for this corpus. Please validate the corpus."
        )
    return found


def dictionary(path):
    words = {}
    for line in path.read_text().splitlines():
        word, *phones = line.split()
        words.setdefault(word, []).append([each for each in phones if not each[0].isdigit()])
    return words


def fail():
    fault = asked("FAULT")
    if fault == "crash":
        crash("soundfile.LibsndfileError: Error opening 'corpus/spk/agent-pass.wav': Format not recognised.")
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "usage":
        refuse("ACOUSTIC_MODEL_PATH", 'PretrainedModelNotFoundError:\n\nCould not find a model named "x" for acoustic.')
    if fault == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        info("monophone - Iteration 12 of 40")
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (Path(asked("FOLDER")) / "worker").write_text(str(worker.pid))
        time.sleep(600)


def train(places, options):
    found = wavs(places["CORPUS_DIRECTORY"])
    fail()
    phones = sorted({phone for each in dictionary(places["DICTIONARY_PATH"]).values() for p in each for phone in p})
    info("monophone - Iteration 1 of 40")
    info("Training complete!")
    if asked("FAULT") != "empty":
        meta = {"phones": phones, "version": HEARD_VERSION, "training": {"num_utterances": len(found)}}
        write_model(places["OUTPUT_MODEL_PATH"], meta)


def write_model(path, meta):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/meta.json", json.dumps(meta))


def align(places, options, extra):
    if not places["ACOUSTIC_MODEL_PATH"].is_file():
        why = f'PretrainedModelNotFoundError:\n\nCould not find a model named "{places["ACOUSTIC_MODEL_PATH"]}".'
        refuse("ACOUSTIC_MODEL_PATH", why)
    found = wavs(places["CORPUS_DIRECTORY"])
    fail()
    beam, narrowest = int(extra["--beam"]), json.loads(asked("BEAMS", "{}"))
    reached = [path for path in found if narrowest.get(path.stem, 0) <= beam]
    info("Performing first-pass alignment...")
    if not reached:
        crash(
            "montreal_forced_aligner.exceptions.NoAlignmentsError: NoAlignmentsError:\n\n"
            f"There were no successful alignments for {len(found)} utterances."
        )
    output = places["OUTPUT_DIRECTORY"]
    if asked("FAULT") != "empty":
        write_alignments(reached, found, dictionary(places["DICTIONARY_PATH"]), places["CORPUS_DIRECTORY"], output)
    info(f"Finished exporting TextGrids to {output}!")
    print("  67% ━━━━━━━━━━━━━━━╸        2/3  [ 0:00:01 < -:--:-- , ? it/s ]", flush=True)
    info("Done! Everything took 12.401 seconds")


def write_alignments(reached, found, words, corpus, output):
    rows = ["file,begin,end,speaker,overall_log_likelihood,speech_log_likelihood,phone_duration_deviation"]
    for number, path in enumerate(reached):
        if asked("FAULT") == "half" and 2 * number >= len(reached):
            crash("RuntimeError: kalpy ran into a wall")
        target = (output / path.relative_to(corpus)).with_suffix(".TextGrid")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.with_suffix(".lab").read_text().split()
        grid = textgrid(text, words, found[path], unknown=path.stem in asked("SPN"))
        target.write_text(grid[: len(grid) // 2] if path.stem in asked("GARBAGE") else grid)
        rows.append(f"{path.stem},0.0,{found[path]},{path.parent.name},{-50 - number},,1.5")
    (output / "alignment_analysis.csv").write_text("\n".join([*rows, ""]))


def textgrid(text, words, seconds, *, unknown):
    which = -1 if asked("CHOOSES") == "last" else 0
    said = [["spn"] if unknown or word not in words else words[word][which] for word in text]
    count = sum(map(len, said))
    edge = min(0.1, seconds / 4)
    times = [round(edge + (seconds - 2 * edge) * index / count, 2) for index in range(count + 1)]
    phones = [(times[index], times[index + 1], phone) for index, phone in enumerate(chain.from_iterable(said))]
    starts = [sum(map(len, said[:index])) for index in range(len(said) + 1)]
    spoken = [(times[a], times[b], word) for a, b, word in zip(starts, starts[1:], text, strict=False)]
    return long_format(seconds, {"words": spoken, "phones": phones})


def long_format(seconds, tiers):
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {seconds} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, marks) in enumerate(tiers.items(), start=1):
        marks = [(0.0, marks[0][0], ""), *marks, (marks[-1][1], seconds, "")]
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        lines += ["        xmin = 0 ", f"        xmax = {seconds} ", f"        intervals: size = {len(marks)} "]
        for index, (start, end, label) in enumerate(marks, start=1):
            lines += [f"        intervals [{index}]:", f"            xmin = {start} "]
            lines += [f"            xmax = {end} ", f'            text = "{label}" ']
    return "\n".join([*lines, ""])


def main(verb, *arguments):
    if asked("FAULT") == "import":
        crash("ModuleNotFoundError: No module named '_kalpy'")
    if verb == "version":
        print(asked("VERSION", HEARD_VERSION))
        return
    places, options, extra = parse(verb, arguments)
    check(places, options)
    note(verb, places, options, extra)
    train(places, options) if verb == "train" else align(places, options, extra)


if __name__ == "__main__":
    main(*sys.argv[1:])
