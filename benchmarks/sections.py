"""What stands in docs/benchmarks.md: every benchmark, its command, its data and protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _every(_: dict[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class Section:
    """One question: its results (patterns of names), how they are got, and what of them is shown.

    :param about: data and protocol, in a few sentences.
    :param columns: which, in this order; all if none is named.
    """

    question: str
    results: tuple[str, ...]
    commands: tuple[str, ...]
    about: str
    columns: tuple[str, ...] = ()
    shows: Callable[[dict[str, Any]], bool] = _every


def _section(
    question: str,
    results: str,
    commands: str,
    about: str,
    columns: tuple[str, ...] = (),
    shows: Callable[[dict[str, Any]], bool] = _every,
) -> Section:
    """Return a section; results are apart by blanks, commands (modules, options) by semicolons."""
    lines = tuple(f"python -m benchmarks.{command.strip()}" for command in commands.split(";"))
    return Section(question, tuple(results.split()), lines, about, columns, shows)


_FINDING = (
    _section(
        "How well do texts find sounds, and sounds their labels?",
        "quality",
        "quality",
        "*Data.* Both shipped models; `default-mn04` has to be got first (`soundsift models "
        "get default-mn04`). The figures are those of `soundsift evaluate zero-shot` "
        "(`esc50_dev`, `kitchen20_dev`) and `soundsift evaluate retrieval` (`valid` with its "
        "merged labels as captions; the 32 demo sounds with their descriptions), on manifests "
        "that `soundsift train manifest` writes. *per clip* looks at one clip at a time, "
        "*plain* ranks by distance, *bank* takes out what is near to every text of the model's"
        " bank, *library* does so with the captions of the other clips, as searches do in a "
        "library whose names tell something, *paper* transports the whole test set at once, "
        "which lets each query see the others. [Experiments](experiments.md) say what "
        "`library` flatters. On `valid` the shipped model is ahead, presumably because its "
        "tower learned on sounds of the same collections; ESC-50 comes from elsewhere: expect "
        "that order, with `default-mn04` ahead, on sounds of your own.",
    ),
    _section(
        "How much of what people type is found: by words, by sound, by both?",
        "intentions intentions_*",
        "intentions --model NAME",
        "*Data.* The sounds of train, train2 and valid; half of their names tell nothing. "
        "Queries as sound designers type them, with the labels that answer each, named by "
        "hand: two thirds to choose things on (`choose`), a third only to report. Below these,"
        " both together by kind of query; ± is one standard error over queries. The models "
        "have heard the training splits with their labels: compare ways to search with one "
        "another, not with other figures.",
        ("queries", "count", "search by", "P@10", "± P@10", "first right", "± first right"),
        lambda row: row["queries"] in ("choose", "report") or row["search by"] == "both",
    ),
    _section(
        "What is a model's memory of training captions worth, where it was not trained?",
        "caption_memory caption_memory_default-mn04",
        "caption_memory --model NAME",
        "*Data.* Sets of which no sound is remembered, by distance, texts asked as searches ask "
        "them; esc50_dev among the 50 names of ESC-50 ([decision 37](decisions/0037-memory.md)).",
    ),
    _section(
        "And how much of it is that training sounds are recognised?",
        "caption_memory_queries*",
        "caption_memory --model NAME",
        "*Data.* The queries of `benchmarks.intentions`, by sound alone and by distance, in "
        "their library of train, train2 and valid. *The other half*: every sound is ranked by a "
        "memory that lacks its recording, and with it half of all that would be remembered.",
    ),
    _section(
        "Is a match strength of p right in p of all cases?",
        "reliability reliability_*",
        "intentions.reliability --model NAME",
        "*Data.* As above: the twenty best results of every query that is only reported, by "
        "the strength that is shown ([decision 6](decisions/0006-strength.md)); fitted on the "
        "queries for choosing.",
        shows=lambda row: row["strength"] == "as shown",
    ),
    _section(
        "Can strength tell a search that has an answer from one that has none?",
        "no_match",
        "no_match",
        "*Data.* `esc50_dev` is searched by `default` for each of its 22 classes, with its "
        "sounds there and with them removed: AUROC of the best result's strength, and the "
        "share of either kind on the right side of the divider.",
    ),
    _section(
        "Are searches for what nothing sounds like refused, and others not?",
        "soundless soundless_*",
        "soundless --model NAME",
        "*Data.* 488 texts of what nothing sounds like in 32 topics; each is asked with a probe of "
        "texts that never saw its topic. Beside them the labels of the library's own sounds. "
        "The models have heard train and train2; the divider was chosen on `valid`.",
    ),
    _section(
        "Do sound and words together find more than either alone?",
        "hybrid hybrid_wrong",
        "hybrid; hybrid --wrong 0.2",
        "*Data.* `valid`, indexed by `default`; half of the names are labels, half say "
        "nothing; in the second table a fifth of the telling names is wrong. The weight of the"
        " words was chosen here ([decision 9](decisions/0009-hybrid.md)).",
    ),
    _section(
        "Does ranking with the library's own words gain?",
        "library_ranking",
        "library_ranking",
        "*Data.* `valid` with `default`, one mean vector a clip. The protocol `library` leaves"
        " a tenth of the texts out of the bank, among them the one looked for; beside it stand"
        " a bonus for the sounds of that tenth without any transport, and rankings among these"
        " alone, where nothing is given away.",
    ),
    _section(
        "Is the same recording found again, and only it?",
        "duplicates",
        "duplicates",
        "*Data.* `esc50_dev`, `kitchen20_dev` and `valid`, and copies of 300 of their sounds "
        "made in nine ways ([decision 17](decisions/0017-duplicates.md)); no threshold was "
        "chosen on them.",
    ),
)

_TAGGING = (
    _section(
        "How often is the UCS category right?",
        "tag_ucs tag_ucs_*",
        "tagging.ucs --model NAME",
        "*Data.* The clips of `valid` whose labels were mapped to UCS by hand, from their "
        "texts alone; all 752 categories compete. The last rows: sounds of other collections, "
        "names hidden.",
    ),
    _section(
        "What do accepted tags teach about other sounds?",
        "tag_taught tag_taught_*",
        "tagging.taught --model NAME",
        "*Data.* Three sets whose file names are hidden. The right tags of a share of the "
        "recordings are accepted, the others are tagged per clip; `valid` has a label of its own "
        "for most clips, so that there others can mostly mislead ([decision "
        "40](decisions/0040-examples.md)).",
    ),
    _section(
        "Does a folder's name help to tag what is in it?",
        "tag_folders tag_folders_*",
        "tagging.folders --model NAME",
        "*Data.* Three sets whose file names say nothing, each clip tagged alone; their folders "
        'say nothing, what the sounds are, what others are, or all "kitchen" ([decision '
        "42](decisions/0042-folder-names.md)).",
    ),
    _section(
        "By which texts should a UCS category be known?",
        "tag_label_texts tag_label_texts_*",
        "tagging.label_texts --model NAME",
        "*Data.* The same clips, names hidden, each by itself ([decision "
        "13](decisions/0013-tagging.md)).",
    ),
    _section(
        "Does tagging with a list of names agree with zero-shot classification?",
        "tag_zero_shot tag_zero_shot_*",
        "tagging.zero_shot --model NAME",
        "*Data.* `esc50_dev` with its 22 labels and with all 50 names of ESC-50: each clip "
        "alone, all as one folder, each class as a folder.",
    ),
    _section(
        "Are the probabilities of tags what they say?",
        "tag_calibration tag_calibration_*",
        "tagging.calibration --model NAME",
        "*Data.* Fitted on `valid`, measured on `esc50_dev`: the expected calibration error in"
        " ten bins.",
    ),
    _section(
        "Are wrong names found?",
        "tag_audit tag_audit_*",
        "tagging.audit --model NAME",
        "*Data.* A tenth of the names of `valid` exchanged in pairs, or replaced; fitted on "
        "five draws of each, measured on five others.",
    ),
    _section(
        "How many sounds are tagged in a second?",
        "tag_speed",
        "tagging.speed",
        "A synthetic library (`benchmarks/synthetic.py`) with all of UCS; the alternative asks"
        " for one sound after the other.",
    ),
)

_SPEED = (
    _section(
        "How fast is indexing, where does the time go, and how much faster is it than CLAP?",
        "indexing",
        "indexing",
        "Demo sounds, cut and coded (48 kHz, stereo). CLAP's HTSAT (random weights of the true"
        " size) hears the same files through the same decoder and threads; of five seconds it "
        "makes ten, as its authors' front end does. The rows of `default-mn04` were measured "
        "before it heard with both towers ([decision 39](decisions/0039-two-towers.md)).",
    ),
    _section(
        "How many seconds of audio does each audio tower hear in a second?",
        "towers",
        "towers",
        "One thread, random weights where the model is not ours.",
    ),
    _section(
        "How much does one very long recording take?",
        "long_file",
        "long_file",
        "FLAC, mono, 16 kHz, tones in noise: indexed in one go, and stopped after a third of "
        "the time.",
    ),
    _section(
        "How long does a search take in large libraries, and beside faiss?",
        "scale",
        "scale",
        "Up to a million windows a whole synthetic library, searched as the window does, words"
        " and text encoder included, in a process of its own; at ten million vectors alone, "
        "recall against exact float32. faiss searches the same vectors for the same 20 "
        "([decision 10](decisions/0010-vectors.md)).",
    ),
    _section(
        "How long does a search take from a cold process?",
        "searching",
        "searching",
        "`soundsift search`, start of the process included; by words alone no model is loaded.",
    ),
    _section(
        "How long does a cue sheet take, and is it the best there is?",
        "cue_sheet",
        "cue_sheet",
        "Beside it the exact assignment of every cue to every sound by scipy.",
    ),
    _section(
        "How true is the map of a library, and what does it cost?",
        "library_map",
        "library_map",
        "*Data.* The sounds of the data folder, and synthetic libraries. Every way arranges the "
        "same mean vectors in 64 principal components. *kept*: the share of a sound's 15 nearest "
        "that are among its 15 nearest on the map; *trustworthiness*: Venna and Kaski's, of at "
        "most 5,000 sounds; *distances*: rank correlation of distances between random pairs "
        "([decision 25](decisions/0025-library-map.md)).",
    ),
    _section(
        "How long does a change of model take?",
        "remapping",
        "remapping",
        "A synthetic library of one window a sound, to a model with the same audio tower and "
        "back; nothing is decoded.",
    ),
)

_WINDOW = (
    _section(
        "How soon is the window there?",
        "gui_first_paint",
        "gui.first_paint",
        "Each start is a process of its own, by the clock of the system that started it; "
        "painted off the screen.",
    ),
    _section(
        "How many keys and clicks do the tasks of a sound designer's day take?",
        "gui_working_day",
        "gui.working_day",
        "*Data.* The 32 demo sounds and 20 of them under a recorder's numbers; each task is done "
        "by keys and clicks alone and has to reach its end, sessions being a stand-in. *letters* "
        "are typed; finding begins in the search bar, everything else at the sound that is heard. "
        "Beside it the last steps in BaseHead, from the sound that is chosen there, where its "
        "knowledge base can be counted from (its pages on the waveform, version 2024, and on the "
        "node tree); of Soundminer's manuals (4.1.8, HD 1.2, the pages on version 5) no step of "
        "these could be counted from what was read, which of both was the beginning of each page.",
    ),
    _section(
        "How long from a key to the first result?",
        "gui_typing",
        "gui.typing",
        "A key each 120 ms; counted until the results of the text as it then stands are "
        "painted, the pause for more keys included.",
    ),
    _section("Does scrolling stay smooth?", "gui_scrolling", "gui.scrolling", "100,000 rows."),
    _section(
        "How long does the window stand still?",
        "gui_event_loop",
        "gui.event_loop",
        "A timer of 1 ms notes how late it comes while real sounds are indexed ([decision "
        "11](decisions/0011-window.md)).",
    ),
    _section(
        "How long from the key to the sound?",
        "gui_sound_start",
        "gui.sound_start",
        "A sound server's monitor is recorded, and what was played found in it by "
        "cross-correlation.",
    ),
    _section(
        "Does the map of a million sounds stay smooth?",
        "gui_map",
        "gui.map",
        "A synthetic library with a made-up map of 400 clusters, 1440 × 900, painted off the "
        "screen. Pictures of the points are made in a job while frames are painted; a frame is "
        "what stands between two looks at the events.",
    ),
    _section(
        "Does memory stay flat?", "gui_memory", "gui.memory", "300 sounds, after 100 to warm up."
    ),
    _section(
        "Is a million sounds still usable?", "gui_million", "gui.million", "A synthetic library."
    ),
    _section(
        "Does it survive a monkey?",
        "gui_monkey",
        "gui.monkey",
        "Random keys, clicks, drags, drops, folders that change, indexing, dialogs.",
    ),
)

_TRAINING = (
    _section(
        "How long does entropic transport take to converge?",
        "solver",
        "solver",
        "*Data.* Costs of training clips and their labels as `default` embeds them; all solve "
        "the same float32 matrix. The last column is what want of convergence does to training"
        " ([decision 19](decisions/0019-solver.md)). For all rows `pip install ott-jax`.",
    ),
    _section(
        "How long do the m-LTM loss and its gradient take, beside POT?",
        "loss",
        "loss",
        "From embeddings to the gradients of embeddings and metric. *early*: pairs hardly "
        "alike; *late*: nearly matched. POT back-propagates through its solver.",
    ),
    _section(
        "Does one plan over 4,096 pairs fit?",
        "large_batch",
        "large_batch",
        "Each method in a process of its own; it may use 16 GB and ten minutes.",
    ),
    _section(
        "How fast is a training step, and what share of the possible is that?",
        "training_step",
        "training_step --device cuda",
        "The paper's layout: ResNet38 and BERT-base with random weights, 256 sounds of 10 s "
        "([decision 18](decisions/0018-feeding.md)).",
    ),
    _section(
        "How fast does `soundsift train fit` go at the paper's scale?",
        "paper_scale",
        "paper_scale --device cuda",
        "An AudioCaps of the real size, made on the spot.",
    ),
    _section(
        "How does the compact tower learn?",
        "student_curve",
        "student_curve RUN... SPECTRA",
        "*Data.* Snapshots of the distillation of the first model, whose folders are not part "
        "of the project, read by a finished model.",
    ),
    _section(
        "What is the second view worth?",
        "second_view",
        "second_view --match RUN... --tags RUN --student TOWER",
        "*Data.* Runs of [training](training.md), whose folders are not part of the project.",
    ),
    _section(
        "Does the guard of personal training see what is forgotten?",
        "personal_forgetting",
        "personal forgetting --model runs/train-alone",
        "*Data.* Libraries of train2, with a model whose heads and metric learned on train alone, "
        "on the features of `default-mn04`; `python -m benchmarks.personal --help` says how it is "
        "made ([decision 8](decisions/0008-personal-training.md)). Shown is what was trained all "
        "the way.",
        shows=lambda row: row["way"] in (0, 1),
    ),
    _section(
        "What does training on a library gain?",
        "personal_gains_*",
        "personal gains --model runs/train-alone --names NAMES",
        "*Data.* train2 as a library under its labels, some of them wrong, or its files' own "
        "names; the same model. Three seeds, which part the library, too.",
    ),
)

_FILES = (
    _section(
        "Does anything but our fields change in files that tags are written into?",
        "written_files written_files_refused",
        "written_files",
        "Files of every format, forged by hand in unusual ways (odd chunks, foreign tags, "
        "other encodings, damage), written as `soundsift tag` does, read by others' readers, "
        "and taken back ([safety](safety.md)). *changed* counts foreign data, audio or "
        "attributes that are not as they were; *restored* what is again as it was, byte for "
        "byte.",
    ),
)

_TOGETHER = (
    _section(
        "Does a Ray cluster make indexing faster, and does it lose anything?",
        "cluster",
        "cluster",
        "All nodes are of one machine: one with its cores beside threads; 1 to 8 nodes with an "
        "encoder that only sleeps; nodes killed with all their processes, the library compared "
        "with that of a calm run ([decision 30](decisions/0030-ray.md)).",
    ),
    _section(
        "Is a library the same though its workers were killed thirty times?",
        "team_workers",
        "team_workers",
        "Small sounds in a library on a PostgreSQL server; workers are killed all over their "
        "work, and what they made is compared with one undisturbed run into a file ([decision "
        "31](decisions/0031-workers.md)).",
    ),
    _section(
        "Does a search over a team's server take longer than over a file?",
        "team_search",
        "team_search",
        "A synthetic library in a file and on a PostgreSQL server of the same machine. One warm "
        "client asks both in turn, so that whatever else the machine does falls on both; both have "
        "to find the same.",
    ),
    _section(
        "How long until a client has a team's library, and sees what others change?",
        "team_sync",
        "team_sync",
        "A synthetic library on a PostgreSQL server of the same machine. A client without a cache "
        "takes all vectors by TCP, through a door that counts bytes; then nothing new; then those "
        "of 100 new sounds. Then one client tags and adds, and another looks every 20 ms.",
    ),
    _section(
        "Does a team's library keep everything while ten people and two workers are at it?",
        "team_clients team_clients_killed",
        "team_clients; team_clients --server-kills 5",
        "Clients, each a process with a role and a cache of its own, search and tag while two "
        "workers listen, all on the server's machine; in the second run the server is killed "
        "with all its processes. In the end decisions are compared with what each client "
        "remembers, sounds with an undisturbed run into a file, and the database is checked "
        "(`soundsift team doctor`, `pg_amcheck`). Times are of what succeeded.",
    ),
    _section(
        "How large does a team's library get?",
        "team_bytes team_sizing",
        "team_sizing",
        "Bytes of a synthetic library on a PostgreSQL server, after `VACUUM`; more windows are on "
        "paper: those bytes, and the rate at which two cores hear WAV files, as if it grew with "
        "cores and machines ([team](team.md)).",
    ),
)

GROUPS = {
    "How well it finds": _FINDING,
    "Tagging": _TAGGING,
    "Speed of searching and indexing": _SPEED,
    "The window": _WINDOW,
    "Training and transport": _TRAINING,
    "Files": _FILES,
    "More than one machine": _TOGETHER,
}
