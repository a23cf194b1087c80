"""What training says to whoever made the sounds."""

from app.gui.training.words import doing, doubt, figures, gained, measured

BEFORE = {"r1": 0.48, "r10": 0.82, "map10": 0.58, "agreement": 1.0}
AFTER = {"r1": 0.61, "r10": 0.9, "map10": 0.7, "agreement": 0.94}
OUTCOME = {"before": BEFORE, "after": AFTER, "names": 100, "held_out": 212}


def test_the_gain_is_one_line_of_cases():
    assert gained(OUTCOME) == "Finds the right sound first in 61 of 100 cases, 48 before."


def test_where_the_first_place_is_as_before_the_first_ten_are_told():
    same = {**OUTCOME, "after": {**AFTER, "r1": BEFORE["r1"]}}
    said = "Finds the right sound among the first ten in 90 of 100 cases, 82 before."
    assert gained(same) == said


def test_a_gain_that_is_not_confirmed_is_doubted():
    assert doubt(OUTCOME) == ""
    assert "do not confirm" in doubt({**OUTCOME, "after": {**AFTER, "map10": 0.5}})


def test_no_word_of_what_is_shown_at_first_is_the_trainers():
    stages = ("judging the model as it is", "training", "training the text tower", "comparing")
    said = " ".join(
        [gained(OUTCOME), measured(OUTCOME)]
        + [doing({"stage": stage, "left_s": 100.0}) for stage in (*stages, "writing")]
    )
    for word in ("loss", "epoch", "step", "tower", "mAP", "held-out", "recall", "judging"):
        assert word not in said
    assert said.count("about 2 minutes left") == 5


def test_the_trainers_stages_are_all_known_by_other_names():
    """What is not known would be shown as the trainer calls it."""
    from trainer.recipes.personal import PersonalConfig, _stages

    for stage in _stages(PersonalConfig(tower_steps=1)):
        assert doing({"stage": stage.name}) != f"{stage.name.capitalize()} …"


def test_figures_that_were_not_measured_are_left_out():
    unknown = {**OUTCOME, "before": {**BEFORE, "agreement": None}}
    assert figures(OUTCOME)[0][1:] == ("48%", "61%")
    assert len(figures(unknown)) == 3 == len(figures(OUTCOME)) - 1
