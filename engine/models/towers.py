"""Which audio towers there are: the one registry.

A tower is a module of its own, whose ``TOWER`` says the rest
(:class:`engine.models.encoders.AudioTowerEntry`).  Names stand in ``model.json``, and are asked for
where torch must not be loaded; so the registry imports nothing.
"""

from __future__ import annotations

COMPACT = "compact"  # ours, which ships
MN04 = "efficientat-mn04"  # its teacher
PAIR = "efficientat-mn04-and-compact"  # both, heard together
RESNET38 = "panns-resnet38"  # of the paper
HTSAT = "clap-htsat"  # of the paper, too

AUDIO_TOWERS = {
    COMPACT: "engine.models.compact",
    MN04: "engine.models.efficientat",
    PAIR: "engine.models.pair",
    RESNET38: "engine.models.panns",
    HTSAT: "engine.models.clap",
}
