"""Names of classes that a development set lacks, so that it is judged among all of them."""

OTHERS_OF_ESC50 = (  # the 28 classes of ESC-50 that esc50_dev lacks, named as its labels are
    *("pig grunting", "frog croaking", "hen clucking", "insects flying", "sheep bleating"),
    *("crow cawing", "crickets chirping", "water drops", "pouring water", "toilet flush"),
    *("clapping", "breathing", "coughing", "footsteps", "laughing", "brushing teeth"),
    *("drinking or sipping", "door knock", "mouse click", "door or wood creaking", "can opening"),
    *("washing machine", "vacuum cleaner", "engine", "train", "airplane", "fireworks", "hand saw"),
)
